"""What the rigorous lemmas leave behind: evidence re-verified from its text alone, and claims that can be attacked."""

import json
import math
import re
from copy import deepcopy
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from proofs_check.judging.finding import Finding, Verdict
from proofs_check.lemmas.gd_matrix import GD_MATRIX
from proofs_check.lemmas.gram_positive import GRAM_POSITIVE
from proofs_check.lemmas.momentum_matrix import HEAVY_BALL_MATRIX, NESTEROV_MATRIX
from proofs_check.rigor.enclosure import decide_positive

MATRICES = [GD_MATRIX, HEAVY_BALL_MATRIX, NESTEROV_MATRIX]
DISTINCT = next(control for control in GRAM_POSITIVE.controls if control.id == "distinct")


def parse(text):
    """Coefficients, lowest power first, of a sum of terms such as 3, u, 2*u^3, (-1/4)*u."""
    terms: dict[int, Fraction] = {}
    for term in text.split(" + "):
        found = re.fullmatch(r"\(?(-?[\d/]+)?\)?\*?(u(?:\^(\d+))?)?", term)
        assert found, term
        power = 0 if found[2] is None else int(found[3] or 1)
        assert power not in terms
        terms[power] = Fraction(found[1] or 1)
    return [terms.get(power, Fraction(0)) for power in range(max(terms) + 1)]


def multiply(p, q):
    result = [Fraction(0)] * (len(p) + len(q) - 1)
    for i, x in enumerate(p):
        for j, y in enumerate(q):
            result[i + j] += x * y
    return result


def value(p, u):
    return sum(x * u**i for i, x in enumerate(p))


def bernstein(p, lo, hi):
    """Bernstein coefficients of p on [lo, hi]; their least is a lower bound of p there."""
    degree, shifted = len(p) - 1, [Fraction(0)]
    for x in reversed(p):
        shifted = multiply(shifted, [lo, hi - lo])
        shifted[0] += x
    shifted = shifted[: degree + 1]
    return [
        sum(Fraction(math.comb(i, j), math.comb(degree, j)) * shifted[j] for j in range(i + 1))
        for i in range(degree + 1)
    ]


def positive(p, lo, hi, depth=12):
    if min(bernstein(p, lo, hi)) > 0:
        return True
    middle = (lo + hi) / 2
    return (
        depth > 0 and value(p, middle) > 0 and positive(p, lo, middle, depth - 1) and positive(p, middle, hi, depth - 1)
    )


def is_proof(record):
    """Whether a stored obligation proves polynomial >= 0 on (0, 1], by exact arithmetic of this file alone."""
    polynomial, product = parse(record["polynomial"]), parse(record["cofactor"])
    cofactor = product
    if not any(polynomial):
        return True
    for factor, power in (([0, 1], record["u_power"]), ([1, -1], record["end_power"])):
        for _ in range(power):
            product = multiply(product, factor)
    boxes = [(Fraction(lo), Fraction(hi)) for lo, hi in record["boxes"]]
    ends = [Fraction(0), *(hi for _, hi in boxes)]
    covered = [lo for lo, _ in boxes] == ends[:-1] and ends[-1] == 1
    return product == polynomial and covered and all(positive(cofactor, lo, hi) for lo, hi in boxes)


def evidence(lemma):
    proof = lemma.check(None)
    assert proof.decided is True
    return json.loads(
        json.dumps(Finding(lemma.id, "", Verdict.CERTIFIED, "", evidence=proof.evidence).to_row()["evidence"])
    )


@pytest.mark.parametrize("lemma", MATRICES, ids=lambda lemma: lemma.id)
def test_the_boxes_are_a_proof_by_themselves(lemma):
    kept = evidence(lemma)
    assert len(json.dumps(kept)) < 8000
    assert len(kept["obligations"]) >= 5
    for record in kept["obligations"]:
        assert is_proof(record), record


def test_damaged_evidence_is_noticed():
    record = max(evidence(NESTEROV_MATRIX)["obligations"], key=lambda record: len(record["boxes"]))
    assert len(record["boxes"]) >= 2
    for key, damage in [
        ("boxes", lambda x: x[1:]),
        ("boxes", lambda x: x[:-1]),
        ("boxes", lambda x: [x[0], *x[2:]]),
        ("cofactor", lambda x: x + " + (-1000)*u^30"),
        ("polynomial", lambda x: x + " + u^30"),
        ("u_power", lambda x: x + 1),
    ]:
        broken = deepcopy(record)
        broken[key] = damage(broken[key])
        assert not is_proof(broken), key
    negative = {
        "polynomial": "u + (-1/2)",
        "cofactor": "u + (-1/2)",
        "u_power": 0,
        "end_power": 0,
        "boxes": [["0", "1"]],
    }
    assert not is_proof(negative)


def heavy_ball(u):
    """1 + c, the gap at both ends and rho^2, by the formulas of the statement; sqrt(z) is u and 1."""
    beta = (1 - u / 2) ** 2
    return 1 + beta, [-(beta - (1 - s) ** 2) * (beta - (1 + s) ** 2) for s in (u, Fraction(1))], beta


def nesterov(u):
    beta = (3 - 2 * u) / (3 + 2 * u)
    gaps = [4 * beta * (1 - z) - ((1 + beta) * (1 - z)) ** 2 for z in (u * u / 2, Fraction(1, 2))]
    return 1 + beta * (1 - u * u / 2), gaps, beta * (1 - u * u / 2)


