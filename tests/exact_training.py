"""Training from its definition, in exact fractions or rounded to many bits: the oracle of the certificates.

Width must be a square, so that sqrt(m) is rational. Weight space, two steps of memory, nothing clever.
"""

import math
from fractions import Fraction

from proofs_check.rigor.certificates.problem import Problem


def exactly(rows):
    return [[Fraction(x) for x in row] for row in rows]


def rounded(value, bits):
    return value if bits is None else Fraction(round(value * (1 << bits)), 1 << bits)


def train(problem: Problem, steps: int, bits: int | None = None):
    """(residual, pattern, weights) at steps 0..steps; bits after the point are kept, or all."""
    root = math.isqrt(len(problem.weights))
    assert root * root == len(problem.weights)
    inputs, weights = exactly(problem.inputs), exactly(problem.weights)
    targets = [Fraction(y) for y in problem.targets]
    eta, beta, gamma = Fraction(problem.eta), Fraction(problem.beta), Fraction(problem.gamma)

    def look(weights):
        z = [[sum(a * b for a, b in zip(w, x, strict=True)) for x in inputs] for w in weights]
        residual = [
            sum((a * max(row[i], 0) for a, row in zip(problem.signs, z, strict=True)), Fraction(0)) / root - y
            for i, y in enumerate(targets)
        ]
        return residual, [[v >= 0 for v in row] for row in z]

    def gradient(residual, pattern):
        return [
            [
                Fraction(sign, root) * sum(e * x[k] for e, x, on in zip(residual, inputs, row, strict=True) if on)
                for k in range(len(inputs[0]))
            ]
            for sign, row in zip(problem.signs, pattern, strict=True)
        ]

    before = weights if problem.before is None else exactly(problem.before)
    pull = gradient(*look(before))
    if problem.start == "extrapolated":
        pull = [[Fraction(0)] * len(row) for row in pull]
    for t in range(steps + 1):
        residual, pattern = look(weights)
        yield residual, pattern, weights
        if t == steps:
            return
        push = gradient(residual, pattern)
        following = [
            [
                rounded(w + beta * (w - old) - eta * (1 + gamma) * g + eta * gamma * h, bits)
                for w, old, g, h in zip(*rows, strict=True)
            ]
            for rows in zip(weights, before, push, pull, strict=True)
        ]
        before, weights, pull = weights, following, push
