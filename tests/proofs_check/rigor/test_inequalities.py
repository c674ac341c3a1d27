"""Each inequality of the certificates on an instance where it matters: what random networks leave far from attained."""

from fractions import Fraction

import numpy as np
import pytest
from exact_training import train
from flint import arb, arb_mat, ctx, fmpq
from networks import INPUTS, METHODS, network

from proofs_check.rigor.certificates.contraction import contraction
from proofs_check.rigor.certificates.flow import Flow, Undecided
from proofs_check.rigor.certificates.shadow import Distance, Metric, best_metric, growth, power_bound

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


def test_powers_where_the_eigenvalue_0_dominates():
    """At eta lambda = 1 the block of Nesterov is nilpotent, while what J J^T misses goes on for 1 / (1 - beta)."""
    problem = network(16, "nesterov")._replace(eta=1.0, beta=0.9, gamma=0.9)
    found = contraction(1.0, 0.9, 0.9, 0.9999, 1.0001)
    assert found is not None
    size = np.linalg.norm(np.linalg.matrix_power(np.array([[1.0, 1.0], [0.0, 0.9]]), 300), 2)
    assert 1 + found.shear / (1 - found.rate) < size <= float(power_bound(problem, found))


@pytest.mark.parametrize("name", MOMENTUM)
def test_the_distance_against_the_worst_it_may_meet(name):
    """(7) on blocks: in and out of the form, spectra that push outwards, defects that point outwards, rest."""
    problem, high = network(16, name), 2.5
    metric = best_metric(problem, high)
    form = np.array([[1.0, metric.cross], [metric.cross, metric.weight]])
    sizes, axes = np.linalg.eigh(form)

    def length(e):
        return float(np.sqrt(e @ form @ e))

    grows, scale = growth(problem, metric, arb(high)), 4 * np.sqrt(high)
    for start in axes.T:
        far, e = Distance(problem, metric), start
        far._form = arb(length(e))
        for t in range(60):
            assert np.linalg.norm(e) <= float(far.bound) * (1 + 1e-12)
            assert length(e) <= float(far._form) * (1 + 1e-12)
            e = max((block(problem, z) @ e for z in (0.0, float(problem.eta) * high)), key=length)
            defect = scale * (1e-3 + t % 3) * np.array([np.sign(e[0]), np.sign(e[1])])
            far.advance(grows, arb(high), arb(1e-3 + t % 3), arb(1e-3 + t % 3))
            e = max(e + defect, e + defect * [1, -1], key=length)
    far = Distance(problem, metric)
    far.start(arb(0.5), arb(high))
    assert length(np.array([0.0, scale * 0.5])) <= float(far._form) * (1 + 1e-12)
    found = contraction(problem.eta, problem.beta, problem.gamma, 0.3, 1.5)
    assert found is not None
    far.calm(found)
    before, worst = float(far.bound), 0.0
    far.advance(grows, arb(high), arb(1e-1), arb(1e-1))  # a defect after the beginning of the rest
    assert float(far.bound) - before >= scale * np.sqrt(2) * 1e-1
    for x in (0.0, 0.3, 1.5):
        for k in range(100):
            step = np.linalg.matrix_power(block(problem, float(problem.eta) * x), k)
            worst = max(worst, np.linalg.norm(step @ np.array([0.0, scale * 0.5])))
    assert worst <= before
    assert np.linalg.norm(np.array([0.0, scale * 0.5])) < worst
    far.stir()
    assert float(far._form) >= np.sqrt(sizes[1]) * before


def block(problem, z):
    beta, gamma = float(problem.beta), float(problem.gamma)
    return np.array([[1 - (1 + gamma) * z, 1.0], [-(beta * (1 + gamma) - gamma) * z, beta]])


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


