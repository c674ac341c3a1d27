"""Settings of every test: shapes checked at run time, float64, strict JAX, reproducible hypothesis."""

import os
import signal

import jax
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Before nag_ntk is imported, or its annotations are not checked.
install_import_hook("nag_ntk", "beartype.beartype")

import nag_ntk  # noqa: E402
from nag_ntk.mappings import make_room  # noqa: E402

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

nag_ntk.enable_float64()
jax.config.update("jax_numpy_rank_promotion", "raise")

# No deadline: the first call of each shape compiles.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True, scope="module")
def room_for_compiled_programs():
    """A process goes through dozens of files, and compiles thousands of programs."""
    make_room(share=0.25)
