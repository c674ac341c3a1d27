"""Flags with which XLA compiles the many small programs of the tests, most of which run once, in half the time."""

import os
import subprocess
import sys

import jaxlib

FLAGS = ("--xla_backend_optimization_level=1", "--xla_cpu_use_fusion_emitters=false")


def quick_flags(cache) -> str:
    """Return the FLAGS that the installed XLA knows, as one string; XLA aborts a process with an unknown flag.

    Args:
        cache: pytest's cache, in which the answer is kept for each release of jaxlib.
    """
    key = f"xla/{jaxlib.__version__}"
    known = cache.get(key, None)
    if known is None:
        known = [flag for flag in FLAGS if _starts(flag)]
        cache.set(key, known)
    return " ".join(known)


def _starts(flag: str) -> bool:
    """Start JAX with a flag in a child process; return True if XLA accepts the flag."""
    program = "import jax; jax.devices('cpu')"
    environment = {**os.environ, "XLA_FLAGS": flag, "JAX_PLATFORMS": "cpu"}
    return not subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True).returncode
