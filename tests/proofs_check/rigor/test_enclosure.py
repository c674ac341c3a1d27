"""Ball arithmetic: spectra against independent values, exact singular cases."""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from flint import arb, arb_mat, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from proofs_check.rigor.enclosure import (
    KernelWitness,
    bound_pencil,
    check_witness,
    decide_positive,
    enclose_extreme_eigenvalues,
    limit_gram_ball,
    null_vector_witness,
    primitive_rows,
)

CASES = json.loads((Path(__file__).parents[2] / "data" / "spectra.json").read_text())["cases"]
PYTHAGOREAN = [(1, 0), (Fraction(3, 5), Fraction(4, 5)), (Fraction(-5, 13), Fraction(12, 13))]
PYTHAGOREAN = PYTHAGOREAN + [(-x, -y) for x, y in PYTHAGOREAN]
EQUIANGULAR = [[1 + 4 * (i == j) for j in range(6)] for i in range(6)]
SYMMETRIC = [[1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def gram_float(rows):
    """The textbook arccos formula in float64, independent of the balls."""
    x = np.asarray(rows, dtype=float)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosine = np.clip(x @ x.T, -1, 1)
    np.fill_diagonal(cosine, 1.0)
    return cosine * (math.pi - np.arccos(cosine)) / (2 * math.pi)


def rows_of(case):
    return case.get("rows") or load_digits().data[: case["n"]].astype(int).tolist()


def assert_between(low, text, radius, high):
    """The enclosure meets the independent ball, printed to 25 digits, and is as narrow as floats allow."""
    value = Fraction(text)
    slack = Fraction(radius) + abs(value) * Fraction(1, 10**24)
    assert Fraction(low) <= value + slack
    assert Fraction(high) >= value - slack
    assert high - low <= 4 * math.ulp(high)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_spectrum_matches_independent_values(case):
    result = enclose_extreme_eigenvalues(rows_of(case))
    assert result.positive is True
    for end in ("lambda_min", "lambda_max"):
        low, high = getattr(result, f"{end}_low"), getattr(result, f"{end}_high")
        assert_between(low, case[end], case[f"{end}_radius"], high)


@pytest.mark.parametrize("digits", [9, 14, 20, 30])
def test_clusters_below_float_resolution(digits):
    """Three pairs at angle 10^-digits: three eigenvalues near angle / (2 pi), far below float64 rounding."""
    big = 10**digits
    rows = [[big, 0, 0], [big, 1, 0], [0, big, 0], [0, big, 1], [1, 0, big], [0, 0, big]]
    result = decide_positive(rows)
    assert result.decided is True
    assert result.lambda_min_high == pytest.approx(1 / (2 * math.pi * big), rel=3 / big + 1e-14)
    assert result.lambda_min_high - result.lambda_min_low <= 1e-14 * result.lambda_min_high


def test_orthogonal_inputs_give_exactly_one_half():
    for rows in ([[3, 4], [-4, 3]], np.eye(7)):
        assert enclose_extreme_eigenvalues(rows)[:4] == (0.5, 0.5, 0.5, 0.5)


@pytest.mark.parametrize("rows", [EQUIANGULAR, SYMMETRIC])
def test_repeated_eigenvalues(rows):
    """Permuting the coordinates permutes the rows, which forces repeated eigenvalues."""
    result = enclose_extreme_eigenvalues(rows)
    values = np.linalg.eigvalsh(gram_float(rows))
    assert np.any(np.diff(values) < 1e-12)
    assert values[0] == pytest.approx(result.lambda_min_low, rel=1e-12)
    assert values[-1] == pytest.approx(result.lambda_max_high, rel=1e-12)
    assert result.lambda_min_high - result.lambda_min_low <= 1e-15


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 9), d=st.integers(2, 6))
def test_float_eigenvalues_are_enclosed(seed, n, d):
    rows = np.random.default_rng(seed).standard_normal((n, d))
    result = enclose_extreme_eigenvalues(rows)
    values = np.linalg.eigvalsh(gram_float(rows))
    # arccos loses half the digits near 1, hence 1e-7 and not machine precision.
    assert result.lambda_min_low - 1e-7 <= values[0] <= result.lambda_min_high + 1e-7
    assert result.lambda_max_low - 1e-7 <= values[-1] <= result.lambda_max_high + 1e-7


@pytest.mark.parametrize(
    "rows",
    [
        [[40 * (i == j) - 1 for j in range(40)] for i in range(40)],
        [[10**6 * (i == j) + s * (i + 1 == j) for j in range(21)] for s in (0, 1) for i in range(20)],
    ],
    ids=["simplex", "equal pairs"],
)
def test_large_clusters_need_no_more_bits(rows):
    """39 equal eigenvalues; 20 of 1e-6 / (2 pi) and 20 near 1. One rotation in float64 alone would cost 1024 bits."""
    result = enclose_extreme_eigenvalues(rows)
    assert result.precision == 128
    assert result.lambda_min_high - result.lambda_min_low <= 1e-15 * result.lambda_min_high
    assert result.lambda_min_high == pytest.approx(np.linalg.eigvalsh(gram_float(rows))[0], rel=1e-3)


