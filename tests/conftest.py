"""Settings of every test: shape checks, float64, strict JAX, reproducible hypothesis, a compilation cache."""

import os
import signal

# Read on import: a worker per core leaves no core for a second thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import pytest
from ceiling import Ceiling
from hypothesis import settings
from jaxtyping import install_import_hook

# Before nag_ntk is imported, or its annotations are not checked.
install_import_hook("nag_ntk", "beartype.beartype")

from compilation import quick_flags  # noqa: E402
from in_process import STUDY, caller  # noqa: E402

import nag_ntk  # noqa: E402
from nag_ntk.run.mappings import make_room  # noqa: E402
from proofs_check.running import session  # noqa: E402

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

nag_ntk.enable_float64()
jax.config.update("jax_numpy_rank_promotion", "raise")

# No deadline: the first call of each shape compiles.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

LONGEST = (
    "endurance", "initial_claims", "site", "simulate", "lemmas", "devices", "own", "screened", "cli", "slack",
    "theory_figures", "steps", "probe", "search", "certificates", "screened_parts", "screened_edges", "cells",
    "store_edges", "shadow", "results", "formal", "formal_recursion", "report", "bench", "certify", "sweep",
    "calibration", "enclosure_powers", "recheck", "testing", "optax", "store",
)  # fmt: skip
"""Files, without `test_`, in the order in which workers begin with them: those that take longest, then all others."""


def pytest_addoption(parser):
    parser.addoption("--ceiling", type=float, metavar="SECONDS", help="fail if a test takes more than so many seconds")
    parser.addoption("--optimised", action="store_true", help="compile programs as users do, which takes longer")


def pytest_configure(config):
    """Compile quickly; keep what is compiled for other workers, processes and runs; limit the time of a test."""
    cache = getattr(config, "cache", None)
    if cache is not None and not config.option.optimised and "XLA_FLAGS" not in os.environ:
        os.environ["XLA_FLAGS"] = quick_flags(cache)  # of the workers and of child processes too
    if cache is not None and not jax.config.jax_compilation_cache_dir:
        folder = str(cache.mkdir("compiled"))
        os.environ["NAG_NTK_CACHE"] = folder  # of the command line
        kept = {"jax_compilation_cache_dir": folder, "jax_persistent_cache_min_compile_time_secs": 0}
        for name, value in kept.items():
            jax.config.update(name, value)
            os.environ[name.upper()] = str(value)  # of child processes
    if config.option.ceiling is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Ceiling(config.option.ceiling))


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that no worker is left alone with one at the end."""
    ranks = {f"test_{name}.py": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(autouse=True, scope="module")
def room_for_compiled_programs():
    """A process goes through dozens of files, and compiles thousands of programs."""
    make_room(share=0.25)


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """The program in this process, whose JAX it must not set up anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    (tmp_path / "tiny.yaml").write_text(STUDY)
    return caller(monkeypatch, capsys)
