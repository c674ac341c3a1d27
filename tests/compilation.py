"""Flags with which XLA compiles the many small programs of the tests, most of which run once, in half the time."""

import os
import subprocess
import sys

import jaxlib

FLAGS = ("--xla_backend_optimization_level=1", "--xla_cpu_use_fusion_emitters=false")


def quick_flags(cache) -> str:
    """Those of FLAGS that the installed XLA knows, as one string; it would end the process that names another.

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
    """Whether JAX starts with a flag, in a process of its own."""
    program = "import jax; jax.devices('cpu')"
    environment = {**os.environ, "XLA_FLAGS": flag, "JAX_PLATFORMS": "cpu"}
    return not subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True).returncode
