"""Rows that are equal or opposite up to rounding: found, named where a theorem is refused, dropped with a record."""

import time

import numpy as np
import oracles
import pytest
from answers import answer
from hypothesis import given, settings
from hypothesis import strategies as st

from nag_ntk import Dataset, InputError, from_npz, near_parallel_pairs, sphere, theorem_tuning
from nag_ntk.parallel import ParallelRow, in_words, parallel_rows

ROWS = [[3.0, 4.0, 0.0], [1.0, 0.0, 0.0], [6.0, 8.0, 0.0], [0.0, 0.0, 1.0], [-0.3, -0.4, 0.0], [1.0, 0.0, 0.0]]
TARGETS = [1.0, 2.0, 1.0, 0.0, 5.0, -2.0]
FOUND = (ParallelRow(2, 0, False), ParallelRow(4, 0, True), ParallelRow(5, 1, False))


def test_the_first_of_each_class_is_kept_and_the_record_names_the_others():
    kept = Dataset(ROWS, TARGETS, normalise=True)
    assert kept.parallel_rows == FOUND
    assert "parallel rows" not in kept.origin
    data = Dataset(ROWS, TARGETS, normalise=True, parallel="drop", origin={"from": "here"})
    np.testing.assert_array_equal(data.inputs, kept.inputs[[0, 1, 3]])
    assert data.targets.tolist() == [1.0, 2.0, 0.0]
    assert data.origin == {
        "from": "here",
        "parallel rows": "3 of 6 rows dropped: 2 (equal to 0), 4 (opposite of 0), 5 (equal to 1); "
        "1 of them equal to a row with another target: 5",
    }
    assert data.parallel_rows == ()
    assert not data.singular
    again = Dataset(data.inputs, data.targets, parallel="drop")
    assert (again.size, again.origin["parallel rows"]) == (3, "none among 3 rows")
    assert "keep, drop, got 'both'" in answer(lambda: Dataset(ROWS, TARGETS, normalise=True, parallel="both"))


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), d=st.sampled_from([1, 2, 7, 300]), dtype=st.sampled_from(["f4", "f8"]))
def test_what_rounding_makes_of_one_direction_is_parallel(seed, d, dtype):
    """Multiples of rows, written and scaled to length 1 in the type of the user, in any order, with any sign."""
    rng = np.random.default_rng(seed)
    factors = rng.choice([-1.0, 1.0], (5, 1)) * 10 ** rng.uniform(-6, 6, (5, 1))
    row = rng.standard_normal(d)
    multiples = (factors * row).astype(dtype)
    by_the_user = (multiples / np.linalg.norm(multiples, axis=1, keepdims=True)).astype(dtype)
    for rows, normalise in ((multiples, True), (by_the_user, False)):
        data = Dataset(rows, np.zeros(5), normalise=normalise, parallel="drop")
        assert data.size == 1
        np.testing.assert_array_equal(data.inputs, Dataset(rows[:1], [0.0], normalise=normalise).inputs)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), n=st.sampled_from([2, 9, 40]), d=st.sampled_from([1, 2, 5]))
def test_the_classes_are_those_of_a_comparison_of_all_pairs(seed, n, d):
    rng = np.random.default_rng(seed)
    base = oracles.unit_rows(rng, 6, d)
    rows = base[rng.integers(0, 6, n)] * rng.choice([-1.0, 1.0], (n, 1))
    expected, kept = [], []
    for index, row in enumerate(rows):
        first = next((k for k in kept if abs(abs(rows[k] @ row) - 1) < 1e-12), None)  # the six are far apart
        if first is None:
            kept.append(index)
        else:
            expected.append((index, first, bool(rows[first] @ row < 0)))
    assert [tuple(each) for each in parallel_rows(rows)] == expected
    assert Dataset(rows, np.zeros(n), parallel="drop").size == len(kept)


