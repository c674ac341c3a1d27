"""gram-separation: delta against NumPy, the derivation of the sharp constant step by step, the edges of the claim."""

from fractions import Fraction
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from proofs_check.lemma import NotApplicable, Proof
from proofs_check.lemmas.gram_separation import GRAM_SEPARATION, _check, _score, separation

CLAIM = GRAM_SEPARATION.about_data
ONE_SIDED = next(control for control in GRAM_SEPARATION.controls if control.id == "one-sided").about_data


def _run(inputs) -> Any:
    """As much of a run as the lemma looks at."""
    return SimpleNamespace(data=SimpleNamespace(inputs=np.asarray(inputs, float)))


def _unit(rows):
    rows = np.asarray(rows, float)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _delta(rows, one_sided=False):
    lengths = [np.linalg.norm(x - y) for x, y in combinations(_unit(rows), 2)]
    sums = [np.linalg.norm(x + y) for x, y in combinations(_unit(rows), 2)]
    return min(lengths if one_sided else lengths + sums)


def _configuration(rng, n, d):
    """Spread out, or with a near-parallel or near-antipodal pair."""
    rows = rng.standard_normal((n, d))
    kind = rng.integers(3)
    if kind:
        rows[-1] = (1 if kind == 1 else -1) * rows[0] + 10.0 ** rng.uniform(-6, 0) * rng.standard_normal(d)
    return rows


def test_delta_is_that_of_numpy():
    rng = np.random.default_rng(0)
    for one_sided in (False, True):
        for _ in range(30):
            rows = _configuration(rng, int(rng.integers(2, 7)), int(rng.integers(2, 5)))
            low, high = separation(rows, one_sided)
            assert low <= high <= low * (1 + 1e-14)
            # NumPy's own error: unit vectors to a few roundings, absolute
            assert low == pytest.approx(_delta(rows, one_sided), abs=1e-14, rel=1e-12)


def test_delta_depends_on_rays_alone():
    rows = [[Fraction(3), 4], [4, 3], [-5, 1]]
    scaled = [[Fraction(7, 3) * x for x in row] for row in rows]
    assert separation(rows) == separation(scaled)


def test_delta_keeps_its_digits_where_floats_lose_them():
    tiny = Fraction(1, 10**30)
    low, high = separation([[1, 0], [1, tiny]])
    assert low <= 1e-30 <= high * (1 + 1e-15)
    assert high <= low * (1 + 1e-14)


def test_the_claim_holds_and_its_slack_on_a_close_pair_is_10_over_pi():
    close = _check(_run([[1.0, 0.0], [1.0, 1e-5]]))
    ratios = {}
    for part, proof in close.items():
        assert isinstance(proof, Proof)
        assert proof.decided is True
        ratios[part] = proof.observed / proof.bound
    assert ratios == pytest.approx({"paper-form": 200 / np.pi, "sharp": 10 / np.pi}, rel=1e-4)


def test_both_parts_hold_on_degenerate_sets():
    rng = np.random.default_rng(1)
    for _ in range(60):
        rows = _configuration(rng, int(rng.integers(2, 9)), int(rng.integers(2, 5)))
        for proof in _check(_run(rows)).values():
            assert isinstance(proof, Proof)
            assert proof.decided is True, proof.reason


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([[1.0]], "single"),
        ([[1.0, 0.0], [2.0, 0.0]], "are equal .* row 1 equals row 0: keep one"),
        ([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], "antipodal.* row 1 is opposite to row 0: keep one"),
    ],
)
def test_where_nothing_is_claimed(rows, word):
    import re

    for found in _check(_run(rows)).values():
        assert isinstance(found, NotApplicable)
        assert re.search(word, found.reason)
    assert CLAIM is not None
    assert CLAIM.confirm(rows).decided is True


def test_one_sided_fails_where_the_claim_says_nothing():
    rows = [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]]
    assert CLAIM is not None
    assert ONE_SIDED is not None
    assert ONE_SIDED.confirm(rows).decided is False
    assert CLAIM.confirm(rows).decided is True
    # one antipodal pair alone leaves lambda_0 positive
    assert ONE_SIDED.confirm([[1, 0], [-1, 0], [0, 1]]).decided is True


def test_score_is_the_logarithm_of_the_ratio_and_has_gradients():
    import jax

    assert CLAIM is not None
    rng = np.random.default_rng(2)
    score_of = jax.jit(CLAIM.score)
    both = jax.jit(jax.value_and_grad(CLAIM.score))
    for n, d in ((2, 2), (5, 3)):
        rows = _unit(rng.standard_normal((n, d)))
        proof = _check(_run(rows))["sharp"]
        assert isinstance(proof, Proof)
        score, slope = both(rows)
        assert float(score) == pytest.approx(np.log(proof.bound / proof.observed), abs=1e-9)
        assert np.isfinite(np.asarray(slope)).all()
        direction = rng.standard_normal((n, d))
        ends = [float(score_of(rows + step * direction)) for step in (1e-6, -1e-6)]
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(float((slope * direction).sum()), rel=1e-5)
    assert np.isfinite(np.asarray(both(np.array([[1.0, 0.0], [1.0, 0.0]]))[1])).all()
    assert float(_score(np.ones((1, 1)), lambda n: Fraction(1))) == -np.inf


def test_the_constant_of_the_derivation():
    """(1/4) sqrt(pi/2) F(s)/s at s = sqrt(pi), the worst case n = 2 and delta = sqrt 2, is above 1/10: in balls."""
    with ctx.workprec(128):
        s, two = arb.pi().sqrt(), arb(2)
        share = (s / two.sqrt()).erf() - (two / arb.pi()).sqrt() * (1 - (-s * s / 2).exp()) / s
        constant = (arb.pi() / 2).sqrt() * share / s
        assert constant > arb(401) / 1000 - arb(1) / 10**4
        assert constant / 4 > arb(1) / 10


def test_the_mirror_step_of_the_derivation():
    """P(w and its mirror image in x_l^perp differ on input l alone) >= 0.4 delta/(n-1), by simulation, 5 sigma."""
    rng = np.random.default_rng(3)
    for n, d in ((2, 2), (3, 2), (4, 3), (6, 3)):
        for _ in range(5):
            rows = _unit(_configuration(rng, n, d))
            delta = _delta(rows)
            if delta < 0.01:
                continue
            weights = rng.standard_normal((20000, d))
            mirrored = weights - 2 * (weights @ rows[0])[:, None] * rows[0]
            same = (weights @ rows[1:].T >= 0) == (mirrored @ rows[1:].T >= 0)
            share = same.all(axis=1).mean()
            assert share + 5 * np.sqrt(share * (1 - share) / 20000) >= 0.4 * delta / (n - 1)


def test_the_sharpest_constant_known_is_not_far():
    """delta/(3 n (n-1)) fails at a close pair, so 10 cannot become 3; at a wide pair it holds."""
    control = next(control for control in GRAM_SEPARATION.controls if control.id == "constant")
    assert control.about_data is not None
    assert control.about_data.confirm([[1, 0], [100, 1]]).decided is False
    assert control.about_data.confirm([[1, 0], [1, 1]]).decided is True