@pytest.mark.parametrize(
    ("lemma", "formulas", "prefactor", "rate"),
    [(HEAVY_BALL_MATRIX, heavy_ball, 4, Fraction(1, 2)), (NESTEROV_MATRIX, nesterov, 12, Fraction(2, 3))],
)
def test_the_evidence_is_about_the_statement(lemma, formulas, prefactor, rate):
    """Each kept polynomial is one positive multiple of what the statement needs, at 20 exact points."""
    kept = {record["name"]: parse(record["polynomial"]) for record in evidence(lemma)["obligations"]}
    ratios: dict[str, set] = {}
    for step in range(1, 21):
        u = Fraction(step, 20)
        sum_, gaps, rate_squared = formulas(u)
        needed = {"rho^2 <= (1 - rate/sqrt(kappa))^2": (1 - rate * u) ** 2 - rate_squared}
        for end, gap in zip(("low", "high"), gaps, strict=True):
            needed[f"complex pair at the {end} end"] = gap
            needed[f"C <= prefactor sqrt(kappa) at the {end} end"] = prefactor**2 * gap - 4 * sum_**2 * u * u
        for name, expected in needed.items():
            scale = value(kept[f"{name}: denominator"], u) if f"{name}: denominator" in kept else 1
            found = value(kept[name], u) / scale
            ratios.setdefault(name, set()).add(found / expected if expected else None)
            assert (found > 0) == (expected > 0), name
    assert all(len(ratio) == 1 for ratio in ratios.values()), ratios


def test_positivity_keeps_its_enclosure():
    rows = np.random.default_rng(0).standard_normal((5, 3))
    proof = GRAM_POSITIVE.about_data.confirm(rows)
    assert proof.decided is True
    low, high = proof.evidence["lambda_0"]
    assert 0 < low <= high <= low * (1 + 1e-14)
    assert proof.evidence["precision"] == 128
    assert json.loads(json.dumps(proof.evidence)) == proof.evidence


def on_sphere(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def separation(rows, signs):
    pairs = [(i, j) for i in range(len(rows)) for j in range(i)]
    return min([1.0, *(np.linalg.norm(rows[i] - s * rows[j]) for i, j in pairs for s in signs)])


@pytest.mark.parametrize(("claim", "signs"), [(GRAM_POSITIVE.about_data, (1, -1)), (DISTINCT.about_data, (1,))])
def test_scores_are_the_least_eigenvalue_by_separation(claim, signs):
    rng = np.random.default_rng(1)
    near = on_sphere(np.r_[np.eye(3), np.eye(3)[:1] + 1e-7 * np.eye(3)[1:2]])
    opposite = on_sphere(np.r_[np.eye(3), -np.eye(3)[:1] + 1e-7 * np.eye(3)[1:2]])
    score = jax.jit(claim.score)
    for rows in (np.eye(4)[:, :3] + np.eye(4, 3, -1), on_sphere(rng.standard_normal((4, 3))), near, opposite):
        rows = on_sphere(rows)
        expected = -decide_positive(rows).lambda_min_low / separation(rows, signs)
        # the eigenvalue is good to 1e-15 before it is divided by a separation of 1e-7
        assert float(score(jnp.asarray(rows))) == pytest.approx(expected, abs=1e-7, rel=1e-7)


@pytest.mark.parametrize("claim", [GRAM_POSITIVE.about_data, DISTINCT.about_data])
def test_scores_have_gradients_along_the_sphere(claim):
    score, slopes = jax.jit(claim.score), jax.jit(jax.value_and_grad(claim.score))
    rng = np.random.default_rng(2)
    rows, direction = on_sphere(rng.standard_normal((4, 3))), 1e-6 * rng.standard_normal((4, 3))
    slope = (score(jnp.asarray(rows + direction)) - score(jnp.asarray(rows - direction))) / 2
    gradient = np.asarray(slopes(jnp.asarray(rows))[1])
    assert np.sum(gradient * direction) == pytest.approx(float(slope), rel=1e-6)
    assert np.abs(np.sum(gradient * rows, axis=1)).max() < 1e-12
    repeated, antipodal = np.eye(3)[[0, 0, 1, 2]], np.r_[np.eye(2, 3), -np.eye(2, 3)]
    near = on_sphere(np.r_[np.eye(3), np.eye(3)[:1] + 1e-9 * np.eye(3)[1:2]])
    for rows in (repeated, antipodal, near):
        value_, gradient = slopes(jnp.asarray(rows))
        assert bool(jnp.isfinite(gradient).all())
        assert float(value_) <= -0.1
    assert float(claim.score(jnp.ones((1, 1)))) == -0.5


def test_only_a_violation_of_the_hypothesis_free_claim_is_confirmed():
    plane = on_sphere(np.random.default_rng(3).standard_normal((3, 2)))
    antipodal = np.r_[plane, -plane].tolist()
    refuted = DISTINCT.about_data.confirm(antipodal)
    assert refuted.decided is False
    assert refuted.evidence["kernel"]["kind"] == "antipodal pairs"
    assert float(DISTINCT.about_data.score(jnp.asarray(antipodal))) == pytest.approx(0, abs=1e-14)
    outside = GRAM_POSITIVE.about_data.confirm(antipodal)
    assert outside.decided is True
    assert "nothing is claimed" in outside.reason
    repeated = [[1, 2], [Fraction(1, 3), Fraction(2, 3)], [0, 1]]
    for claim in (GRAM_POSITIVE.about_data, DISTINCT.about_data):
        assert claim.confirm(repeated).decided is True
        assert "inputs 0 and 1" in claim.confirm(repeated).reason
        assert claim.confirm([[1, 2], [0, 1]]).evidence["lambda_0"][0] > 0
