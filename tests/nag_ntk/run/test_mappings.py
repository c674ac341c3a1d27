"""Compiled programs are dropped before their memory mappings are more than the system allows."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nag_ntk
from nag_ntk.run import mappings

pytestmark = pytest.mark.skipif(not mappings.LIMIT.exists(), reason="this system does not limit memory mappings")
ROOT = Path(nag_ntk.__file__).parents[1]

CROWDED = """
import ctypes, mmap
import nag_ntk
from nag_ntk.run import mappings

# every second page of a block may be written: as many mappings as pages
free = {free}
pages = int(mappings.LIMIT.read_text()) - free - mappings.in_use()
block = mmap.mmap(-1, pages * mmap.PAGESIZE)
start = ctypes.addressof(ctypes.c_char.from_buffer(block))
protect = ctypes.CDLL(None, use_errno=True).mprotect
protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
for page in range(0, pages, 2):
    assert protect(start + page * mmap.PAGESIZE, mmap.PAGESIZE, mmap.PROT_READ) == 0
print(mappings.in_use(), flush=True)
if "{guard}" == "off":
    mappings.LIMIT = mappings.Path("nothing")
nag_ntk.enable_float64()
data = nag_ntk.Dataset([[1.0, 0.0], [0.6, 0.8]], [1.0, -1.0])
for width in range(10, 10 + {shapes}):
    nag_ntk.simulate(data, nag_ntk.gradient_descent(0.1), width=width, steps=2, engine="weights")
print("done")
"""


def crowded(guard: str, free: int, shapes: int) -> subprocess.CompletedProcess:
    program = CROWDED.format(guard=guard, free=free, shapes=shapes)
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300)


def programs(count: int) -> list:
    """Different programs, compiled and kept by what is returned alone, and by JAX."""
    made = [jax.jit(lambda x, k=k: jnp.sin(x * k).sum()) for k in range(count)]
    for each in made:
        each(np.arange(3.0 + count))
    return made


@pytest.mark.slow
def test_programs_hold_mappings_until_room_is_made():
    jax.clear_caches()
    before = mappings.in_use()
    made = programs(100)
    filled = mappings.in_use()
    assert filled - before >= 100
    assert not mappings.make_room(share=filled * 1.5 / int(mappings.LIMIT.read_text()))
    assert mappings.in_use() >= filled
    assert mappings.make_room(share=filled * 0.5 / int(mappings.LIMIT.read_text()))
    assert mappings.in_use() - before < (filled - before) / 5
    assert float(made[2](np.zeros(3))) == 0.0  # compiled anew


def test_a_run_makes_room(tmp_path, monkeypatch):
    data = nag_ntk.Dataset([[1.0, 0.0], [0.6, 0.8]], [1.0, -1.0])

    def run(width: int):
        return nag_ntk.simulate(data, nag_ntk.nesterov(0.1, 0.5), width=width, seeds=2, steps=5)

    first = run(11)
    dropped = []
    monkeypatch.setattr(jax, "clear_caches", lambda: dropped.append(mappings.in_use()))
    run(11)
    assert not dropped
    monkeypatch.setattr(mappings, "LIMIT", tmp_path / "limit")
    mappings.LIMIT.write_text("100\n")
    monkeypatch.setattr(mappings, "_unwatched", 3)  # far from the limit when it was last looked at
    run(11)
    assert not dropped
    monkeypatch.setattr(mappings, "_unwatched", 0)
    run(11)
    assert dropped
    monkeypatch.undo()
    jax.clear_caches()
    np.testing.assert_array_equal(run(11).residual, first.residual)


@pytest.mark.parametrize("told", ["", "unlimited"])
def test_without_a_limit_nothing_is_dropped(tmp_path, monkeypatch, told):
    monkeypatch.setattr(mappings, "LIMIT", tmp_path / "limit")
    if told:
        mappings.LIMIT.write_text(told)
    assert not mappings.make_room(share=0.0)


@pytest.mark.slow
def test_a_loop_over_shapes_outlives_the_limit():
    left = {"free": 1500, "shapes": 12}
    assert "done" in crowded("on", **left).stdout
    without = crowded("off", **left)
    assert without.returncode < 0  # else the first line shows nothing
    assert "done" not in without.stdout
