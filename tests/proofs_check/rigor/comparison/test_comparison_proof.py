"""Explicit widths: the recursion against 50-digit arithmetic, its bounds against trained networks, and the widths."""

import math
from functools import cache

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

import nag_ntk
from nag_ntk.theorem import THEOREMS, theorem_tuning
from proofs_check.rigor.comparison import Draw, Tuning, closes, least_width, prepare
from proofs_check.rigor.comparison import proof as proofs
from proofs_check.rigor.comparison.events import events_of_counts, gram_deviation, output_spread
from proofs_check.rigor.comparison.problem import linear_paths
from proofs_check.rigor.comparison.recursion import forward
from proofs_check.rigor.enclosure.gram import limit_gram_ball

METHODS = ("gradient_descent", "nesterov", "heavy_ball")


def tuning(method, data):
    theorem, own = THEOREMS[method], theorem_tuning(method, data)
    numbers = own.eta, own.beta, own.gamma
    return Tuning(*numbers, theorem.order, theorem.rate, theorem.prefactor, theorem.linear_rate, own.has_memory)


@cache
def five(method):
    nag_ntk.enable_float64()
    data = nag_ntk.sphere(5, 50)
    return data, prepare(data.coordinates, data.targets, tuning(method, data))


@cache
def least(method, antisymmetric, delta=0.1):
    return least_width(five(method)[1], delta, antisymmetric)


def recursion(problem, width, antisymmetric, delta=0.1):
    """Run the steps of `closes` one by one: counts, levels, and the recursion."""
    draw, n = Draw(width, antisymmetric), len(problem.targets)
    share = delta / (2 if antisymmetric else 3)
    spread = output_spread(problem.geometry, draw, n * (2 * problem.steps + 1), share)
    gram = gram_deviation(problem.geometry, draw, share) + problem.model_distance
    linear, failure = linear_paths(problem, spread), share / (16 * events_of_counts(n))
    sketched = proofs._sketched(problem, draw, gram, failure)
    sketch = forward(problem.kernels, linear, sketched, problem.numbers)
    norm = sketched(problem.steps, sketch.extra[-1], sketch.path[-1])[1]
    levels = proofs._levels(problem, draw, linear, gram, failure, sketch, norm, 1.03)
    return linear, levels, forward(problem.kernels, linear, proofs._stepwise(levels), problem.numbers)


def _absolute(matrix):
    return arb_mat([[abs(entry) for entry in row] for row in matrix.tolist()])


def _larger(first, second):
    return first if first.mid() > second.mid() else second


def _masked(kernel, matrix):
    """max over masks a of |sum_j K_ij a_j M_jk|, from its definition: all positive terms, or all negative ones."""
    n = kernel.nrows()

    def one(i, k, sign):
        return sum((_larger(sign * kernel[i, j] * matrix[j, k], arb(0)) for j in range(n)), arb(0))

    return arb_mat([[_larger(one(i, k, 1), one(i, k, -1)) for k in range(matrix.ncols())] for i in range(n)])


def _floats(column):
    return np.array([float(column[i, 0].mid()) for i in range(column.nrows())])


@pytest.mark.parametrize("method", METHODS)
def test_recursion_in_fifty_digits(method):
    """The same recursion from its definitions, with matrices in place of eigenvalues, in 170 bits.

    Every bound of the package is above it, by less than a millionth.
    """
    data, problem = five(method)
    _, levels, run = recursion(problem, least(method, True).width, True)
    own = theorem_tuning(method, data)
    n, steps = data.size, problem.steps
    with ctx.workprec(170):
        eta, beta, gamma = arb(own.eta), arb(own.beta), arb(own.gamma)
        step, lift = eta * (1 + gamma), eta * (beta * (1 + gamma) - gamma)
        one = arb_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
        gram, rows = limit_gram_ball(data.coordinates, 170), arb_mat(data.coordinates.tolist())
        kernel = rows * rows.transpose()

        def follow(momentum):
            total, residual, record = arb_mat(n, n), one, []
            for _ in range(steps + 1):
                record.append((residual, total))
                total, momentum = total + momentum + step * residual, beta * momentum + lift * residual
                residual = one - gram * total
            return record

        jump, start = follow(arb_mat(n, n)), follow(-eta * gamma * one)
        target = arb_mat(n, 1, data.targets.tolist())
        shares = [arb_mat(n, n, level.matrix.ravel().tolist()) for _, level in levels]
        masks, sizes = [_masked(kernel, total) for _, total in jump], [_absolute(residual) for residual, _ in jump]

        def past(responses, t, effect):
            return sum((responses[t - s] * effect[s] for s in effect), arb_mat(n, 1))

        x, effect, sums = _absolute(target), {}, arb_mat(n, 1)
        momentum = eta * gamma * x
        for t in range(1, steps + 1):
            mu = momentum + step * x
            momentum, sums = beta * momentum + abs(lift) * x, sums + mu
            extra = _floats(past(masks, t, effect))
            covered = (
                t <= last and (run.extra[t] <= pairs.reached.extra).all() and (run.path[t] <= pairs.reached.path).all()
                for last, pairs in levels
            )  # fmt: skip
            effect[t] = shares[list(covered).index(True)] * mu
            x = _absolute(start[t][0] * target) + past(sizes, t, effect)
            assert (run.extra[t] >= extra * (1 - 1e-12)).all()
            for found, value in ((run.residual[t], x), (run.path[t], sums), (run.effect[t], effect[t])):
                assert (found >= _floats(value) * (1 - 1e-12)).all()
                assert found == pytest.approx(_floats(value), rel=1e-6)


