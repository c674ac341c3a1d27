"""Ball arithmetic: spectra against independent values, exact singular cases, the momentum lemma."""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from flint import arb, arb_mat, fmpq, fmpq_poly
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from proofs_check.enclosure import (
    HEAVY_BALL,
    NESTEROV,
    KernelWitness,
    PowerBound,
    RationalFunction,
    block_power_norm,
    bound_pencil,
    check_witness,
    constants_proof,
    decide_positive,
    discharge,
    enclose_extreme_eigenvalues,
    gap,
    limit_gram_ball,
    nesterov_constants_proof,
    null_vector_witness,
    power_controls,
    primitive_rows,
    prove_for_all,
    refute_power_bound,
)
from proofs_check.enclosure.bisection import ball_between
from proofs_check.enclosure.pencil import float_above, float_below

CASES = json.loads((Path(__file__).parent / "data" / "spectra.json").read_text())["cases"]
TWO_THIRDS = Fraction(2, 3)
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


@given(p=st.integers(-(10**30), 10**30), q=st.integers(1, 10**30))
def test_floats_are_rounded_outwards(p, q):
    exact, ball = Fraction(p, q), arb(fmpq(p, q))
    low, high = float_below(ball), float_above(ball)
    assert Fraction(low) <= exact <= Fraction(high)
    assert high - low <= 2 * math.ulp(max(abs(low), abs(high)))


def assert_covers(proof, lo=0, hi=1):
    ends = [lo] + [box.hi for box in proof.boxes]
    assert [box.lo for box in proof.boxes] == ends[:-1]
    assert ends[-1] == hi
    assert all(box.margin > 0 for box in proof.boxes)


def test_bisection_covers_without_a_gap():
    polynomial = fmpq_poly([fmpq(1, 1000), -1, 1]) + fmpq(1, 4)
    proof = prove_for_all(polynomial, (0, 1))
    assert proof.decided is True
    assert len(proof.boxes) > 8
    assert_covers(proof)
    for box in proof.boxes:
        for point in (box.lo, (box.lo + box.hi) / 2, box.hi):
            value = polynomial(fmpq(point.numerator, point.denominator))
            assert Fraction(int(value.p), int(value.q)) >= Fraction(box.margin)


def test_bisection_on_functions_and_other_intervals():
    proof = prove_for_all([lambda x: x.exp() - 1 - x / 2, lambda x: 3 - x], (Fraction(1, 100), 2))
    assert proof.decided is True
    assert_covers(proof, Fraction(1, 100), 2)
    with pytest.raises(ValueError, match="lo < hi"):
        prove_for_all(fmpq_poly([1]), (1, 1))


def test_bisection_does_not_prove_what_is_false():
    refuted = prove_for_all(fmpq_poly([fmpq(6, 25), -1, 1]))
    assert refuted.decided is False
    assert refuted.counterexample.lo == refuted.counterexample.hi
    assert refuted.counterexample.margin <= 0
    undecided = prove_for_all(lambda x: (3 * x - 1) ** 2, max_boxes=50)
    assert undecided.decided is None
    assert undecided.counterexample.lo <= Fraction(1, 3) <= undecided.counterexample.hi
    assert prove_for_all(lambda x: 1 / (x - x), max_boxes=5).decided is None


def test_ball_between_contains_its_ends():
    ball = ball_between(Fraction(1, 7), Fraction(2, 7))
    assert ball.contains(fmpq(1, 7))
    assert ball.contains(fmpq(2, 7))
    assert not ball.contains(fmpq(1, 8))


@pytest.mark.parametrize(
    ("polynomial", "strict", "powers", "decided"),
    [
        (fmpq_poly([0, 0, 3]), True, (2, 0), True),
        (fmpq_poly([0, 1, -1]), False, (1, 1), True),
        (fmpq_poly([0, 1, -1]), True, (1, 1), False),
        (fmpq_poly([0, -1, 4]), False, (1, 0), False),
        (fmpq_poly([1, -4, 4]), False, (0, 0), None),
        (fmpq_poly([0]), False, (0, 0), True),
        (fmpq_poly([0]), True, (0, 0), False),
        (fmpq_poly([1, -2]), False, (0, 0), False),
    ],
)
def test_discharge(polynomial, strict, powers, decided):
    item = discharge("claim", polynomial, strict)
    assert (item.u_power, item.end_power) == powers
    assert item.decided is decided