@pytest.mark.parametrize("name", METHODS)
def test_an_error_of_the_residual_drives_the_exact_run_away(name):
    """(7): the shadow follows a residual that is off; the run from the same weights is not where the shadow is."""
    problem = network(16, name, 10)
    with ctx.workprec(300):
        flow, off = Flow(problem, 300), arb(2) ** -60
        for i in range(flow.size):
            flow.residual[i, 0] += off
        flow.error += off * arb(flow.size).sqrt()
        for t, (_, _, weights) in enumerate(train(problem, 60, bits=300)):
            if t:
                flow.advance()
            for i, x in enumerate(INPUTS):
                for r, w in enumerate(weights):
                    value = 4 * sum(Fraction(a) * Fraction(b) for a, b in zip(w, x, strict=True))
                    far = abs(flow.neurons.value(r, i) - exact(value))
                    assert far <= flow.lengths[i] * flow.distance.bound + arb(2) ** -200


@pytest.mark.parametrize("name", METHODS)
def test_no_sign_is_taken_that_the_distance_leaves_open(name):
    """Whatever the exact run may differ by: every sign of a step is clear of it, or the precision fails."""
    given_up = 0
    for power in (24, 12, 8, 6, 4, 2):
        with ctx.workprec(200):
            flow = Flow(network(16, name, 10), 200)
            enlarged(flow, arb(2) ** -power)
            for _ in range(25):
                try:
                    changed = flow.advance()
                except Undecided:
                    given_up += 1
                    break
                if not changed:
                    for i in range(flow.size):
                        clear = flow.lengths[i] * flow.distance.bound
                        assert all(abs(flow.neurons.value(r, i)) > clear for r in range(flow.width))
    assert 0 < given_up < 6


@pytest.mark.parametrize("name", MOMENTUM)
def test_a_kink_that_only_the_distance_reaches_is_noticed(name):
    """Late, when nothing moves any more: a distance beyond the smallest margin leaves a sign open."""
    for share in (0.4, 1.5):
        with ctx.workprec(200):
            flow = Flow(network(16, name, 10), 200)
            for _ in range(80):
                flow.advance()
            margins = [
                abs(flow.neurons.value(r, i)) / flow.lengths[i] for i in range(flow.size) for r in range(flow.width)
            ]
            flow.distance.stir()
            flow.distance._form = share * min(margins, key=float) / flow.distance._out
            if share < 1:
                flow.advance()
            else:
                with pytest.raises(Undecided):
                    flow.advance()


@pytest.mark.parametrize("side", [-1, 1])
def test_the_energy_counts_errors_and_distance(side):
    """Gradient descent, h = 0: a residual that is off, and a run from other weights, in either direction."""
    problem, off = network(16, "gradient descent", 10), side * arb(2) ** -40
    with ctx.workprec(300):
        flow = Flow(problem, 300)
        true = sum((x**2 for x in flow.residual.entries()), arb(0)).sqrt()
        for i in range(flow.size):
            flow.residual[i, 0] += off
        flow.error += abs(off) * arb(flow.size).sqrt()
        assert true <= flow.energy()
        row = tuple(Fraction(x) + side * Fraction(1, 1 << 40) for x in problem.weights[7])
        flow = Flow(problem, 300)
        enlarged(flow, 4 * abs(off) * arb(2).sqrt() * (1 + arb(2) ** -50))
        other = Flow(problem._replace(weights=(*problem.weights[:7], row, *problem.weights[8:])), 300)
        assert sum((x**2 for x in other.residual.entries()), arb(0)).sqrt() <= flow.energy()


@pytest.mark.parametrize("name", MOMENTUM)
def test_the_growth_is_that_of_the_worse_end(name):
    """In forms that are not the best, where the ends differ."""
    problem, ends = network(16, name), set()
    for metric in (Metric(0.0, 1.0), Metric(0.5, 4.0), Metric(-0.5, 1.0), Metric(2.0, 30.0)):
        for high in (0.2, 6.0):
            root = np.linalg.cholesky(np.array([[1.0, metric.cross], [metric.cross, metric.weight]])).T
            sizes = [
                np.linalg.norm(root @ block(problem, float(problem.eta) * x) @ np.linalg.inv(root), 2)
                for x in np.linspace(0.0, high, 50)
            ]
            ends.add(int(np.argmax(sizes)))
            assert max(sizes) <= float(growth(problem, metric, arb(high))) * (1 + 1e-12)  # 2 x 2 products in float64
    assert ends == {0, 49}


