"""The recursion of the rechecker and of the maker against its definition, and against networks that are trained."""

import numpy as np
import pytest
from by_definition import Case, bounds, claims, counts, kernels, train
from flint import ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import METHODS, network, problems

from proofs_check.rigor.certificates.certificate import write
from proofs_check.rigor.certificates.contraction import contraction
from proofs_check.rigor.certificates.problem import Problem
from proofs_check.rigor.initial import prove, recheck
from proofs_check.rigor.initial.certificate import body_of
from proofs_check.rigor.initial.pairs import Pairs
from proofs_check.rigor.initial.responses import Numbers, responses

STEPS = 12


def read(proof, folder):
    path = folder / "one.json"
    write(body_of(proof), path)
    return recheck.Certificate(path)


def spread(problem, width=1.0):
    """The same network with weights further from their kinks: fewer flips, and bounds that stay finite."""
    rows = tuple(tuple(float(x) * width for x in row) for row in problem.weights)
    return problem._replace(weights=rows)


def followed(proof, folder, steps):
    """The rechecker's bounds at every step, and its flips."""
    net = read(proof, folder)
    with ctx.workprec(net.bits):
        start = recheck.Start(net)
        linear = recheck.Linear(start)
        with ctx.workprec(recheck.LOW):
            run, flips = recheck.Proof(start, linear), [set()]
            for t in range(1, steps + 1):
                run.step(t)
                flips.append({(r, i) for r, found in run.flips.flipped.items() for i in found})
    return start, linear, run, flips


def small(values):
    return np.array([[float(x) for x in row] for row in values])


@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
@pytest.mark.parametrize("name", METHODS)
def test_the_recursion_is_its_definition(name, start, tmp_path):
    """Every bound at every step, and every pair, in both programs."""
    seen = 0
    for seed in range(1, 7):
        problem = spread(network(12, name, seed), 2.0)._replace(start=start)
        expected = bounds(problem, STEPS)
        last = len(expected.X) - 1
        first, _, run, flips = followed(claims(problem, STEPS), tmp_path, last)
        assert len(first.members) == 12  # the claimed reach covers all, so members are neurons
        assert np.allclose(small(run.X), expected.X, rtol=1e-9, atol=1e-12)
        for values, name_ in ((run.dS, "dS"), (run.M, "M"), (run.Q, "Q"), (run.V, "V"), (run.e, "e")):
            assert np.allclose([float(x) for x in values], getattr(expected, name_)[last], rtol=1e-9, atol=1e-12), name_
        for t in range(last + 1):
            assert flips[t] == {(r, i) for r, i in zip(*map(list, np.nonzero(expected.flipped[t])), strict=True)}
        seen += len(flips[-1])
        # the maker, as long as its bound has not grown twentyfold
        pairs, numbers = Pairs(problem), Numbers.of(problem)
        pairs.select(np.full(3, 1e9))
        answer = responses(pairs.gram, pairs.residual, numbers, STEPS)
        grown = np.linalg.norm(expected.X, axis=1) >= 20 * np.linalg.norm(expected.X[0])
        steps = int(np.argmax(grown)) - 1 if grown.any() else STEPS
        forward = prove._forward(pairs, answer, numbers, steps)
        assert np.allclose(forward.residual, expected.X[: steps + 1], rtol=1e-9, atol=1e-12)
        assert pairs.count == expected.flipped[steps].sum()
    assert seen > 20


