"""Each inequality of the maker's rate on an instance where it matters: rates, shears, eigenvalues, sliding."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from networks import METHODS, SLIDING, network
from test_inequalities import block
from test_inequalities_recheck import linear, read

from proofs_check.rigor.certificates import closure, recheck
from proofs_check.rigor.certificates.contraction import Contraction, contraction, extreme_eigenvalues
from proofs_check.rigor.certificates.flow import Flow
from proofs_check.rigor.certificates.problem import Problem


@pytest.mark.parametrize(("rate", "shear"), [(0.5, 0.0), (0.9, 0.0), (0.9, 2.0), (0.3, 5.0)])
def test_the_sum_over_all_later_steps(rate, shear):
    total = sum(rate**k + shear * k * rate ** (k - 1) for k in range(1, 600)) + 1
    assert total * (1 - 1e-12) <= float(Contraction(0.1, 1.0, rate, shear).total()) <= total * (1 + 1e-12)


@pytest.mark.parametrize("beta", [0.25, 0.6])
@pytest.mark.parametrize("gamma", [0.0, 0.25, 0.6, 1.5])
def test_powers_are_within_rate_and_shear_at_either_end(beta, gamma):
    """Spectra that begin or end where both eigenvalues of the block coincide: there the bound is nearly attained."""
    problem = linear("nesterov", eta=1.0, beta=beta, gamma=gamma)
    # trace^2 = 4 determinant
    roots = np.roots([(1 + gamma) ** 2, 4 * gamma - 2 * (1 + beta) * (1 + gamma), (1 - beta) ** 2])
    shown, attained, real = 0, 0.0, np.isreal(roots).all()
    for double, width in product(sorted(roots.real), (1e-9, 0.05, 0.5)):
        for low, high in ((double, double + width), (double - width, double)):
            found = contraction(1.0, beta, gamma, low, high)
            if found is None:
                continue
            shown += 1
            for z in (low, (low + high) / 2, high):
                n, power = block(problem, z), np.eye(2)
                for k in range(200):
                    bound = found.rate**k + (found.shear * k * found.rate ** (k - 1) if k else 0.0)
                    size = np.linalg.norm(power, 2)
                    if bound < 1e-100:
                        break
                    assert size <= bound * (1 + 1e-9)
                    attained, power = max(attained, size / bound if k > 2 else 0.0), n @ power
    assert shown
    assert attained > 0.9 or not real


def test_no_rate_where_there_is_none():
    """Eigenvalue 0, either edge of stability and beyond; and with look-ahead alone there is a shear."""
    for low, high in ((0.0, 1.0), (-0.5, 1.0), (0.1, 2.0), (0.1, 2.5)):
        assert contraction(1.0, 0.0, 0.0, low, high) is None
    for beta, gamma, edge in ((0.5, 0.0, 3.0), (0.5, 0.5, 1.5), (0.0, 0.8, 1 / 0.8)):
        assert contraction(1.0, beta, gamma, 0.1, edge) is None
        assert contraction(1.0, beta, gamma, -0.1, edge / 2) is None
        assert contraction(1.0, beta, gamma, 0.0, edge / 2) is None
    found = contraction(1.0, 0.0, 0.8, 0.5, 0.6)
    assert found is not None
    assert np.linalg.norm(np.array([[1 - 1.8 * 0.6, 1.0], [0.8 * 0.6, 0.0]]), 2) <= found.rate + found.shear
    near = contraction(1.0, 0.0, 0.0, 2.0**-60, 1.0)  # below 1 by less than a float says
    assert near is None or near.rate < 1


@pytest.mark.parametrize("radius", [0.0, 0.125])
def test_eigenvalues_are_within_their_bounds_strictly(radius):
    """Integer matrices of known spectrum, negative ones too, and every matrix in a ball around them."""
    one, rng = [[2, 1, 0], [1, 2, 0], [0, 0, 1.5]], np.random.default_rng(0)
    for matrix in (one, (-np.array(one)).tolist(), np.eye(3).tolist(), np.diag([-3.0, 0.5, 5.0]).tolist()):
        balls = arb_mat([[arb(x, radius) for x in row] for row in matrix])
        found = extreme_eigenvalues(balls)
        assert found is not None
        corners = [np.full((3, 3), radius), -np.full((3, 3), radius), radius * np.eye(3), -radius * np.eye(3)]
        for _ in range(200):
            move = rng.choice([-radius, radius], (3, 3))
            corners.append(np.triu(move) + np.triu(move, 1).T)
        values = np.array([np.linalg.eigvalsh(np.array(matrix) + x) for x in corners]).round(12)
        assert found[0] < values.min() <= found[0] + 6 * radius + 1e-9
        assert found[1] > values.max() >= found[1] - 6 * radius - 1e-9
    assert extreme_eigenvalues(arb_mat([[math.inf, 0], [0, 1]])) is None


ROWS = {
    Fraction(24, 25): (Fraction(24, 25), Fraction(7, 25)),
    Fraction(3, 5): (Fraction(3, 5), Fraction(4, 5)),
    Fraction(-3, 5): (Fraction(-3, 5), Fraction(4, 5)),
    Fraction(0): (Fraction(0), Fraction(1)),
}
ACTIVE = {(1, 1): (2.0, 8.0), (1, 0): (1.0, -8.0), (0, 1): (-1.0, 8.0), (0, 0): (-1.0, -8.0)}


def two_samples(overlap, counts, eta, scale=1):
    """Two samples, and neurons of each pattern so many times."""
    rows = ((Fraction(1), Fraction(0)), ROWS[overlap])
    weights = tuple(ACTIVE[p] for p, count in counts.items() for _ in range(count))
    rows = (rows[0], tuple(scale * x for x in rows[1]))
    return Problem(rows, (0.5, -0.25), weights, (1,) * len(weights), eta, 0.0, 0.0)


def worst_step(kernel, patterns, sliding, eta):
    """The largest factor of |xi| when all neurons that slide do the same, in every way that they may."""
    n = len(kernel)
    ways = np.array(list(product((0.0, 1.0), repeat=2 * n)))
    total = np.zeros((len(ways), n, n))
    for r, pattern in enumerate(patterns):
        own = np.array([(r, i) in sliding for i in range(n)])
        on, share = (np.where(own, part, np.array(pattern, float)) for part in (ways[:, :n], ways[:, n:]))
        total += share[:, :, None] * kernel * on[:, None, :]
    return np.linalg.norm(np.eye(n) - eta * total / len(patterns), 2, axis=(1, 2)).max()


def both(problem):
    """The two programs at step 0."""
    with ctx.workprec(128):
        return Flow(problem, 128), recheck.Run(read(problem, 128))


def slides(flow, run, sliding):
    """(rate that the maker gives, the worst there is), after the rechecker has confirmed the former."""
    with ctx.workprec(128):
        found = closure.rate_of(flow, sorted(sliding))
        kernel = np.array([[float(x) for x in row] for row in flow.kernel_rows])
        worst = worst_step(kernel, [list(row) for row in flow.active], sliding, float(flow.problem.eta))
        if found is not None:
            run.net.sliding = sliding
            recheck.slides(run, *map(arb, found))
        return found and found.rate, worst


@pytest.mark.parametrize("overlap", ROWS)
@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(3, 2)])
def test_no_step_of_sliding_pairs_exceeds_their_rate(overlap, scale):
    """(9) and (10), for neurons that slide on one sample or on both, those that are active and those that are not."""
    shown = 0
    for eta, (many, few, low) in product((0.25, 1.0, 2.0), ((12, 1, 1), (2, 6, 6), (4, 1, 9))):
        for still in (0, 4):
            counts = {(1, 1): many + 1, (1, 0): few, (0, 1): low, (0, 0): still}
            programs = both(two_samples(overlap, counts, eta, scale))
            first = {p: sum(list(counts.values())[:k]) for k, p in enumerate(counts)}
            for pattern, take, samples in product(counts, (1, 3), ((0,), (1,), (0, 1))):
                if take > counts[pattern]:
                    continue
                rate, worst = slides(*programs, {(first[pattern] + k, i) for k in range(take) for i in samples})
                shown += rate is not None
                assert rate is None or worst <= rate * (1 + 1e-12)
    assert shown


def test_pairs_may_slide_on_samples_in_different_numbers():
    """The rechecker confirms every rate; what it counts it counts by itself."""
    problem, rng, shown = network(16, "gradient descent", 18), np.random.default_rng(3), 0
    for eta in (0.05, 0.5, 2.0):
        programs = both(problem._replace(eta=eta))
        for size in (1, 2, 3, 5) * 8:
            pairs = zip(rng.integers(16, size=size).tolist(), rng.integers(3, size=size).tolist(), strict=True)
            rate, worst = slides(*programs, set(pairs))
            shown += rate is not None
            assert rate is None or worst <= rate * (1 + 1e-12)
    assert shown > 20


def test_a_neuron_that_slides_on_two_samples_counts_for_both(monkeypatch):
    """(10) as the rechecker has it, by the formula: k_r = 2 in mu and in Sigma."""
    eta, low, high, m = 0.25, 0.05, 2.0, 14
    matrices = []
    monkeypatch.setattr(recheck, "positive_definite", lambda matrix: matrices.append(matrix) or True)
    _, run = both(two_samples(Fraction(3, 5), {(1, 1): 12, (1, 0): 1, (0, 1): 1}, eta))
    run.net.sliding = {(0, 0), (0, 1)}
    numbers = {}
    for k in (1, 2):
        mu = k / m
        q = 2 - eta * high - 2 * eta * math.sqrt(high * mu) - eta * mu
        numbers[k] = q, math.sqrt(1 - eta * q * low)
    with ctx.workprec(128):
        recheck.slides(run, *map(arb, (low, high, numbers[2][1] * (1 + 1e-12), 0.0)))
        with pytest.raises(recheck.Unproved, match="the rate, with pairs that slide"):
            recheck.slides(run, *map(arb, (low, high, numbers[1][1] * (1 + 1e-12), 0.0)))
    steady = np.array([[12, 0.6 * 11], [0.6 * 11, 12]]) / m  # 11 neurons of both, and one of each sample
    paid = low + 2 / m / numbers[2][0] ** 2
    expected = steady - paid * np.eye(2)
    np.testing.assert_allclose([[float(x) for x in row] for row in matrices[0].tolist()], expected, rtol=1e-12)


def test_the_rate_without_sliding_counts_both_ends_of_the_spectrum():
    attained = set()
    for overlap, eta in product(ROWS, (0.5, 1.0, 1.25, 1.5)):
        with ctx.workprec(128):
            flow = Flow(two_samples(overlap, {(1, 1): 8, (1, 0): 2, (0, 1): 2}, eta), 128)
            found = closure.rate_of(flow)
        values = np.linalg.eigvalsh(np.array([[float(x) for x in row] for row in flow.gram.tolist()]))
        sizes = abs(1 - eta * values)
        assert found is None or max(sizes) <= found.rate * (1 + 1e-12)
        attained |= set() if found is None else {int(np.argmax(sizes))}
    assert attained == {0, 1}


def test_only_gradient_descent_has_a_rate_for_sliding():
    with ctx.workprec(200):
        for name in METHODS:
            flow = Flow(SLIDING._replace(beta=METHODS[name][1], gamma=METHODS[name][2]), 200)
            assert (closure.rate_of(flow, [(11, 0)]) is None) == (name != "gradient descent")
            assert closure.rate_of(flow, [(r, 0) for r in range(16)]) is None


def test_one_pair_within_reach_of_what_may_still_move_is_enough():
    """Its limit alone, below the whole way to come, stands in the way; one beyond it does not."""
    with ctx.workprec(128):
        flow = Flow(two_samples(next(iter(ROWS)), {(1, 1): 13, (1, 0): 2, (0, 1): 2}, 0.25), 128)
        found = closure.rate_of(flow)
        assert found is not None
        ahead = closure.remaining(flow, found)
        for share, clear in ((0.6, False), (0.99, False), (1.01, True)):
            flow.watch.limits[:] = np.inf
            flow.watch.limits[1, 3] = flow.watch.moved[1] + share * ahead[1]
            answer = closure.closed(flow)
            assert isinstance(answer, closure.Blocked) != clear
            assert not isinstance(answer, closure.Blocked) or "sample 1, neuron 3" in answer.reason


def test_a_pair_within_reach_only_at_the_rate_of_those_that_slide_is_enough():
    with ctx.workprec(128):
        flow = Flow(two_samples(next(iter(ROWS)), {(1, 1): 13, (1, 0): 2, (0, 1): 2}, 0.25), 128)
        before, after = closure.rate_of(flow), closure.rate_of(flow, [(0, 0)])
        assert before is not None
        assert after is not None
        first, second = closure.remaining(flow, before), closure.remaining(flow, after)
        assert first[1] < 0.99 * second[1]
        flow.flips = [(0, 0, 0), (0, 0, 0)]
        flow.step = 10
        for limit, clear in (((first[1] + second[1]) / 2, False), (1.01 * second[1], True)):
            flow.watch.limits[:] = np.inf
            flow.watch.limits[0, 0] = 0.0  # goes on changing sign
            flow.watch.limits[1, 3] = flow.watch.moved[1] + limit
            answer = closure.closed(flow)
            assert isinstance(answer, closure.Blocked) != clear
            assert isinstance(answer, closure.Blocked) or answer[1] == {(0, 0)}
