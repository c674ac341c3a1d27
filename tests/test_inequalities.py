"""Each inequality of the certificates on an instance where it matters: what random networks leave far from attained."""

from fractions import Fraction

import numpy as np
import pytest
from exact_training import train
from flint import arb, ctx, fmpq
from test_certificates import INPUTS, METHODS, network

from proofs_check.certificates.contraction import contraction
from proofs_check.certificates.flow import Flow
from proofs_check.certificates.shadow import power_bound

MOMENTUM = [name for name, (_, beta, _) in METHODS.items() if beta]


def exact(value):
    return arb(fmpq(Fraction(value).numerator, Fraction(value).denominator))


@pytest.mark.parametrize("beta", [0.8, 0.9, 0.95])
def test_powers_of_heavy_ball_near_the_edge_of_stability(beta):
    """There the largest power is beyond what the eigenvalue 0 of J J^T allows, and what a step and its shear do."""
    problem = network(16, "heavy ball")._replace(eta=0.5, beta=beta)
    high = 2 * (1 + np.sqrt(beta)) ** 2  # of the eigenvalues that do not oscillate alone, where both coincide
    found = contraction(problem.eta, problem.beta, problem.gamma, 0.999 * high, high)
    assert found is not None
    block = np.array([[1 - high / 2, 1.0], [-beta * high / 2, beta]])
    worst = max(np.linalg.norm(np.linalg.matrix_power(block, k), 2) for k in range(200))
    assert worst <= float(power_bound(problem, found))
    assert worst > max(np.sqrt(2 + 1 / (1 - beta) ** 2), 1 + found.shear)


def shadow_residual(flow):
    """That of the shadow itself, from its pre-activations, which are known to all bits in force."""
    n, m = flow.size, flow.width
    up = [[flow.neurons.value(r, i).max(arb(0)) * flow.problem.signs[r] for r in range(m)] for i in range(n)]
    return [sum(row, arb(0)) / m - exact(y) for row, y in zip(up, flow.problem.targets, strict=True)]


@pytest.mark.parametrize("name", MOMENTUM)
def test_an_error_in_the_momentum_part_reaches_the_residual(name):
    """(6): whatever h is off by at the start adds up in xi, and the bound on xi says so at every step."""
    with ctx.workprec(300):
        flow, off = Flow(network(16, name, 10), 300), arb(2) ** -60
        for i in range(flow.size):
            flow.momentum[i, 0] += off
        flow.momentum_error += off * arb(flow.size).sqrt()
        for _ in range(30):
            flow.advance()
            far = [a - b for a, b in zip(shadow_residual(flow), flow.residual.entries(), strict=True)]
            size = sum((x * x for x in far), arb(0)).sqrt()
            assert off < size <= flow.error
        assert flow.flips


def enlarged(flow, distance):
    """Say that the exact run may start this far away, in weights times sqrt m."""
    flow.distance._form = (flow.distance._form + distance * flow.distance._in).upper()


@pytest.mark.parametrize("name", METHODS)
def test_a_run_from_other_weights_stays_within_the_distance(name):
    """(7): another network takes the place of the exact run; flips, rest and all. So does its residual."""
    problem, neuron = network(16, name, 10), 7
    shift = Fraction(1, 1 << 40)
    row = tuple(Fraction(x) + shift for x in problem.weights[neuron])
    other = problem._replace(weights=(*problem.weights[:neuron], row, *problem.weights[neuron + 1 :]))
    with ctx.workprec(300):
        flow = Flow(problem, 300)
        enlarged(flow, 4 * exact(shift) * arb(2).sqrt() * (1 + arb(2) ** -50))
        calm = 0
        for t, (residual, pattern, weights) in enumerate(train(other, 80, bits=300)):
            if t:
                flow.advance()
            assert [list(map(bool, on)) for on in flow.active] == pattern
            for i, x in enumerate(INPUTS):
                for r, w in enumerate(weights):
                    value = 4 * sum(Fraction(a) * Fraction(b) for a, b in zip(w, x, strict=True))
                    assert abs(flow.neurons.value(r, i) - exact(value)) <= flow.lengths[i] * flow.distance.bound
            for value, (low, high) in zip(residual, flow.enclosure(), strict=True):
                assert low <= exact(value) <= high
            size = sum((exact(x) ** 2 for x in residual), arb(0)).sqrt()
            assert size <= flow.energy()
            calm += flow.distance.calmed
        assert flow.flips
        assert calm or not problem.beta


@pytest.mark.parametrize("name", MOMENTUM)
def test_limits_count_what_momentum_still_does(name):
    """(5): at every step what a limit leaves is at most the margin less the way still to go on its own account."""
    for seed in (10, 3, 5):
        with ctx.workprec(200):
            flow = Flow(network(16, name, seed), 200)
            for _ in range(40):
                flow.advance()
                for i in range(flow.size):
                    for r in range(flow.width):
                        driven = flow.neurons._driven(r, i, 1) * flow.problem.signs[r]
                        own = abs(flow.neurons.speed(r, i) + driven) / (1 - flow.beta)
                        left = float(flow.watch.limits[i, r] - flow.watch.moved[i])
                        assert left <= (abs(flow.neurons.value(r, i)) - own).max(arb(0)) + 1e-12
            assert flow.flips