@pytest.mark.parametrize("antisymmetric", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_trained_networks_stay_below_the_bounds(method, antisymmetric):
    """Residual, flips and norm of networks at the explicit width, up to the last step of the recursion."""
    data, problem = five(method)
    width = least(method, antisymmetric).width
    found = closes(problem, Draw(width, antisymmetric), 0.1)
    _, _, bounds = recursion(problem, width, antisymmetric)
    run = nag_ntk.simulate(
        data, theorem_tuning(method, data), width, 3, problem.steps,
        init="antisymmetric" if antisymmetric else "independent",
    )  # fmt: skip
    assert (np.abs(run.residual[:, 0]) <= bounds.residual * (1 + 1e-9)).all()
    assert (run.residual_norm[:, 0] <= bounds.share * run.residual_norm[:, 0, :1]).all()
    assert run.flips.max() <= found.flips * width * data.size
    assert (run.flip_reach.max() <= bounds.reach.max() / math.sqrt(width)).all()
    claimed = problem.factor * problem.rate ** np.arange(problem.steps + 1)
    assert (run.state_norm[:, 0] <= claimed * run.state_norm[:, 0, :1] * found.used * (1 + 1e-9))[:, 1:].all()


@pytest.mark.parametrize(
    ("antisymmetric", "logs"), [(False, (4.8, 5.1, 5.8)), (True, (4.0, 4.4, 4.9))], ids=["independent", "antisymmetric"]
)
def test_widths_of_five_points(antisymmetric, logs):
    for method, log in zip(METHODS, logs, strict=True):
        found = least(method, antisymmetric)
        assert found.closes
        assert found.used <= 1
        assert math.log10(found.width) <= log
        below = closes(five(method)[1], Draw(found.width * 49 // 100 * 2, antisymmetric), 0.1)
        assert not below.closes
        assert below.reason


def test_every_width_above_the_least_one_suffices():
    """Not a theorem but what was found: the proof closes at 20 widths up to a thousand times the least one."""
    found, (_, problem) = least("nesterov", True), five("nesterov")
    for factor in np.geomspace(1.01, 1000, 20):
        assert closes(problem, Draw(int(found.width * factor) // 2 * 2, True), 0.1).closes


def test_width_falls_with_delta():
    widths = [least("gradient_descent", False, delta).width for delta in (1e-6, 0.01, 0.1, 0.5)]
    assert widths == sorted(set(widths), reverse=True)


def test_a_stronger_theorem_needs_more_or_is_never_proved():
    data, _ = five("nesterov")
    own = tuning("nesterov", data)
    for weaker in (own._replace(prefactor=own.prefactor * 2), own._replace(rate=own.rate / 2)):
        assert least_width(prepare(data.coordinates, data.targets, weaker), 0.1).width <= least("nesterov", False).width
    false = own._replace(rate=own.rate * 10)
    found = least_width(prepare(data.coordinates, data.targets, false), 0.1)
    assert not found.closes
    assert found.reason


def test_targets_ten_times_as_large_need_a_much_larger_width():
    """With f(0) = 0 flips grow like |y| / sqrt(m): the width like |y|^2, where the Gram matrix does not matter."""
    data, _ = five("nesterov")
    large = prepare(data.coordinates, 10 * data.targets, tuning("nesterov", data))
    assert 10 <= least_width(large, 0.1, True).width / least("nesterov", True).width <= 200


def test_data_without_a_width():
    own = tuning("nesterov", five("nesterov")[0])
    assert "lambda_0 > 0 is not proved" in prepare([[1.0, 0.0], [2.0, 0.0]], [1.0, 1.0], own)
    points = np.random.default_rng(0).standard_normal((60, 6))
    assert "linear model grows" in prepare(points, np.ones(60), own)
    close = [[1.0, 0.0], [1.0, 1e-7]]
    assert "too many" in prepare(close, [1.0, 1.0], own._replace(eta=0.1))


def test_one_sample():
    data = nag_ntk.Dataset([[1.0, 0.0]], [1.0])
    for method in METHODS:
        found = least_width(prepare(data.coordinates, data.targets, tuning(method, data)), 0.1, True)
        assert found.closes
        assert found.width <= 3000


def test_tiny_widths_fail_with_a_reason():
    _, problem = five("heavy_ball")
    for width in (2, 4, 10):
        for antisymmetric in (False, True):
            found = closes(problem, Draw(width, antisymmetric), 0.1)
            assert not found.closes
            assert found.reason