def test_a_wrong_factorisation_is_noticed(monkeypatch):
    monkeypatch.setattr("proofs_check.enclosure.momentum._strip", lambda polynomial, factor: (1, polynomial))
    with pytest.raises(ArithmeticError, match="claim"):
        discharge("claim", fmpq_poly([0, 1]))


def test_gap_of_nesterov_has_the_stated_factors():
    u, z = RationalFunction.variables()
    square = (3 + 2 * u) * (3 + 2 * u)
    assert gap(NESTEROV, u, z) == 4 * (1 - z) * (9 * z - 4 * u * u) / square
    assert gap(NESTEROV, u, u * u / 2) == 2 * u * u * (1 - u * u / 2) / square
    assert gap(NESTEROV, u, RationalFunction.constant(Fraction(1, 2))) == (9 - 8 * u * u) / square


def test_gap_of_heavy_ball_has_the_stated_factors():
    u, _ = RationalFunction.variables()
    beta = HEAVY_BALL.momentum(u)
    assert gap(HEAVY_BALL, u, u * u) == 3 * u * u * (4 - 2 * u - 3 * u * u / 4) / 4
    assert gap(HEAVY_BALL, u, RationalFunction.constant(1)) == beta * (4 - beta)


def prefactor_float(tuning, u):
    """C sqrt(1/kappa) by the formula of the lemma, the gap minimised over a grid of the whole spectrum."""
    low, high = tuning.spectrum(u)
    beta = tuning.momentum(u)
    blocks = [tuning.block(beta, low + (high - low) * t / 200) for t in range(201)]
    assert all(4 * c > a * a for a, c in blocks)
    return u * 2 * (1 + blocks[0][1]) / math.sqrt(min(4 * c - a * a for a, c in blocks))


@pytest.mark.parametrize(("tuning", "rate"), [(NESTEROV, TWO_THIRDS), (HEAVY_BALL, Fraction(1, 2))])
def test_constants_are_decided_as_the_floats_say(tuning, rate):
    supremum = max(prefactor_float(tuning, k / 400) for k in range(1, 401))
    assert constants_proof(tuning, Fraction(supremum * 1.001), rate).decided is True
    assert constants_proof(tuning, Fraction(supremum * 0.999), rate).decided is False
    assert constants_proof(tuning, Fraction(supremum * 1.001), rate * Fraction(1001, 1000)).decided is False


def test_nesterov_constants():
    proof = nesterov_constants_proof()
    assert proof.decided is True
    assert proof.boxes < 50
    for item in proof.obligations:
        assert item.decided is True
        factors = fmpq_poly([0, 1]) ** item.u_power * fmpq_poly([1, -1]) ** item.end_power
        assert factors * item.cofactor == item.polynomial
        assert_covers(item.bisection)
    low = [item for item in proof.obligations if item.name == "C <= prefactor sqrt(kappa) at the low end"]
    assert [item.u_power for item in low] == [2]


def test_heavy_ball_constants():
    assert constants_proof(HEAVY_BALL, 4, Fraction(1, 2)).decided is True


@pytest.mark.parametrize(
    ("tuning", "prefactor", "rate"),
    [
        (NESTEROV, 8, TWO_THIRDS),
        (NESTEROV, 12, 1),
        (NESTEROV.with_momentum(Fraction(9, 10)), 12, TWO_THIRDS),
        (HEAVY_BALL, 2, Fraction(1, 2)),
        (HEAVY_BALL, 4, TWO_THIRDS),
    ],
)
def test_false_constants_are_not_proved(tuning, prefactor, rate):
    proof = constants_proof(tuning, prefactor, rate)
    assert proof.decided is False
    assert any(item.bisection and item.bisection.counterexample for item in proof.obligations)


def test_constants_stay_undecided_without_boxes():
    assert constants_proof(NESTEROV, 12, TWO_THIRDS, max_boxes=1).decided is None


