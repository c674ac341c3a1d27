"""Networks whose balls are not finite, or whose numbers exceed float64, are "not proved": nothing ends by accident."""

import random
from typing import Any

import pytest
from flint import arb, ctx
from test_inequalities_recheck import read

import nag_ntk
from proofs_check.certified import networks
from proofs_check.certified.claims import ResidualBounds
from proofs_check.rigor.certificates import recheck
from proofs_check.rigor.certificates.contraction import block
from proofs_check.rigor.certificates.flow import Flow
from proofs_check.rigor.certificates.problem import Problem, ProblemError
from proofs_check.rigor.certificates.prove import NotProved, Proof, prove
from proofs_check.rigor.certificates.shadow import Metric, growth

SINGULAR = Problem(((1.0,), (-1.0,)), (1.0, -1.0), ((-0.5,), (2.0,)), (1, 1), 1.0, 0.9, 0.9)
"""Eta lambda = 1 makes N(eta lambda) singular: a ball around 0 with midpoint 0 is squared."""


@pytest.mark.parametrize("seed", [0, 2])
def test_a_singular_step_is_followed(seed):
    data = nag_ntk.Dataset([[1.0], [-1.0]], [1.0, -1.0])
    one = networks.case(data, nag_ntk.nesterov(1.0, 0.9), 5, seed)
    with pytest.raises(NotProved, match=r"sample . is dead"):
        prove(one.problem, 100)


def test_squares_of_balls_around_zero_are_numbers():
    with ctx.workprec(64):
        assert growth(SINGULAR, Metric(-0.9444414284491484, 4.590658314836902), arb(1)).is_finite()
        assert all(x.is_finite() for x in block(1.0, 0.9, 0.9, 1 / 1.9))


@pytest.mark.parametrize("name", ["distance", "kernel"])
def test_a_ball_that_is_not_finite_is_no_proof(name, monkeypatch):
    honest = Flow.advance

    def broken(flow):
        if name == "distance":
            flow.distance._form = arb("nan")
        else:
            flow.lengths = [arb("inf")] * flow.size
        return honest(flow)

    monkeypatch.setattr(Flow, "advance", broken)
    with pytest.raises(NotProved, match="undecided with 512 bits"):
        prove(SINGULAR._replace(eta=0.5), 50, max_precision=512)


def test_a_size_that_is_smaller_than_its_error_refutes_nothing():
    """A lower bound below 0 was squared: |xi| >= -1 became |xi| >= 1."""

    class Small:
        step = 0
        residual: Any = None

        def slack(self):
            return arb(1) if self.step else arb(0)

    flow: Any = Small()
    residual_bounds = ResidualBounds()
    for flow.step, size in enumerate((1.0, 2.0**-40)):
        flow.residual = type("Column", (), {"entries": lambda self, size=size: [arb(size)]})()
        residual_bounds(flow)
    found = prove(Problem(((1.0,),), (0.5,), ((1.0,),), (1,), 0.5, 0.0, 0.0))
    assert isinstance(found, Proof)
    assert residual_bounds.decide_bound(found, 1.0, 0.25)[0] is None


def test_numbers_at_the_ends_of_float64_are_refused_with_a_reason():
    rng = random.Random(1)
    ends = (1.0, -1.0, 5e-324, 1e-200, 1e300, 1.7e308)

    def one():
        return rng.choice(ends) if rng.random() < 0.3 else rng.choice([1.0, -1.0, 0.5, -2.0])

    ended = 0
    for _ in range(30):
        weights = tuple((one(),) for _ in range(5))
        rates = abs(one()), rng.choice([0.0, 0.9, 0.5, 1 - 2**-53]), rng.choice([0.0, 0.9, 1e300, 0.5])
        problem = Problem(((one(),), (-abs(one()),)), (one(), one()), weights, (1, -1, 1, 1, -1), *rates)
        try:
            prove(problem, 60, max_precision=256)
        except (NotProved, ProblemError):
            ended += 1
    assert ended > 15


def test_the_rechecker_squares_balls_around_zero_too():
    net = read(SINGULAR, 128)
    net.metric = [-0.9444414284491484, 4.590658314836902]
    with ctx.workprec(64):
        assert recheck.Run(net).stretch(arb(1)).is_finite()
