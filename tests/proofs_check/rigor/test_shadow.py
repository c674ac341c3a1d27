"""How far the exact run may be from its shadow, and what that rests on: each bound against brute force."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from exact_training import train
from flint import arb, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import INPUTS, METHODS, network, problems

import nag_ntk
from proofs_check.certified import networks
from proofs_check.rigor.certificates import closure
from proofs_check.rigor.certificates.contraction import contraction
from proofs_check.rigor.certificates.flow import Flow, Undecided
from proofs_check.rigor.certificates.prove import prove
from proofs_check.rigor.certificates.shadow import best_metric, growth, power_bound

MOMENTUM = [name for name, (_, beta, _) in METHODS.items() if beta]


def block(problem, z):
    beta, gamma = float(problem.beta), float(problem.gamma)
    return np.array([[1 - (1 + gamma) * z, 1.0], [-(beta * (1 + gamma) - gamma) * z, beta]])


@pytest.mark.parametrize("method", MOMENTUM)
def test_no_block_grows_more_in_the_form_than_is_said(method):
    problem = network(16, method)
    eta = float(problem.eta)
    metric = best_metric(problem, 2.5)
    form = np.array([[1.0, metric.cross], [metric.cross, metric.weight]])
    root = np.linalg.cholesky(form).T
    bound = float(growth(problem, metric, arb(2.5)))
    sizes = [
        np.linalg.norm(root @ block(problem, eta * x) @ np.linalg.inv(root), 2) for x in np.linspace(0.0, 2.5, 300)
    ]
    assert max(sizes) <= bound * (1 + 1e-12)  # 4 x 4 products in float64
    assert max(sizes) >= bound * (1 - 1e-9)  # attained at an end
    assert bound < np.linalg.norm(block(problem, eta * 2.5), 2)  # better than the Euclidean norm


@pytest.mark.parametrize("method", MOMENTUM)
def test_no_power_is_larger_than_is_said_where_the_pattern_rests(method):
    problem = network(16, method)
    found = contraction(problem.eta, problem.beta, problem.gamma, 0.05, 1.5)
    assert found is not None
    bound = float(power_bound(problem, found))
    for x in [0.0, *np.linspace(0.05, 1.5, 60)]:
        power = np.eye(2)
        for _ in range(200):
            power = power @ block(problem, float(problem.eta) * x)
            assert np.linalg.norm(power, 2) <= bound


@settings(max_examples=60, deadline=None)
@given(problems())
def test_the_exact_run_is_within_the_distance_of_its_shadow(problem):
    """With few bits, so that the shadow is visibly another run: pre-activations and residual."""
    with ctx.workprec(70):
        try:
            flow = Flow(problem, 70)
        except (Undecided, ValueError):
            return
        for t, (residual, _, weights) in enumerate(train(problem, 40, bits=400)):
            try:
                if t:
                    flow.advance()
            except Undecided:
                return
            with ctx.workprec(300):
                for i, x in enumerate(INPUTS):
                    for r, row in enumerate(weights):
                        # the width is 9, so zeta is 3 z
                        exact = 3 * sum((Fraction(a) * Fraction(b) for a, b in zip(row, x, strict=True)), Fraction(0))
                        far = abs(flow.neurons.value(r, i) - arb(fmpq(exact.numerator, exact.denominator)))
                        assert far <= flow.lengths[i] * flow.distance.bound + arb(2) ** -100
                for value, (low, high) in zip(residual, flow.enclosure(), strict=True):
                    assert low <= arb(fmpq(value.numerator, value.denominator)) + arb(2) ** -200
                    assert high >= arb(fmpq(value.numerator, value.denominator)) - arb(2) ** -200


@settings(max_examples=60, deadline=None)
@given(problems(), st.integers(0, 30))
def test_what_float64_says_of_a_pre_activation_contains_it(problem, steps):
    with ctx.workprec(200):
        try:
            flow = Flow(problem, 200)
            for _ in range(steps):
                flow.advance()
        except (Undecided, ValueError):
            return
        i, r = (x.ravel() for x in np.indices((flow.size, flow.width)))
        common = np.array([float(x) for x in flow.common.entries()])
        values, errors, own = flow.watch._values(flow.step, i, r, common)
        for k, (value, error) in enumerate(zip(values, errors, strict=True)):
            exact = flow.neurons.value(int(r[k]), int(i[k]))
            assert abs(exact - value) <= error
            # what momentum may still add on the neuron's own account, without what Q drives
            speed = flow.neurons.speed(int(r[k]), int(i[k]))
            driven = flow.neurons._driven(int(r[k]), int(i[k]), 1)
            mine = speed + driven if problem.signs[int(r[k])] > 0 else speed - driven
            assert abs(mine) / (1 - flow.beta) <= own[k] * (1 + 1e-9) + 1e-30
            margin = flow.watch.limits[i[k], r[k]] - flow.watch.moved[i[k]]
            assert margin <= abs(exact) + abs(error)


def test_the_rate_for_sliding_pairs_holds_for_every_way_to_slide():
    """Formula (10) and (9) as `rate_of` gives them, against random patterns and random crossings."""
    rng = np.random.default_rng(5)
    problem = network(16, "gradient descent", 18)
    with ctx.workprec(200):
        flow = Flow(problem, 200)
        for _ in range(60):
            flow.advance()
        shown = 0
        for sliding in ([(11, 0)], [(11, 0), (3, 1)], [(11, 0), (11, 1)], [(2, 2), (5, 2)]):
            found = closure.rate_of(flow, sliding)
            if found is None:
                continue
            shown += 1
            kernel = np.array([[float(x) for x in row] for row in flow.kernel_rows])
            base = np.array([list(row) for row in flow.active], dtype=float)
            for _ in range(300):
                on, share = base.copy(), None
                for r, i in sliding:
                    on[r, i] = rng.integers(2)
                share = on.copy()
                for r, i in sliding:
                    share[r, i] = rng.choice([0.0, 1.0, rng.random()])
                step = sum(np.outer(share[r], on[r]) * kernel for r in range(16)) / 16
                size = np.linalg.norm(np.eye(3) - float(problem.eta) * step, 2)
                assert size <= found.rate * (1 + 1e-12)  # 3 x 3 products in float64
        assert shown


def test_gradient_descent_loses_no_bits_at_flips():
    problem = network(16, "gradient descent", 18)
    with ctx.workprec(128):
        flow = Flow(problem, 128)
        for _ in range(300):
            flow.advance()
        assert len(flow.flips) > 100
        assert flow.distance.bound < arb(2) ** -108  # 300 steps of a rounding each


@pytest.mark.parametrize("name", ["gradient_descent", "heavy_ball", "nesterov"])
def test_the_float64_run_is_within_its_proved_distance_at_every_step(name):
    """The distance is proved with the numbers of one precision and tried with those of another."""
    data = nag_ntk.digits(6)
    one = networks.case(data, nag_ntk.theorem_tuning(name, data), 64, 1)
    from proofs_check.rigor.certificates.certificate import distance

    rows = networks.simulated(one, 60)
    bound = distance(one.problem, 256, rows)
    assert 0 < bound < 1e-13
    with ctx.workprec(600):
        flow = Flow(one.problem, 600)
        for row in rows:
            assert all(abs(x - y) <= bound for x, y in zip(flow.residual.entries(), row, strict=True))
            flow.advance()


STUDY = """
dataset: {source: digits, samples: 5}
methods: [gradient_descent, heavy_ball, nesterov]
width: 256
seeds: 2
steps: 5
lemmas: [gd-contraction, heavy-ball-contraction, nesterov-contraction]
certify: 1
"""


def test_the_theorems_are_certified_for_single_networks(call):
    Path("mine.yaml").write_text(STUDY)
    end = call("verify", "mine.yaml", "--out", "r", "--quiet")
    assert end.code == 0, end.out + end.err
    rows = {row["lemma"]: row for row in json.loads(Path("r/results.json").read_text())["findings"]}
    named = [name for name in rows if name.endswith("seed-0")]
    assert len(named) == 5
    assert {rows[name]["verdict"] for name in named} == {"CERTIFIED"}, [rows[name]["reason"] for name in named]
    for name in named:
        path = Path("r/certificates") / rows[name]["evidence"]["certificate"]
        body = json.loads(path.read_text())
        assert body["digest"] == rows[name]["evidence"]["digest"]
        assert len(body["claim"]["contraction"]) == (1 if name.startswith("gd") else 2)
        assert call("recheck", str(path)).code == 0


def test_a_theorem_that_fails_is_refuted_and_a_slower_rate_is_not_claimed():
    from proofs_check.certified.claims import ResidualBounds

    residual_bounds = ResidualBounds()
    proof = prove(network(16, "nesterov", 10), 2000, observe=residual_bounds)
    rates = (proof.contraction.rate, 0.999)
    assert residual_bounds.decide_bound(proof, 1e3, 0.999) == (True, proof.applied, rates)
    decided, _, (size, bound) = residual_bounds.decide_bound(proof, 1.0, 0.01)
    assert decided is False
    assert size > bound
    assert residual_bounds.decide_bound(proof, 1e9, proof.contraction.rate * 0.999)[0] is not True
    assert residual_bounds.decide_bound(proof, 0.5, 0.999)[0] is not True


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gradient_descent", "heavy_ball", "nesterov"])
def test_certified_wide_networks_go_on_as_proved_in_float64(name):
    """10,000 steps of the simulator at n = 20, m = 1,024: no flip after lock-in but of sliding pairs, and the rate."""
    data = nag_ntk.digits(20)
    method = nag_ntk.theorem_tuning(name, data)
    one = networks.case(data, method, 1024)
    proof = prove(one.problem)
    run = nag_ntk.simulate(data, method, 1024, [0], 10_000)
    flipped = np.rint(run.flip_fraction[0, 0] * 20 * 1024)
    assert np.abs(flipped[proof.lock_in :] - flipped[proof.lock_in]).max() <= len(proof.sliding)
    assert bool(proof.sliding) == (name == "gradient_descent")
    sizes = run.residual_norm[0, 0, proof.applied :]
    k = np.arange(len(sizes))
    rate, shear = proof.contraction.rate, proof.contraction.shear
    bound = (rate**k + shear * k * rate ** np.maximum(k - 1, 0)) * proof.energy
    assert (sizes <= bound + 1e-12).all()  # what float64 leaves of a residual of order 1


@pytest.mark.slow
def test_the_network_of_the_table_goes_on_as_proved_in_float64():
    """n = 100, m = 10,000, Nesterov, seed 0: what its certificate claims (docs/certificates.md), over 10,000 steps."""
    lock_in, applied, rate, shear, energy = 583, 1228, 0.9821346078158535, 1.0938681725552422, 1.7291063338380161e-09
    data = nag_ntk.digits(100)
    run = nag_ntk.simulate(data, nag_ntk.theorem_tuning("nesterov", data), 10_000, [0], 10_000)
    flipped = run.flip_fraction[0, 0]
    assert flipped[lock_in - 1] != flipped[lock_in]
    assert (flipped[lock_in:] == flipped[lock_in]).all()
    sizes = run.residual_norm[0, 0, applied:]
    k = np.arange(len(sizes))
    bound = (rate**k + shear * k * rate ** np.maximum(k - 1, 0)) * energy
    assert (sizes <= bound + 1e-12).all()  # what float64 leaves of a residual of order 1
