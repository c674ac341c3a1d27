"""The one call that sets up JAX, in processes of their own: what it sets, and what it says when it comes too late."""

import os
import subprocess
import sys

import pytest

import nag_ntk
from nag_ntk.run.configuration import cache_folder


def started(program, **variables):
    """Run a program in a fresh process, with the variables that would configure JAX removed; return what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_", "NAG_NTK_"))}
    environment = {**kept, "JAX_PLATFORMS": "cpu", "NAG_NTK_CACHE": "", **variables}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split("\n")


EARLY = """
import nag_ntk, jax
nag_ntk.configure(cpu_devices=3)
nag_ntk.configure(cpu_devices=3)
print(len(jax.devices()), jax.numpy.ones(()).dtype, jax.config.jax_compilation_cache_dir)
nag_ntk.configure(cpu_devices=3)  # again, after JAX has started
try:
    nag_ntk.configure(cpu_devices=2)
except nag_ntk.InputError as error:
    print(error)
"""


def test_an_early_call_and_a_late_one():
    first, late, _ = started(EARLY)
    assert first == "3 float64 None"
    assert late.startswith(
        "nag_ntk.configure() comes too late for 2 CPU devices: JAX has started with 3. Call it before"
    )


def test_a_device_per_core_unless_told_otherwise():
    program = (
        "import nag_ntk, jax\nnag_ntk.configure(float64=False)\nprint(len(jax.devices()), jax.numpy.ones(()).dtype)"
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert started(program)[0] == f"{cores} float32"
    assert started(program, JAX_NUM_CPU_DEVICES="3")[0] == "3 float32"


def test_compilations_are_kept(tmp_path):
    program = (
        "import nag_ntk, jax\nnag_ntk.configure()\n"
        "nag_ntk.simulate(nag_ntk.sphere(3, 3), nag_ntk.gradient_descent(0.1), 8, 1, 1)\n"
        "print(jax.config.jax_compilation_cache_dir)"
    )
    assert started(program, NAG_NTK_CACHE=str(tmp_path / "kept"))[0] == str(tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir())


@pytest.mark.parametrize("wrong", [0, -1, True])
def test_a_number_of_devices_that_is_none(wrong):
    with pytest.raises(nag_ntk.InputError, match="cpu_devices must be a positive integer"):
        nag_ntk.configure(cpu_devices=wrong)


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NAG_NTK_CACHE", str(tmp_path / "a"))
    assert cache_folder() == tmp_path / "a"
    (tmp_path / "file").write_text("")
    for unusable in ("", str(tmp_path / "file"), str(tmp_path / "file" / "b")):
        monkeypatch.setenv("NAG_NTK_CACHE", unusable)
        assert cache_folder() is None
    monkeypatch.delenv("NAG_NTK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert cache_folder() == tmp_path / "xdg" / "nag-ntk"
