"""A run that is stopped between two chunks of steps goes on from there, to the same bits; or says why not."""

import errno

import jax.numpy as jnp
import numpy as np
import pytest

import nag_ntk
from nag_ntk import sphere
from nag_ntk.engines.dense import step
from nag_ntk.engines.screened import run as screened_run
from nag_ntk.run import plan
from proofs_check.store import sealed
from proofs_check.store.files import StoreError
from proofs_check.store.steps import STATE, Steps

DATA = sphere(4, 3, 0)
METHODS = [nag_ntk.theorem_tuning(name, DATA) for name in ("gradient_descent", "nesterov")]
OPTIONS = {"recursion": True, "deviation": True, "gram_path": True, "radii": (0.1,), "chunk": 4}
ENGINES = {"preactivations": step, "screened": screened_run}


class Stopped(Exception):
    pass


def train(engine, folder=None, stop_after=None, notes=None, memory_limit=None, seeds=3, kind=Steps, **options):
    """A run of 5 chunks; `stop_after` chunks it is stopped. Groups of one seed if memory is scarce."""
    seen = 0

    def progress(done, total):
        nonlocal seen
        seen += 1
        if seen == stop_after:
            raise Stopped

    keeper = None
    if folder is not None:
        keeper = kind(folder, {"run": "a"}, (notes if notes is not None else []).append, every=0)
    return nag_ntk.simulate(
        DATA, METHODS, 60, seeds, 19, engine=engine, progress=progress, checkpoint=keeper, memory_limit=memory_limit,
        **OPTIONS, **options,
    )  # fmt: skip


