"""What is bounded for all steps after the last one of the recursion, against a recursion that goes further."""

import numpy as np
import pytest
from test_comparison_proof import METHODS, tuning

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
    """Extra reach and path over all steps; the theorem's ratio; from a recursion that ends early and one that does not."""
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
