"""The proofs about one network: the flow against exact training, soundness of what is proved, the reasons given."""

import json
import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from exact_training import train
from flint import arb, ctx, fmpq
from hypothesis import example, given, settings
from hypothesis import strategies as st
from networks import GOOD, INPUTS, METHODS, SLIDING, attempt, network, problems

from proofs_check.rigor.certificates.contraction import contraction
from proofs_check.rigor.certificates.flow import Flow, Undecided
from proofs_check.rigor.certificates.problem import Problem, ProblemError, check
from proofs_check.rigor.certificates.prove import NotProved, Proof, prove

RUNS = json.loads((Path(__file__).parents[2] / "data" / "trajectories.json").read_text())["cases"]


def ball(value: Fraction) -> arb:
    return arb(fmpq(value.numerator, value.denominator))


def same_pattern(flow, pattern):
    return [list(map(bool, row)) for row in flow.active] == pattern


TINY = arb(2) ** -700  # what the training rounded to 800 bits may be off by


@settings(max_examples=60, deadline=None)
@given(problems())
def test_the_flow_encloses_the_exact_run_and_decides_every_sign(problem):
    with ctx.workprec(400):
        try:
            flow = Flow(problem, 400)
        except Undecided:  # 0 as a sum of thirteenths, which no ball can show
            return
        except ValueError:
            assert problem.start == "state"  # the patterns of the two steps differ
            return
        flips, last = 0, None
        for t, (residual, pattern, _) in enumerate(train(problem, 25, bits=800)):
            if t:
                try:
                    flow.advance()
                except Undecided:  # exactly at a kink after t steps, which no ball can show
                    return
            assert same_pattern(flow, pattern)
            flips += last is not None and sum(
                a != b for x, y in zip(last, pattern, strict=True) for a, b in zip(x, y, strict=True)
            )
            last = pattern
            assert len(flow.flips) == flips
            with ctx.workprec(1200):
                for value, (low, high) in zip(residual, flow.enclosure(), strict=True):
                    assert low - TINY <= ball(value) <= high + TINY
                    assert high - low < 1e-60


@pytest.mark.parametrize("case", RUNS, ids=lambda c: f"{c['method']}-{c['start']}-{c['width']}")
def test_enclosures_contain_the_reference_trajectories(case):
    rows = [[[Fraction(x) for x in row] for row in case[name]] for name in ("inputs", "weights")]
    numbers = [Fraction(case[name]) for name in ("eta", "beta", "gamma")]
    problem = Problem(
        tuple(map(tuple, rows[0])), tuple(map(Fraction, case["targets"])), tuple(map(tuple, rows[1])),
        tuple(case["signs"]), *numbers, case["start"],
    )  # fmt: skip
    with ctx.workprec(300):
        flow = Flow(problem, 300)
        first = [bytes(row) for row in flow.active]
        for t, (residual, flips) in enumerate(zip(case["residual"], case["flips"], strict=True)):
            if t:
                flow.advance()
            assert flips == sum(
                a != b for x, y in zip(first, flow.active, strict=True) for a, b in zip(x, y, strict=True)
            )
            for value, (low, high) in zip(residual, flow.enclosure(), strict=True):
                unit = Fraction(1, 10**28)  # the reference is printed with 30 digits
                assert low - ball(unit) <= ball(Fraction(value)) <= high + ball(unit)
                assert high - low < 1e-70


def test_a_run_taken_up_from_two_of_its_steps_is_the_same_run():
    problem = Problem(INPUTS, (0.5, -0.25, 1.0), ((1.0, 0.5), (-0.5, 1.0), (0.25, -1.0), (0.75, 0.125)), (1, -1, 1, 1),
                      *METHODS["nesterov"])  # fmt: skip
    steps = list(train(problem, 12))
    t = next(t for t in range(1, 8) if steps[t][1] == steps[t - 1][1])
    later = problem._replace(
        weights=tuple(map(tuple, steps[t][2])), before=tuple(map(tuple, steps[t - 1][2])), start="state"
    )
    with ctx.workprec(300):
        flow = Flow(later, 300)
        for residual, pattern, _ in steps[t:]:
            assert same_pattern(flow, pattern)
            for value, (low, high) in zip(residual, flow.enclosure(), strict=True):
                assert low <= ball(value) <= high
            flow.advance()