def test_radii_and_what_s_and_q_are_rounded_by_are_counted():
    """(6), with balls of known radius, and with S and Q so large that their rounding is seen."""
    with ctx.workprec(80):
        flow, wide = Flow(network(16, "nesterov", 10), 80), arb(0, 2.0**-30)
        old = flow.error, flow.momentum_error
        flow._settle(*(arb_mat(3, 1, [x + wide for x in y.entries()]) for y in (flow.residual, flow.momentum)))
        for before, now in zip(old, (flow.error, flow.momentum_error), strict=True):
            assert now >= before + arb(3).sqrt() * 2.0**-30
        flow = Flow(network(16, "nesterov", 10), 80)
        flow.watch.limits[:] = np.inf  # no sign is looked at
        for i in range(3):
            flow.common[i, 0], flow.speed[i, 0] = arb(2) ** 40 + 1, (arb(2) ** 40 + i) / 3
        flow.speed = flow.speed.mid()
        total, speed, xi = flow.common * 1, flow.speed * 1, flow.residual * 1
        flow.advance()
        with ctx.workprec(400):
            push, beta = exact(Fraction(1, 3)) * exact(Fraction(8, 5)), exact(Fraction(3, 5))
            lift = exact(Fraction(1, 3)) * (beta * exact(Fraction(8, 5)) - exact(Fraction(3, 5)))
            lost = flow.common - (total + speed + push * xi), flow.speed - (beta * speed + lift * xi)
            sizes = [sum((x**2 for x in (flow.gram * y).entries()), arb(0)).sqrt() for y in lost]
        assert sizes[0] > 2.0**-45
        assert sizes[1] > 2.0**-45
        assert flow.error >= sizes[0]
        assert flow.momentum_error >= sizes[1]


def started_late(name):
    """Two steps with equal patterns, and much momentum."""
    problem = network(16, name, 10)
    before = tuple(tuple(Fraction(x) * Fraction(15, 16) for x in row) for row in problem.weights)
    return problem._replace(start="state", before=before)


@pytest.mark.parametrize("name", MOMENTUM)
def test_limits_count_what_momentum_still_does(name):
    """(5): at every step what a limit leaves is at most the margin less the way still to go on its own account."""
    for problem in (*(network(16, name, seed) for seed in (10, 3, 5)), started_late(name)):
        with ctx.workprec(200):
            flow = Flow(problem, 200)
            for t in range(40):
                if t:
                    flow.advance()
                for i in range(flow.size):
                    for r in range(flow.width):
                        driven = flow.neurons._driven(r, i, 1) * flow.problem.signs[r]
                        own = abs(flow.neurons.speed(r, i) + driven) / (1 - flow.beta)
                        left = float(flow.watch.limits[i, r] - flow.watch.moved[i])
                        assert left <= (abs(flow.neurons.value(r, i)) - own).max(arb(0)) + 1e-12
            assert flow.flips


def test_a_first_look_in_float64_counts_its_own_error():
    """With errors as large as the values every pair is left open; with half of that, those that are small."""
    with ctx.workprec(200):
        flow = Flow(network(16, "nesterov", 10), 200)
        for _ in range(5):
            flow.advance()
        common = np.array([float(x) for x in flow.common.entries()])
        for error in (0.1, 0.5, 2.0, 50.0):
            flow.watch._base_error[:] = error
            flow.watch.limits[:] = 0.0
            seen = set(zip(*(x.tolist() for x in flow.watch.look(flow.step, common, np.zeros(flow.size))), strict=True))
            for i in range(flow.size):
                for r in range(flow.width):
                    left = flow.watch.limits[i, r] - flow.watch.moved[i]
                    size = float(abs(flow.neurons.value(r, i)))
                    assert (i, r) in seen or size > error
                    assert left <= max(size - error, 0.0) + 1e-12