@pytest.mark.parametrize("name", METHODS)
def test_responses_and_counts_are_their_definitions(name, tmp_path):
    problem, horizon = network(12, name, 3), 40
    linear = followed(claims(problem, STEPS, horizon, rate=0.999), tmp_path, 0)[1]
    case = Case.of(problem)
    pairs = Pairs(problem)
    expected = kernels(case, pairs.gram, horizon + 1)
    for stack, names in ((linear.jumps, ("R", "dR", "Y")), (linear.drives, ("R_W", "dR_W", "Y_W"))):
        blocks = np.array([[float(x) for x in row] for row in stack.tolist()]).reshape(STEPS, 3, 3, 3)
        for k, part in enumerate(names):
            assert np.allclose(blocks[:, k], np.abs(expected[part][1 : STEPS + 1]), rtol=1e-9, atol=1e-12)
    answer = responses(pairs.gram, pairs.residual, Numbers.of(problem), horizon)
    mine = {"Y": "residual", "dR": "change", "R": "filter", "Y_W": "driven", "dR_W": "driven_change",
            "R_W": "driven_filter", "Z": "late", "dZ": "late_change"}  # fmt: skip
    for part, attribute in mine.items():
        assert np.allclose(getattr(answer, attribute), expected[part], rtol=1e-9, atol=1e-12), part
    random = np.random.default_rng(0)
    pairs.select(np.full(3, 1e9))
    pairs.flipped = random.random((12, 3)) < 0.4
    assert np.allclose(pairs.effects(), counts(case, pairs.flipped))


@pytest.mark.parametrize("name", METHODS)
def test_sums_over_all_steps(name, tmp_path):
    """Each sum lies between the sum over many steps and little more; cut off early it is larger, never smaller."""
    problem = network(256, name, 3)
    proof = prove.prove_initial(problem)
    long = kernels(Case.of(problem), Pairs(problem).gram, 400)
    weights = proof.rate ** -np.arange(400.0)
    for horizon, most in ((proof.horizon, 1.001), (proof.steps, np.inf)):
        linear = followed(proof._replace(horizon=horizon), tmp_path, 0)[1]
        for part, total in linear.total.items():
            found = small(total.tolist())
            exact = np.tensordot(weights, np.abs(long[part]), 1)
            assert (found >= exact * (1 - 1e-9)).all(), part
            assert (found <= most * exact + 1e-4 * exact.max()).all() or most == np.inf, part


@given(problems(width=24, starts=("gradient", "extrapolated")), st.sampled_from([1.0, 3.0, 10.0]))
@settings(max_examples=40)
def test_trained_networks_stay_within_the_bounds(problem, width):
    """Any network, wide or not, stable or not: residuals below X, and no flip outside the set."""
    problem = spread(problem, width)
    found = bounds(problem, STEPS)
    residuals, patterns = train(problem, len(found.X) - 1)
    assert (np.abs(residuals) <= found.X * (1 + 1e-9) + 1e-9).all()
    assert not ((patterns != patterns[0]) & ~found.flipped).any()


@pytest.mark.slow
@given(problems(width=40, starts=("gradient", "extrapolated")), st.sampled_from([0.5, 1.0, 3.0, 10.0, 30.0]))
@settings(max_examples=1500)
def test_many_trained_networks_stay_within_the_bounds(problem, width):
    test_trained_networks_stay_within_the_bounds.hypothesis.inner_test(problem, width)


@pytest.mark.parametrize("horizon", [2, 3, 6])
@pytest.mark.parametrize("name", ["heavy ball", "nesterov", "gradient descent"])
def test_sums_that_are_cut_off_early_are_not_too_small(name, horizon, tmp_path):
    """One sample, both eigenvalues of the linear model equal: its powers are as large as (8) allows, for long."""
    beta = {"heavy ball": 0.81, "nesterov": 0.75, "gradient descent": 0.0}[name]
    gamma = beta if name == "nesterov" else 0.0
    eta, rate = 0.25, 0.95
    z = {"heavy ball": (1 - beta**0.5) ** 2, "nesterov": ((1 - beta) / (1 + beta)) ** 2, "gradient descent": 0.1}[name]
    problem = Problem((((z / eta) ** 0.5,),), (1.0,), ((1.0,),), (1,), eta, beta, gamma)
    found = contraction(eta, beta, gamma, z / eta * (1 - 1e-9), z / eta * (1 + 1e-9))
    proof = claims(problem, 2, horizon, linear=found, rate=rate)
    linear = followed(proof, tmp_path, 0)[1]
    long = kernels(Case.of(problem), np.array([[z / eta]]), 3000)
    for part, total in linear.total.items():
        exact = np.abs(long[part][:, 0, 0]) @ rate ** -np.arange(3000.0)
        assert exact * (1 - 1e-6) <= float(total[0, 0]) <= 200 * exact, part


