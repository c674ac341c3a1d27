"""Coq's recursion of certificates at initialisation against what the rechecker computes, side by side."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from flint import ctx

from proofs_check.formal import evaluation
from proofs_check.lemmas.majorant import _forcing
from proofs_check.rigor.certificates.certificate import write
from proofs_check.rigor.certificates.contraction import Contraction
from proofs_check.rigor.certificates.problem import Problem
from proofs_check.rigor.comparison.recursion import Linear, masked_sums
from proofs_check.rigor.initial import recheck
from proofs_check.rigor.initial.certificate import body_of
from proofs_check.rigor.initial.prove import InitialProof

pytestmark = pytest.mark.slow  # it needs every file compiled
STEPS = 4


def network(method, start):
    """Three samples with rational coordinates of length 1, nine neurons, weights on a grid of eighths."""
    rng = np.random.default_rng(5)
    inputs = ((1.0, 0.0), (0.6, 0.8), (-0.28, 0.96))
    weights = tuple(tuple(float(x) for x in row) for row in rng.integers(-16, 17, (9, 2)) / 8)
    return Problem(inputs, (2.0, -1.5, 1.0), weights, (1, -1, 1, 1, -1, -1, 1, -1, 1), *method, start)


def followed(problem, folder):
    """The rechecker's recursion, with flips, e, dS and M of every step; its claims are about nothing in particular."""
    n, m = len(problem.inputs), len(problem.weights)
    wide = (1e9,) * n
    claimed = InitialProof(
        problem, 512, STEPS, STEPS, Contraction(2.0**-20, 100.0, 0.5, 1.0), 0.75, wide, wide, wide, n * m, (1.0,), ()
    )
    write(body_of(claimed), folder / "one.json")
    net = recheck.Certificate(folder / "one.json")
    with ctx.workprec(net.bits):
        start = recheck.Start(net)
        linear = recheck.Linear(start)
        with ctx.workprec(recheck.LOW):
            run, flips, kept = recheck.Proof(start, linear), [set()], []
            for t in range(1, STEPS + 1):
                run.step(t)
                flips.append({(r, i) for r, found in run.flips.flipped.items() for i in found})
                # what the rechecker holds of the last step only
                kept.append([[float(x) for x in values] for values in (run.e, run.dS, run.M)])
            return start, run, flips, kept


@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
@pytest.mark.parametrize("method", [(0.25, 0.0, 0.0), (0.25, 0.5, 0.0), (0.25, 0.5, 0.5)], ids=["gd", "hb", "nag"])
def test_the_right_hand_sides_are_those_of_the_rechecker(everything, tmp_path, method, start):
    """mu, e, dS and X at every step, to the rechecker's rounding; D and f enter X."""
    problem = network(method, start)
    first, run, flips, kept = followed(problem, tmp_path)
    exact = [[Fraction(float(x)) for x in row] for row in run.X]
    eta, beta, gamma = map(Fraction, method)
    rows = [[Fraction(x) for x in row] for row in problem.inputs]
    kernel = [[sum(a * b for a, b in zip(x, y, strict=True)) for y in rows] for x in rows]
    pre = [[sum(Fraction(a) * b for a, b in zip(w, x, strict=True)) for x in rows] for w in problem.weights]
    active = [[z >= 0 for z in row] for row in pre]
    m, n = len(active), len(rows)
    gram = [[kernel[i][j] * sum(row[i] and row[j] for row in active) / m for j in range(n)] for i in range(n)]
    found = evaluation.recursion(everything, evaluation.Network(
        kernel, gram, active, [[[(r, i) in now for i in range(n)] for r in range(m)] for now in flips],
        beta, eta * (1 + gamma), eta * (beta * (1 + gamma) - gamma), eta * gamma * (start == "gradient"),
        [Fraction(float(x.mid())) for x in first.xi], exact,
    ))  # fmt: skip
    assert len(found) == STEPS
    moved = np.cumsum([[float(x) for x in step.rise] for step in found], axis=0)
    for t, step in enumerate(found):
        _, dS, M = kept[t]  # of step t + 1
        assert np.allclose(moved[t], M, rtol=1e-9)
        assert np.allclose([float(x) for x in step.totals], dS, rtol=1e-9)
        assert np.allclose([float(x) for x in step.residuals], [float(x) for x in run.X[t + 1]], rtol=1e-9)
        if t:
            assert np.allclose([float(x) for x in step.masks], kept[t - 1][0], rtol=1e-9)
    # something has flipped on one sample and on several, so that every count enters
    assert sum(len(now) for now in flips) > 5
    per_neuron = [len(list(group)) for _, group in itertools.groupby(sorted(flips[-1]), key=lambda pair: pair[0])]
    assert max(per_neuron) > 1


def test_the_counts_and_reaches_of_the_comparison_are_those_of_the_lemma(everything):
    """B and b for neurons of every kind: none flipped, one sample, after another one, several."""
    rng = np.random.default_rng(7)
    angles = (Fraction(3, 5), Fraction(4, 5)), (Fraction(1), Fraction(0)), (Fraction(-7, 25), Fraction(24, 25))
    kernel = [[a * c + b * d for c, d in angles] for a, b in angles]
    floats = np.array([[float(x) for x in row] for row in kernel])
    m, path = 24, [Fraction(3, 2), Fraction(-1), Fraction(1, 4)]
    pre = rng.integers(-40, 41, (3, m)) / 16 + 1 / 64  # (n, m), never at a boundary below
    moved = np.array([float(x) for x in path])
    reach = masked_sums(floats, moved[None])
    size, near, far = np.abs(pre) * m**0.5, reach[0], np.full(3, 9.0)
    inside = size <= near[:, None]
    others = inside.sum(axis=0) - inside > 0
    flips = inside | ((size <= (np.abs(floats) @ far)[:, None]) & others)
    assert 0 < inside.sum() < flips.sum() < flips.size
    linear = Linear(np.zeros((1, 3)), reach, np.zeros((1, 3)))
    found = _forcing(floats, pre, m, linear, share=1.0, second=True)(0, np.zeros(3), far)
    B, b = evaluation.deviation(everything, kernel, (pre.T >= 0).tolist(), flips.T.tolist(), path)
    assert found is not None
    assert np.allclose([[float(x) for x in row] for row in B], found[0], rtol=1e-12)
    assert np.allclose([float(x) for x in b], near, rtol=1e-12)
