"""What the rechecker must not miss of the signs: limits and movements on instances where they matter.

The oracles are the values of all pairs at every step, and patterns tried one by one.
"""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import arb, ctx
from networks import METHODS, network
from test_inequalities import MOMENTUM, started_late
from test_inequalities_recheck import enlarged, placed, read, refused

from proofs_check.rigor.certificates import recheck

PATTERNS = list(product((0, 1), repeat=3))


@pytest.mark.parametrize("name", METHODS)
def test_a_step_moves_a_sample_by_no_more_than_is_said(name):
    """Against every pattern, before (5)."""
    with ctx.workprec(200):
        run = recheck.Run(read(network(16, name, 10)))
        for _ in range(12):
            moved, total = list(run.moved), [float(x) for x in run.S.entries()]
            run.step()
            change = np.array([float(x) for x in run.S.entries()]) - total
            for i, row in enumerate(run.K):
                most = max(abs(np.array(on) @ (np.array([float(k) for k in row]) * change)) for on in PATTERNS)
                assert most - 1e-15 <= run.moved[i] - moved[i]


def test_two_given_steps_must_have_the_same_pattern():
    """The start from two steps takes the momentum of the first by the pattern of the second."""
    problem = started_late("nesterov")
    assert problem.before is not None
    row = tuple(-x for x in problem.before[4])
    with ctx.workprec(200):
        recheck.Run(read(problem))
        with pytest.raises(recheck.Unproved, match="equal patterns at the two given steps"):
            recheck.Run(read(problem._replace(before=(*problem.before[:4], row, *problem.before[5:]))))


def uneven(problem):
    """The same with rows of length 2, 1 and 1/4."""
    rows = zip(problem.inputs, (2, 1, Fraction(1, 4)), strict=True)
    return problem._replace(inputs=tuple(tuple(scale * x for x in row) for row, scale in rows), eta=problem.eta / 4)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("change", [lambda problem: problem, uneven], ids=["unit", "uneven"])
def test_no_sign_is_taken_that_the_distance_leaves_open(name, change):
    """Whatever the exact run may differ by: every sign of a step is clear of it, or nothing is shown."""
    given_up = 0
    for power in (24, 12, 8, 7, 6, 5, 4, 2):
        with ctx.workprec(200):
            run = recheck.Run(read(change(network(16, name, 10))))
            enlarged(run, arb(2) ** -power)
            for _ in range(25):
                before = len(run.flips)
                try:
                    run.step()
                except recheck.Unproved:
                    given_up += 1
                    break
                if len(run.flips) == before:
                    for i, r in product(range(3), range(16)):
                        assert abs(run.value(r, i)) > run.lengths[i] * run.distance() * (1 - arb(2) ** -40)
    assert 0 < given_up < 8


@pytest.mark.parametrize("name", MOMENTUM)
def test_a_kink_that_only_the_distance_reaches_is_noticed(name):
    """Late, when nothing moves any more: a distance beyond the smallest margin leaves a sign open."""
    for share in (0.4, 1.5):
        with ctx.workprec(300):
            run = recheck.Run(read(network(16, name, 10)))
            for _ in range(80):
                run.step()
            least = min((abs(run.value(r, i)) / run.lengths[i] for i in range(3) for r in range(16)), key=float)
            placed(run, share * least)
            with refused("which sign" if share > 1 else ""):
                run.step()


@pytest.mark.parametrize("name", METHODS)
def test_a_long_row_is_as_much_further_off_as_it_is_long(name):
    """A distance in weights that changes nothing but the signs of sample 0, whose row is of length 16."""
    problem = network(16, name, 10)
    rows = (tuple(16 * x for x in problem.inputs[0]), *problem.inputs[1:])
    problem = problem._replace(weights=((4 + 2.0**-6, -3.0), *problem.weights[1:]))  # one that is near the kink
    for share in (0.4, 1.5):
        with ctx.workprec(300):
            run = recheck.Run(read(problem._replace(inputs=rows, eta=problem.eta / 2**20)))
            least = min((abs(run.value(r, 0)) / 16 for r in range(16)), key=float)
            assert all(abs(run.value(r, i)) > 2 * least for i in (1, 2) for r in range(16))
            placed(run, share * least)
            with refused("which sign" if share > 1 else ""):
                run.step()


def test_a_limit_is_what_the_least_value_leaves():
    with ctx.workprec(200):
        run = recheck.Run(read(network(16, "nesterov", 10)))
        for value, least in ((arb(1, 0.5), 0.5), (arb(-1, 0.25), 0.75), (arb(1, 2), 0.0), (arb(1) / 3, 1 / 3)):
            run.watch(4, 1, value)
            assert run.moved[1] <= max(run.limits[1][4], run.moved[1]) <= run.moved[1] + least
        run = recheck.Run(read(network(16, "gradient descent", 10)))
        run.moved[1] = 2.0**53
        run.watch(4, 1, arb(1.5))  # the sum would be rounded upwards by a half
        assert run.limits[1][4] <= 2.0**53


def test_a_flip_lowers_limits_by_what_momentum_gains_however_little_that_is():
    with ctx.workprec(200):
        run = recheck.Run(read(network(16, "nesterov", 10)))
        run.limits = [[2.0**53] * 16 for _ in range(3)]
        run.flip(4, 1, run.value(4, 1), run.xi, run.h)
        assert all(0 < abs(k * run.Q[1, 0]) * run.reach < 0.5 for k in run.K[1])  # less than is seen at 2^53
        assert all(run.limits[i][4] < 2.0**53 for i in range(3))


def test_a_value_that_may_have_either_sign_has_none():
    """Its own radius counts, besides what the exact run may be off by."""
    with ctx.workprec(200):
        run = recheck.Run(read(network(16, "nesterov", 10)))
        run.value = lambda r, i, products: arb(1e-3, 1e-2)  # what the precision leaves, say
        run.candidates, run.limits = [set(range(16)) for _ in range(3)], [[0.0] * 16 for _ in range(3)]
        with pytest.raises(recheck.Unproved, match="which sign"):
            run.step()


@pytest.mark.parametrize("name", METHODS)
def test_signs_are_those_of_the_values_however_slowly_these_change(name):
    """Every pair at every step: those too that were far from their kinks when it began."""
    late = 0
    for seed in (10, 3, 7):
        problem = network(16, name, seed)
        with ctx.workprec(200):
            run = recheck.Run(read(problem._replace(eta=problem.eta / 64, targets=(4.0, -3.0, 3.0))))
            first = []
            for _ in range(160):
                run.step()
                first = first or [set(x) for x in run.candidates]
                assert all((run.value(r, i) >= 0) == (i in run.active[r]) for i in range(3) for r in range(16))
            late += sum(r not in first[i] for _, r, i in run.flips)
    assert late


@pytest.mark.parametrize("name", MOMENTUM)
def test_limits_count_what_momentum_still_does(name):
    """(5): at every step what a limit leaves is at most the margin less the way still to go on its own account."""
    for problem in (*(network(16, name, seed) for seed in (10, 3, 5)), started_late(name)):
        with ctx.workprec(200):
            run = recheck.Run(read(problem))
            for t in range(40):
                if t:
                    run.step()
                for i, r in product(range(3), range(16)):
                    since, _, speed = run.neurons[r]
                    own = abs(speed[i]) * run.beta ** (run.t - since) / (1 - run.beta)
                    left = run.limits[i][r] - run.moved[i]
                    assert left <= (abs(run.value(r, i)) - own).max(arb(0)) + 1e-12
            assert run.flips