@given(
    a=st.fractions(-2, 2, max_denominator=1000),
    c=st.fractions(-1, 1, max_denominator=1000),
    k=st.integers(0, 40),
)
def test_power_norm_matches_numpy(a, c, k):
    expected = np.linalg.norm(np.linalg.matrix_power(np.array([[float(a), -float(c)], [1.0, 0.0]]), k), 2)
    ball = block_power_norm(a, c, k)
    # Errors of the float64 powers: relative to 3^k at worst, which they reach only when the norm is as large.
    assert float(ball) == pytest.approx(expected, rel=1e-9, abs=1e-11)
    assert float(ball.rad()) <= 1e-25 * max(1.0, float(ball))


def test_power_norm_of_an_exact_case():
    """A rotation by 60 degrees in disguise has period 6; its norm at k = 0 is exactly 1."""
    assert [str(block_power_norm(1, 1, k)) for k in (0, 3, 6)] == ["1.00000000000000"] * 3
    assert block_power_norm(0, 4, 1).overlaps(arb(4))
    with pytest.raises(ValueError, match="k >= 0"):
        block_power_norm(1, 1, -1)


@pytest.mark.parametrize("control", power_controls(), ids=lambda c: f"{c.tuning.name}: {c.bound.name}")
def test_each_control_is_refuted_by_a_certified_witness(control):
    witness = refute_power_bound(control.bound, control.tuning)
    assert witness is not None
    u = Fraction(math.isqrt(witness.kappa.denominator), math.isqrt(witness.kappa.numerator))
    assert witness.kappa * u * u == 1
    low, high = control.tuning.spectrum(u)
    assert low <= witness.z <= high
    a, c = control.tuning.block(control.tuning.momentum(u), witness.z)
    power = np.linalg.matrix_power(np.array([[float(a), -float(c)], [1.0, 0.0]]), witness.k)
    claimed = math.sqrt(control.bound.prefactor_squared(u) * control.bound.rate_squared(u) ** witness.k)
    assert np.linalg.norm(power, 2) == pytest.approx(witness.norm_low, rel=1e-10)
    assert claimed == pytest.approx(witness.bound_high, rel=1e-10)
    assert witness.norm_low > witness.bound_high


def test_controls_make_the_stated_claims():
    """At kappa = 4: 8 sqrt(4) = 16 and 12 sqrt(4) = 24; rho^2 = beta (1 - 1/8), beta = 2/4."""
    u = Fraction(1, 2)
    claims = [(c.bound.prefactor_squared(u), c.bound.rate_squared(u)) for c in power_controls()]
    assert claims[:3] == [(256, Fraction(7, 16)), (576, Fraction(1, 4)), (576, Fraction(4, 9))]
    assert power_controls()[2].tuning.momentum(u) == Fraction(9, 10)
    beta, z = 9 / 16, 1 / 4
    h = min(-(beta - (1 - math.sqrt(x)) ** 2) * (beta - (1 + math.sqrt(x)) ** 2) for x in (z, 1.0))
    assert float(claims[3][0]) == pytest.approx(2 * (1 + beta) ** 2 / h, rel=1e-14)


@pytest.mark.parametrize(("tuning", "prefactor"), [(NESTEROV, 12), (HEAVY_BALL, 4)])
def test_true_bounds_are_not_refuted(tuning, prefactor):
    claim = PowerBound("lemma", lambda u: prefactor**2 / (u * u), tuning.rate_squared)
    assert refute_power_bound(claim, tuning) is None


def test_rates_of_zero_are_left_out():
    claim = PowerBound("rate 0", lambda u: Fraction(1), lambda u: Fraction(0))
    assert refute_power_bound(claim, NESTEROV) is None


def test_variables_and_division_of_rational_functions():
    u, z = RationalFunction.variables()
    assert (u * u - z * z) / (u - z) == u + z
    assert 1 / (2 - u) - 1 / (u - 2) == 2 / (2 - u)
    assert u / 2 + Fraction(1, 3) != u / 2
    with pytest.raises(ZeroDivisionError):
        1 / (u - u)