def assert_same_bits(first, second):
    for name in ("residual", "flips", "distance", "undecided", "flip_reach", "initial_gram", "near_boundary"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    for name in vars(first.recursion):
        np.testing.assert_array_equal(getattr(first.recursion, name), getattr(second.recursion, name), err_msg=name)
    for name in vars(first.deviation):
        np.testing.assert_array_equal(getattr(first.deviation, name), getattr(second.deviation, name), err_msg=name)
    for name in vars(first.gram_path):
        np.testing.assert_array_equal(getattr(first.gram_path, name), getattr(second.gram_path, name), err_msg=name)
    assert first.weights_digest == second.weights_digest


def scarce():
    """Bytes at which the dense run is planned in groups of one seed."""
    for limit in range(1_000_000, 10_000, -1_000):
        usual = {"n": 4, "rank": 3, "rows": 4, "width": 60, "seeds": 3, "methods": 2, "steps": 19, "radii": 1}
        usual |= {"columns": lambda width: width}
        if (
            plan.make_plan(**usual, dtype=np.dtype(float), recursion=True, deviation=True, chunk=4, limit=limit).group
            == 1
        ):
            return limit
    raise AssertionError("no such limit")


SCARCE = scarce()


@pytest.fixture(scope="module")
def whole():
    return {engine: train(engine) for engine in ENGINES}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_it_goes_on_from_the_last_chunk(engine, stop_after, whole, tmp_path, monkeypatch):
    folder, notes = tmp_path / "run.steps", []
    with pytest.raises(Stopped):
        train(engine, folder, stop_after)
    backend, calls = ENGINES[engine], []
    inner = backend.advance
    monkeypatch.setattr(backend, "advance", lambda *arguments: calls.append(1) or inner(*arguments))
    if engine == "screened":  # simulate looks it up in the package
        monkeypatch.setattr(nag_ntk.engines.screened, "advance", backend.advance)
    assert_same_bits(train(engine, folder, notes=notes), whole[engine])
    repeated = 5 * whole[engine].screening.repeats.max() if engine == "screened" else 0
    assert (len(calls), notes) == (5 + repeated - stop_after, [])


def test_antisymmetric_networks_go_on_and_are_not_mixed_with_others(whole, tmp_path):
    folder, notes, pairs = tmp_path / "run.steps", [], {"init": "antisymmetric"}
    with pytest.raises(Stopped):
        train("preactivations", folder, 3, **pairs)
    other = train("preactivations", folder, notes=notes)
    assert_same_bits(other, whole["preactivations"])
    assert "init" in " ".join(notes)
    notes.clear()
    with pytest.raises(Stopped):
        train("preactivations", folder, 2, **pairs)
    assert_same_bits(train("preactivations", folder, notes=notes, **pairs), train("preactivations", **pairs))
    assert notes == []


@pytest.mark.slow  # needs the extra `cluster`
def test_what_several_processes_keep_goes_on_likewise(whole, tmp_path):
    """In one process, so without exchange; test_shared.py has two."""
    pytest.importorskip("orbax.checkpoint")
    from proofs_check.store.shared import SharedSteps

    folder = tmp_path / "run.steps"
    for stop_after in (2, 3, 2):  # the second and third begin where the one before stopped
        with pytest.raises(Stopped):
            train("preactivations", folder, stop_after, memory_limit=SCARCE, kind=SharedSteps)
    assert len(list(folder.glob("state-*"))) <= 1
    assert_same_bits(train("preactivations", folder, memory_limit=SCARCE, kind=SharedSteps), whole["preactivations"])


def test_groups_of_seeds_that_are_done_are_not_trained_again(whole, tmp_path, monkeypatch):
    folder = tmp_path / "run.steps"
    with pytest.raises(Stopped):
        train("preactivations", folder, 8, memory_limit=SCARCE)
    assert {path.name.split("-")[1] for path in folder.glob("part-*")} == {"0", "1"}
    calls, inner = [], step.advance
    monkeypatch.setattr(step, "advance", lambda *arguments: calls.append(1) or inner(*arguments))
    assert_same_bits(train("preactivations", folder, memory_limit=SCARCE), whole["preactivations"])
    assert len(calls) == 3 * 5 - 8


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("what", ["state", "part", "absent part", "truncated state"])
def test_what_is_damaged_is_told_and_done_again(what, whole, tmp_path):
    folder, notes = tmp_path / "run.steps", []
    with pytest.raises(Stopped):
        train("preactivations", folder, 7, memory_limit=SCARCE)
    last = max(folder.glob("part-1-*"))
    if what == "absent part":
        last.unlink()
    elif what == "truncated state":
        (folder / STATE).write_bytes((folder / STATE).read_bytes()[:-100])
    else:
        damage(folder / STATE if what == "state" else last)
    found = train("preactivations", folder, notes=notes, memory_limit=SCARCE)
    assert_same_bits(found, whole["preactivations"])
    assert len(notes) == 1
    assert "damaged" in notes[0]
    # and what was kept afterwards is good again
    assert_same_bits(train("preactivations", folder, notes=notes, memory_limit=SCARCE), whole["preactivations"])
    assert len(notes) == 1


def test_another_plan_or_another_run_begins_anew_and_says_so(whole, tmp_path):
    folder, notes = tmp_path / "run.steps", []
    with pytest.raises(Stopped):
        train("preactivations", folder, 2)
    assert_same_bits(train("preactivations", folder, notes=notes, memory_limit=SCARCE), whole["preactivations"])
    assert len(notes) == 1
    assert "planned otherwise" in notes[0]
    Steps(folder, {"run": "b"}, notes.append)
    assert "another run" in notes[1]
    assert not folder.exists()


def test_it_saves_now_and_then_and_loses_only_what_came_after(whole, tmp_path):
    keeper = Steps(tmp_path / "run.steps", {}, print, every=3600)
    nag_ntk.simulate(DATA, METHODS, 60, 3, 19, engine="preactivations", checkpoint=keeper, **OPTIONS)
    assert not keeper.folder.exists()
    assert len(keeper.waiting) == 5
    keeper.every = 0
    keeper.keep(1, {}, {"record": {"x": np.zeros(2)}}, [jnp.ones(1)], False)
    assert sorted(path.name for path in keeper.folder.iterdir()) == [
        "part-0-0.npz", "part-0-1.npz", "part-0-2.npz", "part-0-3.npz", "part-0-4.npz", "part-1-0.npz", STATE,
    ]  # fmt: skip
    again = Steps(keeper.folder, {}, print)
    assert again.restore(2, {}) is None
    kept = again.restore(1, {})
    assert kept.state([jnp.zeros(1)])[0].tolist() == [1.0]
    assert kept.parts[0]["record"]["x"].tolist() == [0.0, 0.0]


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sealed, "save", full)
    with pytest.raises(StoreError, match="make room"):
        train("preactivations", tmp_path / "run.steps")


def test_a_state_of_other_arrays_is_refused():
    from nag_ntk.run.checkpoint import leaves_of, state_like

    state = {"a": np.zeros(3), "b": np.ones((2, 2))}
    with pytest.raises(ValueError, match="other arrays"):
        state_like(state, leaves_of(state)[:1])
