"""Records of a run: shown in a line, and compared by their values."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from nag_ntk import simulate, sphere, theorem_tuning
from nag_ntk.run.trajectory import Probed

DATA = sphere(4, 3)
METHODS = [theorem_tuning(name, DATA) for name in ("gradient_descent", "nesterov")]
OPTIONS = {"recursion": True, "deviation": True, "gram_path": True, "radii": [0.1], "overlap_radii": [0.1]}


def record(width=32, **options):
    return simulate(DATA, METHODS, width, 3, 6, **(OPTIONS | options))


@pytest.fixture(scope="module")
def run():
    return record()


def test_a_record_is_shown_in_a_line(run):
    shown = repr(run)
    assert "\n" not in shown
    assert len(shown) < 250
    first, last = (run.residual_norm[:, 1, t].max() for t in (0, -1))
    for part in ("4 samples", "width 32", "3 seeds", "6 steps", f"nesterov {first:.3g} to {last:.3g}"):
        assert part in shown
    for part in (run.recursion, run.deviation, run.gram_path):
        assert len(repr(part)) < 250
        assert repr(part).startswith(type(part).__name__)
    assert "forward (3, 2, 7, 4)" in repr(run.recursion)


def test_equal_records_are_those_of_equal_values(run):
    again = record()
    assert run == again
    assert not run != again
    assert run == copy.deepcopy(run) == pickle.loads(pickle.dumps(run))
    assert run != "a text"
    assert run.recursion != run.deviation


@pytest.mark.parametrize(
    "other",
    [
        {"width": 34}, {"key": 1}, {"recursion": False}, {"deviation": False}, {"overlap_radii": [0.2]},
        {"start": "extrapolated"},
    ],
    ids=str,
)  # fmt: skip
def test_other_runs_are_other_records(run, other):
    assert run != record(**other)


def test_parts_within_a_tuple_and_a_mapping_are_compared(run):
    least, *others = run.overlap_range
    assert run != replace(run, overlap_range=type(run.overlap_range)(least + 1, *others))
    assert run != replace(run, methods=run.methods[:1])
    measured = Probed(np.arange(2), np.zeros((3, 2, 2)))
    probed = replace(run, probes={"one": measured})
    assert probed == replace(run, probes={"one": Probed(np.arange(2), np.zeros((3, 2, 2)))})
    assert probed != replace(run, probes={"one": Probed(np.arange(2), np.ones((3, 2, 2)))})
    assert probed != replace(run, probes={"two": measured})


def test_not_a_number_equals_itself(run):
    values = np.array(run.residual)
    values[0, 0, 0, 0] = np.nan
    broken = replace(run, residual=values)
    assert broken == copy.deepcopy(broken)
    assert broken != run
    assert "nan" in repr(broken)