def test_gram_entries_are_scale_free_and_exact_at_the_ends():
    rows = [[1, 2], [Fraction(1, 7), Fraction(2, 7)], [-3, -6], [2, -1]]
    gram = limit_gram_ball(rows, 100)
    assert [str(gram[0, j]) for j in range(4)] == ["0.500000000000000", "0.500000000000000", "0", "0"]
    mixed = limit_gram_ball([[1, 0], [1, 1]])[0, 1]
    exact = arb(2).sqrt() * 3 / 16
    assert mixed.overlaps(exact)
    assert float(mixed.rad()) < 1e-15


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 6), noise=st.sampled_from([0.0, 1e-12, 1e-3, 0.05]))
def test_pencil_bounds_hold_for_poor_vectors(seed, n, noise):
    """Indefinite matrices with known spectrum and vectors that are not orthogonal."""
    rng = np.random.default_rng(seed)
    spectrum = np.sort(rng.integers(-3, 4, n)).astype(float)
    basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
    matrix = basis @ np.diag(spectrum) @ basis.T
    vectors = (basis + noise * rng.standard_normal((n, n))) * rng.uniform(0.5, 2, n)
    bounds = bound_pencil(arb_mat(n, n, matrix.ravel().tolist()), arb_mat(n, n, vectors.ravel().tolist()))
    if bounds is None:
        return
    # 1e-13: the float construction of `matrix`, not the bound.
    assert float(bounds.min_low) - 1e-13 <= spectrum[0] <= float(bounds.min_high) + 1e-13
    assert float(bounds.max_low) - 1e-13 <= spectrum[-1] <= float(bounds.max_high) + 1e-13
    if noise == 0.0:
        assert float(bounds.max_high) - float(bounds.min_low) <= spectrum[-1] - spectrum[0] + 1e-11


def test_pencil_counts_nonorthogonality():
    """S is exactly diagonal; without the off-diagonal part of G 0.81 would be claimed to be below 0.8."""
    matrix, vectors = arb_mat([[fmpq(4, 5), 0], [0, 2]]), arb_mat([[1, fmpq(1, 4)], [fmpq(-1, 10), 1]])
    bounds = bound_pencil(matrix, vectors)
    assert float(bounds.min_low) <= 0.8 <= float(bounds.min_high)
    assert float(bounds.max_low) <= 2 <= float(bounds.max_high)
    assert bound_pencil(matrix, arb_mat([[1, 1], [1, 1]])) is None


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([[1, 2], [0, 1], [1, 2]], "repeated row"),
        ([[1.0, 2.0], [0.0, 1.0], [0.5, 1.0]], "repeated row"),
        (PYTHAGOREAN, "antipodal pairs"),
        ([[1, 0], [0, 1], [1, 1], [-2, 0], [0, -3], [-1, -1], [5, 7]], "antipodal pairs"),
    ],
)
def test_singular_inputs_are_decided_with_a_witness(rows, kind):
    proof = decide_positive(rows)
    assert proof.decided is False
    assert proof.lambda_min_low == proof.lambda_min_high == 0.0
    assert proof.witness.kind == kind
    assert check_witness(rows, proof.witness)
    vector = np.zeros(len(rows))
    norms = [math.hypot(*row) for row in primitive_floats(rows)]
    for index, coefficient in zip(proof.witness.indices, proof.witness.coefficients, strict=True):
        vector[index] = coefficient * norms[index]
    # float64 against the exact claim: arccos is good to about 1e-8 near parallel rows.
    assert np.abs(gram_float(rows) @ vector).max() <= 1e-7 * np.abs(vector).max()
    assert np.abs(np.linalg.eigvalsh(gram_float(rows))[0]) < 1e-7


def primitive_floats(rows):
    """Rows scaled to primitive integers, by a route of its own."""
    for row in rows:
        exact = [Fraction(x) for x in row]
        common = math.lcm(*(x.denominator for x in exact))
        integers = [int(x * common) for x in exact]
        yield [x // math.gcd(*integers) for x in integers]


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_every_real_dtype_is_taken_exactly(dtype):
    rows = np.array([[3, 6], [-2, 5]], dtype)
    assert primitive_rows(rows) == primitive_rows(list(rows)) == primitive_rows([(1, 2), (-2, 5)])


def test_antipodal_pairs_that_are_independent_stay_positive():
    rows = [[1, 0], [0, 1], [-1, 0], [0, -1], [1, 3]]
    assert null_vector_witness(rows) is None
    assert decide_positive(rows).decided is True


def test_wrong_witnesses_are_rejected():
    rows = [[1, 0], [2, 0], [-1, 0], [0, 1]]
    assert check_witness(rows, KernelWitness("", (0, 1), (3, -3)))
    for indices, coefficients in [
        ((0, 1), (1, 1)),
        ((0, 2), (1, -1)),
        ((0, 3), (1, -1)),
        ((0, 1), (0, 0)),
        ((0, 0), (1, -1)),
    ]:
        assert not check_witness(rows, KernelWitness("", indices, coefficients))


def test_nearly_parallel_is_not_parallel():
    """One unit in the last place apart: float64 cannot see it, exact inputs can."""
    rows = np.array([[1.0, 1.0], [1.0, math.nextafter(1.0, 2.0)]])
    assert decide_positive(rows).decided is True
    coarse = decide_positive(rows, 32, 32)
    assert coarse.decided is None
    assert coarse.lambda_min_low == 0.0
    assert coarse.lambda_min_high > 0


@pytest.mark.parametrize(
    "rows", [[[0, 0], [1, 0]], [[1, math.nan]], [[1, math.inf]], [[1, 2], [3]], [], [1, 2], [["x"]]]
)
def test_bad_inputs_are_refused(rows):
    with pytest.raises(ValueError, match="row"):
        enclose_extreme_eigenvalues(rows)