@pytest.mark.parametrize("opposite", [1.0, -1.0])
def test_rows_further_apart_than_rounding_are_kept(opposite):
    """The bound is 6 u + (d + 8) u = 16 u for d = 2, u = 2^-53; the angle is known to a rounding or two."""
    u = 2.0**-53
    for angle, found in ((8 * u, 1), (32 * u, 0), (1e-9, 0)):
        rows = np.array([[1.0, 0.0], [opposite, angle]])
        assert len(parallel_rows(rows)) == found
    # in float32 the same bound is about 2^29 times as wide
    rows = np.array([[1.0, 0.0], [opposite, 4 * 2.0**-24]], np.float32)
    assert Dataset(rows, [0.0, 0.0], normalise=True, parallel="drop").size == 1
    assert Dataset(rows.astype(float), [0.0, 0.0], normalise=True, parallel="drop").size == 2
    assert near_parallel_pairs(3, 1e-9, 12).parallel_rows == ()


def test_many_rows_are_compared_within_moments():
    """5,000 x 200 take some 20 ms, all alike as well as all different; a comparison of all pairs would take minutes."""
    rows = sphere(5000, 200).inputs
    for given_, count in ((rows, 0), (np.repeat(rows[:1], 5000, axis=0), 4999), (np.tile(rows[:2500], (2, 1)), 2500)):
        start = time.perf_counter()
        assert len(parallel_rows(given_)) == count
        assert time.perf_counter() - start < 10


def test_messages_name_a_few_and_count_all():
    many = [ParallelRow(row, 0, row == 1) for row in range(1, 9)]
    assert in_words(many) == (
        "8 rows are parallel to earlier ones (row 2 equals row 0, row 3 equals row 0, row 4 equals row 0, ...)"
    )


CURE = 'keep one of each (parallel="drop" of Dataset, from_npz and from_table, in a study parallel: drop)'


def test_a_refused_tuning_names_the_rows_and_the_cure():
    data = Dataset(ROWS, TARGETS, normalise=True, name="mine")
    message = answer(lambda: theorem_tuning("nesterov", data), length=450)
    assert "mine is 0 up to rounding" in message
    assert message.endswith(
        "the theorems state no tuning; 3 rows are parallel to earlier ones (row 2 equals row 0, row 5 equals row 1 "
        f"with another target, row 4 is opposite to row 0): {CURE}, or give the step size and momentum yourself"
    )
    theorem_tuning("nesterov", Dataset(ROWS, TARGETS, normalise=True, parallel="drop"))
    assert data.why_singular.endswith(CURE)
    with pytest.raises(InputError, match="parallel_rows names them"):
        _ = data.spectrum._replace(lambda_0=0.0).kappa


def test_one_opposite_pair_is_no_reason_to_refuse_and_three_in_the_plane_are():
    pair = Dataset([[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]], [1.0, 2.0, 3.0])
    assert (pair.singular, pair.why_singular) == (False, "")
    plane = [[1.0, 0.0], [0.6, 0.8], [0.8, -0.6]]
    three = Dataset([*plane, *(-np.array(plane))], np.zeros(6))
    assert three.why_singular.startswith("3 rows are parallel to earlier ones (row 3 is opposite to row 0,")


def test_rows_too_close_for_the_theorems_are_named_with_their_angle():
    close = Dataset([[0.0, 1.0], [1.0, 0.0], [1.0, 3e-15]], np.zeros(3))
    assert close.parallel_rows == ()
    assert close.why_singular == "rows 1 and 2 are closest, 3e-15 rad apart: remove one of them"
    assert "rows 1 and 2" in answer(lambda: theorem_tuning("nesterov", close))


def test_a_file_of_arrays_can_drop_them_too(tmp_path):
    np.savez(tmp_path / "a.npz", inputs=ROWS, targets=TARGETS)
    data = from_npz(tmp_path / "a.npz", normalise=True, offset=1, parallel="drop")
    assert data.targets.tolist() == [2.0, 1.0, 0.0]
    assert data.origin["rows"] == "1 to 5"
    assert data.origin["parallel rows"].startswith("2 of 5 rows dropped: 3 (opposite of 1), 4 (equal to 0); 1 of them")