@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
def test_an_error_of_the_first_residual_goes_through_the_linear_model(start, tmp_path):
    """No flips: |xi_lin| + |Y_start| error, and the same of the filter and its change."""
    half = spread(network(12, "nesterov", 3), 1e6)
    signs = tuple(-sign for sign in half.signs)
    problem = half._replace(start=start, weights=half.weights * 2, signs=half.signs + signs)
    net, error = read(claims(problem, STEPS), tmp_path), [0.25, 0.0, 0.5]

    class Vague(recheck.Start):
        def collect(self, reach):
            together, xi, _ = super().collect(reach)
            return together, xi, [recheck.arb(x) for x in error]

    with ctx.workprec(net.bits):
        first = Vague(net)
        linear = recheck.Linear(first)
        with ctx.workprec(recheck.LOW):
            run = recheck.Proof(first, linear)
            for t in range(1, STEPS + 1):
                run.step(t)
    assert run.flips.all == 0
    case = Case.of(problem)
    k, n = kernels(case, Pairs(problem).gram, STEPS + 1), 3
    Y, R = ([of[t] + case.push * sign * late[t] for t in range(STEPS + 1)]
            for of, late, sign in ((k["Y"], k["ZH"], 1.0), (k["R"], 0 * k["R"], 0.0)))  # fmt: skip
    plain = bounds(problem, STEPS)
    assert np.allclose(small(run.X), plain.X + np.array([np.abs(y) @ error for y in Y]), rtol=1e-9)
    filters = [R[t] - case.push * (sum(case.beta ** (u - 1) * (np.eye(n) - k["R"][t - u] @ Pairs(problem).gram)
                                       for u in range(1, t + 1))) if t else R[0] for t in range(STEPS + 1)]  # fmt: skip
    assert np.allclose([float(x) for x in run.dS], np.abs(filters[STEPS]) @ error, rtol=1e-9)


@pytest.mark.parametrize("alone", ["Y", "q", "dR", "Z", "dZ"])
@pytest.mark.parametrize("name", ["heavy ball", "nesterov"])
def test_what_is_left_after_the_last_step_of_the_responses(name, alone, tmp_path):
    """From a state in which one part alone is not 0, so that no other makes up for it."""
    beta = 0.81
    gamma, eta, rate = beta if name == "nesterov" else 0.0, 0.25, 0.95
    z = 0.01 if name == "heavy ball" else ((1 - beta) / (1 + beta)) ** 2
    problem = Problem((((z / eta) ** 0.5,),), (1.0,), ((1.0,),), (1,), eta, beta, gamma)
    found = contraction(eta, beta, gamma, z / eta * (1 - 1e-9), z / eta * (1 + 1e-9))
    linear = followed(claims(problem, 2, linear=found, rate=rate), tmp_path, 0)[1]
    zero = recheck.arb_mat(1, 1)
    now = dict.fromkeys(("Y", "q", "dR", "R", "Z", "dZ", "ZR", "ZH", "dZH"), zero) | {alone: zero + 1}
    left = {name: float(x) for name, x in linear.remainders(now, recheck.ONE).items()}
    sums = dict.fromkeys(left, 0.0)
    for k in range(1, 2000):
        now = {name: of.mid() for name, of in linear.after(now).items()}
        for part in sums:
            sums[part] += abs(float(now[part][0, 0])) * rate**-k
    for part, total in sums.items():
        assert total <= left[part] * (1 + 1e-9), part
    assert max(sums.values()) > 0.5
