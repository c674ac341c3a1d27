"""Bounds on all steps after the last one of the recursion, compared with a recursion that goes further."""

import numpy as np
import pytest
from test_comparison_proof import METHODS, five, least, recursion, tuning

import nag_ntk
from proofs_check.rigor.comparison import Draw, prepare
from proofs_check.rigor.comparison import problem as problems
from proofs_check.rigor.comparison import proof as proofs
from proofs_check.rigor.comparison.events import output_spread
from proofs_check.rigor.comparison.problem import linear_paths
from proofs_check.rigor.comparison.recursion import forward


def ended(monkeypatch, method, fall, share):
    """Recursion until the linear model has fallen to e^-fall; flips have a share of the norm that still closes."""
    nag_ntk.enable_float64()
    data = nag_ntk.sphere(8, 8)
    monkeypatch.setattr(problems, "_FALL", fall)
    problem = prepare(data.coordinates, data.targets, tuning(method, data))
    step, lift, decay, _ = problem.numbers
    norm = share * problem.rate / problem.weighted.gain / (step + lift / (problem.rate - decay))
    linear = linear_paths(problem, output_spread(problem.geometry, Draw(10**6), 10_000, 0.03))
    matrix = np.full((data.size, data.size), norm / data.size)
    run = forward(problem.kernels, linear, lambda *_: (matrix, norm), problem.numbers)
    assert run.complete
    return problem, linear, run, norm


@pytest.mark.parametrize("share", [1e-9, 0.5])
@pytest.mark.parametrize("method", METHODS)
def test_the_last_level_covers_what_a_longer_recursion_reaches(monkeypatch, method, share):
    """Extra reach and path over all steps, and the theorem's ratio: bounds of an early end, values of a later."""
    problem, linear, run, norm = ended(monkeypatch, method, 2.5, share)
    longer, _, further, _ = ended(monkeypatch, method, 14.0, share)
    assert longer.steps > 3 * problem.steps
    rest = proofs._rest(problem, run, norm)
    extra, path = proofs._final(problem, linear, run, rest, norm)
    ends = further.extra.max(axis=0), further.path[-1]
    for bound, reached in zip((extra, path), ends, strict=True):
        assert (bound >= reached).all()
        assert (bound <= 30 * reached).all()
    assert (extra > run.extra.max(axis=0)).all()
    after = np.arange(problem.steps + 1, longer.steps + 1)
    assert (further.share[after] <= rest.share * problem.rate**after).all()
    used = proofs._used(problem, run.share, rest)
    shares = further.share
    if longer.tuning.memory:
        shares = np.hypot(shares, np.append(shares[0], shares[:-1])) / np.sqrt(2)
    claimed = longer.factor * longer.rate ** np.arange(longer.steps + 1)
    assert (shares / claimed)[1:].max() <= used


def test_a_last_level_that_covers_only_the_recursion_itself_proves_nothing():
    """The path goes on after step T, so the counts at the last level must cover more than was reached by then."""
    _, problem = five("nesterov")
    linear, levels, run = recursion(problem, least("nesterov", True).width, True)
    known = proofs.Closing(False, "", 1)
    assert proofs._attempt(problem, linear, levels, known).closes
    time, last = levels[-1]
    for name, reached in (("path", run.path[-1]), ("extra", run.extra.max(axis=0))):
        short = last._replace(reached=last.reached._replace(**{name: reached * (1 + 1e-9)}))
        found = proofs._attempt(problem, linear, [*levels[:-1], (time, short)], known)
        assert not found.closes
        assert found.reason == "more pairs can flip than were counted after the last step"


@pytest.mark.parametrize("name", ["extra", "path"])
def test_a_level_is_used_only_for_what_it_covers(name):
    _, problem = five("nesterov")
    levels = recursion(problem, least("nesterov", True).width, True)[1]
    forcing, reached = proofs._stepwise(levels), levels[-1][1].reached
    numbers = {"extra": reached.extra, "path": reached.path}
    assert forcing(problem.steps, **numbers)[0] is levels[-1][1].matrix
    assert forcing(problem.steps, **{**numbers, name: numbers[name] * (1 + 1e-9)}) is None
    assert forcing(problem.steps + 1, **numbers) is None


@pytest.mark.parametrize("method", ["nesterov", "heavy_ball"])
def test_the_theorem_is_asked_of_both_steps_of_a_state_after_the_last_one(method):
    """|V(t)|^2 |V(0)|^-2 is the mean of the squares at t and t - 1, each of them as large as the tail allows."""
    _, problem = five(method)
    rest = proofs.Tail(3 * problem.factor, 0.0)
    used = proofs._used(problem, np.zeros(problem.steps + 1), rest)
    assert used >= 3 * np.sqrt((1 + problem.rate**-2) / 2)


@pytest.mark.parametrize("method", METHODS)
def test_the_bound_for_every_start_is_the_recursion_of_norms(monkeypatch, method):
    """x(t) = |Y_g(t)| + sum over s of |Y(t-s)| norm mu(s), mu from x, term by term."""
    problem, _, run, norm = ended(monkeypatch, method, 4.0, 0.5)
    step, lift, decay, push = problem.numbers
    start, jump = (np.abs(part).max(axis=1) for part in (problem.modes.start, problem.modes.jump))
    share, effect, momentum = [start[0]], [0.0], push * start[0]
    for t in range(1, problem.steps + 1):
        effect.append(norm * (momentum + step * share[-1]))
        momentum = decay * momentum + lift * share[-1]
        share.append(start[t] + sum(jump[t - s] * effect[s] for s in range(1, t + 1)))
    assert (run.share >= np.array(share) * (1 - 1e-12)).all()
    assert run.share == pytest.approx(share, rel=1e-6)
    assert run.share_momentum == pytest.approx(momentum, rel=1e-6)