def agrees_with_the_run(proof: Proof, steps: int):
    """Nothing but sliding pairs changes after lock-in, and the residual stays below its bound."""
    bound, found, last = Fraction(proof.energy), proof.contraction, None
    rate, shear = Fraction(found.rate), Fraction(found.shear)
    tiny = Fraction(1, 1 << 250)
    for t, (residual, pattern, _) in enumerate(train(proof.problem, steps, bits=400)):
        if last is not None and t > proof.lock_in:
            changed = {(r, i) for r, row in enumerate(pattern) for i, on in enumerate(row) if on != last[r][i]}
            assert changed <= set(proof.sliding), f"step {t}"
        last = pattern
        k = t - proof.applied
        if k >= 0:
            # the bound, with the power in floats rounded upwards
            factor = Fraction(math.nextafter(float(rate) ** k * (1 + 1e-9), math.inf)) * (1 + shear * k / rate)
            size = sum(x * x for x in residual)
            assert size <= (factor * bound) ** 2 + tiny


@settings(max_examples=40, deadline=None)
@given(problems(width=9, starts=("gradient", "extrapolated")))
def test_what_is_proved_happens(problem):
    try:
        proof = prove(problem, 150, max_precision=1024)
    except NotProved:
        return
    agrees_with_the_run(proof, proof.applied + 150)


@settings(max_examples=40, deadline=None)
@given(
    problems(width=9, starts=("gradient",)), st.integers(0, 8), st.integers(0, 2), st.integers(1, 30),
    st.sampled_from([-1, 1]),
)  # fmt: skip
def test_networks_just_outside_the_condition_are_never_certified_wrongly(problem, neuron, sample, digits, side):
    """The weight of one neuron is moved so that it ends at 2^-digits from a kink, on either side."""
    *_, (_, _, weights) = train(problem, 60, bits=200)
    x = INPUTS[sample]
    ending = sum(a * b for a, b in zip(weights[neuron], x, strict=True))
    shift = (side * Fraction(1, 1 << digits) - ending) / sum(a * a for a in x)
    moved = tuple(w + shift * a for w, a in zip(problem.weights[neuron], x, strict=True))
    moved = tuple(Fraction(round(v * (1 << 40)), 1 << 40) for v in moved)
    near = problem._replace(weights=(*problem.weights[:neuron], moved, *problem.weights[neuron + 1 :]))
    for steps in (0, 20, 120):
        try:
            proof = prove(near, steps, max_precision=1024)
        except NotProved:
            continue
        agrees_with_the_run(proof, proof.applied + 200)


@pytest.mark.parametrize("steps", [400, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", METHODS)
def test_certified_runs_go_on_as_proved(method, steps):
    proof = next(p for p in (attempt(network(16, method, seed)) for seed in range(1, 9)) if p and p.flips)
    agrees_with_the_run(proof, steps)


def test_sliding_under_gradient_descent_is_proved_where_lock_in_would_be_false():
    """Neuron 11 sits at the kink of sample 0, pushed up from below and down from above in turns for ever."""
    proof = prove(SLIDING, 400)
    assert proof.sliding == ((11, 0),)
    agrees_with_the_run(proof, proof.applied + 300)
    patterns = [pattern for _, pattern, _ in train(SLIDING, proof.applied + 300, bits=600)][proof.applied :]
    assert sum(a != b for a, b in pairwise(patterns)) > 100


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (GOOD._replace(weights=((-3.0, -3.0), *GOOD.weights[1:2], *[(-1.0, -3.0)] * 14)), "dead"),
        (GOOD._replace(inputs=(*INPUTS[:2], INPUTS[0])), "no network fits"),
        (GOOD._replace(inputs=(*INPUTS[:2], tuple(2 * x for x in INPUTS[0])), targets=(0.5, 0.0, 1.0)), "drop one"),
        (GOOD._replace(inputs=(*INPUTS[:2], (0.0, 0.0))), "zero"),
        (GOOD._replace(eta=40.0), "dead|smaller step size"),  # it diverges, and may kill the neurons
        (GOOD._replace(beta=1.0, gamma=1.0), "at 1 nothing is damped"),
        (GOOD._replace(beta=Fraction(10**12 - 1, 10**12), gamma=0.0), "rate|movement|momentum"),
        (GOOD._replace(eta=0.0), "step size must be positive"),
        (GOOD._replace(eta=math.nan), "finite"),
        (GOOD._replace(weights=((math.inf, 0.0), *GOOD.weights[1:])), "finite"),
        (GOOD._replace(targets=(0.0,)), "targets"),
        (GOOD._replace(signs=(2, *GOOD.signs[1:])), "signs"),
        (GOOD._replace(start="state"), "start"),
        (GOOD._replace(start="state", before=((9.0, 9.0),) * 16), "patterns of the two steps differ"),
        (GOOD._replace(inputs=()), "at least one"),
        (GOOD._replace(gamma=-0.1), "negative"),
    ],
)  # fmt: skip
def test_what_cannot_be_certified_is_not_and_says_why(problem, reason):
    with pytest.raises((NotProved, ProblemError), match=reason):
        prove(problem, 300)


def test_a_step_size_past_stability_is_named():
    with pytest.raises(NotProved, match=r"largest eigenvalue of H, eta lambda = .* a smaller step size would help"):
        prove(GOOD._replace(eta=40.0), 0)


def test_too_few_steps_name_sample_neuron_and_margin():
    with pytest.raises(NotProved, match=r"step 0: sample \d, neuron \d+: its margin .* more steps would help"):
        prove(GOOD, 0)


def test_a_sign_that_no_precision_decides_is_undecided():
    # w . x = 1/3 (1/3 + 2/3) - 1/3 is zero, but no ball of thirds says so
    third = Fraction(1, 3)
    problem = Problem(((third, third), (1.0, 0.0)), (0.0, 0.0), ((third, -third), (1.0, 1.0)), (1, 1), 0.5, 0.0, 0.0)
    with pytest.raises(NotProved, match="undecided with 1024 bits: neuron 0 on sample 0 at step 0"):
        prove(problem, 10, max_precision=1024)


def test_precision_is_raised_when_a_sign_needs_it():
    weights = ((1.0, Fraction(-3, 4) + Fraction(1, 3 << 600)), (1.0, 1.0), (-1.0, 2.0), (2.0, -0.5))
    problem = Problem(INPUTS, (0.5, -0.25, 1.0), weights, (1, -1, 1, 1), *METHODS["nesterov"])
    check(problem)
    proof = attempt(problem)
    assert proof is None or proof.precision > 600
    with ctx.workprec(256), pytest.raises(Undecided):
        Flow(problem, 256)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(list(METHODS)), st.floats(0.01, 1.0), st.floats(0.0, 1.0), st.floats(0.1, 2.5), st.integers(0, 60)
)
@example("nesterov", 0.9244175175488586, 0.6998007852839093, 2.12109375, 28)  # a power whose balls hold 0
def test_the_bound_on_powers_holds_for_every_damping(method, low, spread, scale, power):
    eta, beta, gamma = (float(x) for x in METHODS[method])
    high = low + spread
    found = contraction(eta * scale, beta, gamma, low, high)
    with ctx.workprec(200):
        lift = arb(beta) * (1 + arb(gamma)) - arb(gamma)
        for z in (eta * scale * (low + share * spread) for share in (0.0, 0.3, 0.7, 1.0)):
            a = [[arb(1) - (1 + arb(gamma)) * z, arb(1)], [-lift * z, arb(beta)]]
            if beta == gamma == 0:
                a[0][1] = arb(0)
            size = arb(1)
            m = [[arb(1), arb(0)], [arb(0), arb(1)]]
            for _ in range(power):
                m = [[sum((a[i][k] * m[k][j] for k in (0, 1)), arb(0)) for j in (0, 1)] for i in (0, 1)]
            # the spectral norm is at least that of either column; from below, for a ball around 0 has no root
            size = max(((m[0][j].abs_lower() ** 2 + m[1][j].abs_lower() ** 2).sqrt() for j in (0, 1)), key=float)
            if found is not None:
                rate, shear = arb(found.rate), arb(found.shear)
                assert size <= (rate**power + shear * power * rate ** max(power - 1, 0)) * (1 + arb(2) ** -100)
