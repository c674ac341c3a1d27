"""The laws of networks in antisymmetric pairs: half as many independent neurons, each counted twice, and f(0) = 0."""

import math
from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy import stats

import nag_ntk
from nag_ntk import draw, gradient_descent, nesterov, seed_key, simulate
from proofs_check.certified import networks
from proofs_check.lemma import Claim, Inequality, Law, Run
from proofs_check.lemmas import CATALOGUE, acceleration, gram_stability, width_scaling
from proofs_check.lemmas.flips import RADII
from proofs_check.lemmas.gram_concentration import chernoff_width, hoeffding_width
from proofs_check.running.recording import simulate_again
from proofs_check.slack import slack_table

LEMMAS = {lemma.id: lemma for lemma in CATALOGUE}
WIDTH, SEEDS, DELTA = 64, 300, 0.1
METHODS = (gradient_descent(0.3), nesterov(0.2, 0.7))
EXACT = 1e-12


def as_if(run: Run, init: str) -> Run:
    """The same record, said to be of networks drawn in another way."""
    return replace(run, trajectory=replace(run.trajectory, init=init))


@pytest.fixture(scope="module")
def run():
    data = nag_ntk.sphere(3, 3, 1)
    radius = gram_stability._radius(3, WIDTH, DELTA)
    # an engine in which a seed has the same bits alone and among others
    trajectory = simulate(
        data, METHODS, WIDTH, SEEDS, 20, engine="preactivations", init="antisymmetric", radii=RADII,
        overlap_radii=[radius], gram_path=True,
    )  # fmt: skip
    return Run("pairs", data, METHODS, trajectory, DELTA)


@pytest.fixture(scope="module")
def first_of_each(run):
    """Pre-activations of the first neuron of each pair, (s, m/2, n)."""
    weights = jax.jit(lambda s: draw(seed_key(0, s), WIDTH, run.trajectory.rank, init="antisymmetric").weights)
    return np.stack([np.asarray(weights(s))[::2] @ run.data.coordinates.T for s in np.arange(SEEDS)])


def binomial_p(count: int, trials: int, p: float) -> float:
    """Twice the smaller tail."""
    return min(1.0, 2 * min(stats.binom.cdf(count, trials, p), stats.binom.sf(count - 1, trials, p)))


def test_the_gram_limit_is_tested_on_the_pairs(run, first_of_each):
    law = LEMMAS["gram-limit"].check(run)
    active = (first_of_each >= 0).reshape(-1, 3)
    shares = run.data.gram_limit / run.data.kernel
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    values = [binomial_p(int((active[:, i] & active[:, j]).sum()), len(active), shares[i, j]) for i, j in pairs]
    assert isinstance(law, Law)
    assert law.trials == len(active) == SEEDS * WIDTH // 2
    assert law.p_value == pytest.approx(min(1.0, len(pairs) * min(values)), rel=1e-9)


def test_the_counts_near_a_boundary_are_twice_a_binomial(run, first_of_each):
    """Said to be of independent neurons, whose counts vary half as much, the same counts are refuted."""
    law = LEMMAS["flip-probability"].check(run)
    near = np.abs(first_of_each)[:, None] <= np.array(RADII)[None, :, None, None]
    np.testing.assert_array_equal(run.trajectory.near_boundary, 2 * near.sum(axis=2))
    assert (law.trials, law.p_value > 1e-6) == (SEEDS * WIDTH // 2, True)  # a false alarm of 1e-6
    assert LEMMAS["flip-probability"].check(as_if(run, "independent")).p_value < 1e-6
    for control in LEMMAS["flip-probability"].controls:
        assert control.check(run).p_value < 1e-6


def test_the_gram_matrix_concentrates_from_twice_the_width_on(run):
    check, lambda_0 = LEMMAS["gram-concentration"].check, run.data.spectrum.lambda_0
    norm = np.linalg.norm(run.data.kernel, 2)
    for part, width in (
        ("hoeffding", hoeffding_width(3, lambda_0, DELTA)),
        ("chernoff", chernoff_width(3, lambda_0, norm, DELTA)),
    ):
        for at, applies in ((1.5, False), (2.5, True)):
            wide = replace(run, trajectory=replace(run.trajectory, width=2 * round(at * width / 2)))
            assert isinstance(check(wide)[part], Inequality) is applies
            assert isinstance(check(as_if(wide, "independent"))[part], Inequality)
            if not applies:
                assert f"{math.ceil(2 * width):,}" in check(wide)[part].reason


def test_the_linear_bound_on_the_flips_counts_pairs(run):
    found = LEMMAS["flip-fraction"].check(run)["linear"]
    bound = 4 * np.maximum(run.trajectory.largest_distance, 2 * math.log(3 / DELTA) / WIDTH)
    np.testing.assert_allclose(found.bound, bound, rtol=EXACT)
    narrow = replace(run, trajectory=replace(run.trajectory, width=2 * math.ceil(3 * math.log(3 / DELTA))))
    needed = 2 * (math.ceil(4 * math.log(3 / DELTA)) + 1)
    assert f"from width {needed} on" in LEMMAS["flip-fraction"].check(narrow)["linear"].reason
    assert "from width" not in str(LEMMAS["flip-fraction"].check(as_if(narrow, "independent"))["linear"])


def tail(pairs: int, mean: float, bound: float) -> float:
    """P(2 X >= bound), X binomial over the pairs with the probability `mean`."""
    return float(stats.binom.sf(math.ceil(bound / 2) - 1, pairs, mean))


def test_few_pairs_near_a_boundary_as_stated_for_all_neurons():
    """flip-count and gram-stability keep their constants, flip-fraction not: the exact tails, as the pages say."""
    slope = math.sqrt(2 / math.pi)
    for width in (32, 100, 1000, 10000):
        for size in (1, 2, 5, 20):
            for delta in (0.01, 0.1, 0.3):
                radius = math.log(size / delta) / width
                p = math.erf(radius / math.sqrt(2))
                if 4 * radius < 1:
                    assert size * tail(width // 2, p, 4 * width * radius) <= delta
                radius = 10 * math.log(size**2 / delta) / width
                if 2 * radius < 1:
                    assert size * (size + 1) * tail(width // 2, min(slope * radius, 1), 2 * width * radius) <= delta
    x = 0.3  # delta / n
    exponents = [3.246, *(0.6357 * 2**k for k in range(1, 30))]
    assert sum(x**e for e in exponents) <= x
    assert sum(x ** (e / 2) for e in exponents) > x
    assert sum((x**2) ** (e / 2) for e in exponents) <= x  # with twice the smallest radius


def test_the_first_residual_is_minus_the_targets(run):
    lemma = LEMMAS["initial-residual"]
    (part,) = lemma.check(run).items()
    name, found = part
    assert (name, found.claim) == ("pairs", Claim.EVERY_RUN)
    assert (found.observed == 0).all()
    assert (found.relative_margin() > 0).all()
    moved = run.trajectory.residual + 1e-12  # some hundred times the rounding of an evaluation
    wrong = lemma.check(replace(run, trajectory=replace(run.trajectory, residual=moved)))["pairs"]
    assert (wrong.relative_margin() < 0).all()
    controls = {control.id: control.check for control in lemma.controls}
    alone = replace(run, trajectory=simulate(run.data, METHODS, WIDTH, 8, 0))
    assert (controls["no-pairs"](alone).relative_margin() < 0).all()
    assert set(lemma.check(alone)) == {"moment", "tail"}


def test_the_ball_is_attacked_around_the_networks_of_the_run(run, first_of_each):
    found = gram_stability._attained(run, 0.1)
    for s in range(3):
        z = np.repeat(first_of_each[s], 2, axis=0)
        assert found[s] == pytest.approx(gram_stability._attack(z, run.data.kernel, 0.1), rel=EXACT)


def test_what_is_simulated_again_is_drawn_in_pairs_again(run):
    again = simulate_again(run, LEMMAS["flip-count"], (4, 2)).trajectory
    np.testing.assert_array_equal(again.residual, run.trajectory.residual[[4, 2]])
    assert again.init == "antisymmetric"


def test_certificates_are_about_the_networks_of_the_run(run):
    case = networks.case(run.data, METHODS[1], WIDTH, 2, init="antisymmetric")
    assert networks.simulated(case, 20) == run.trajectory.residual[2, 1].tolist()
    weights, signs = np.array(case.problem.weights), np.array(case.problem.signs)
    np.testing.assert_array_equal(weights[::2], weights[1::2])
    np.testing.assert_array_equal(signs[::2], -signs[1::2])


def test_runs_drawn_in_different_ways_are_not_compared():
    data = nag_ntk.sphere(2, 2, 0)
    runs = [
        Run(f"{init}-{width}", data, METHODS, simulate(data, METHODS, width, 2, 0, init=init), DELTA)
        for init in ("independent", "antisymmetric")
        for width in (4, 6)
    ]
    assert [run.name for run in width_scaling._comparable([*runs[2:], runs[0]])] == [
        "antisymmetric-4",
        "antisymmetric-6",
    ]
    apart = [nag_ntk.near_parallel_pairs(1, angle, 2) for angle in (1.0, 0.8)]
    tuned = [(nag_ntk.theorem_tuning("nesterov", data),) for data in apart]
    made = [
        Run(init, data, methods, simulate(data, methods, 512, 2, 200, init=init), DELTA)
        for data, methods, init in zip(apart, tuned, ("independent", "antisymmetric"), strict=True)
    ]
    assert "got 1, kappa" in acceleration._network(made, "nesterov", 0.5).reason
    assert "got 2, kappa" in acceleration._network([as_if(run, "independent") for run in made], "nesterov", 0.5).reason


def test_no_slack_is_lost_in_the_first_residual(run):
    first, *others = slack_table(run)
    assert (first.lost, first.reason) == (None, "f = 0, so |xi(0)| = |y|")
    alone = slack_table(as_if(run, "independent"))
    for found, other in zip((first, *others), alone, strict=True):
        if "Hoeffding and union" in found.what:
            assert found.claimed == pytest.approx(math.sqrt(2) * other.claimed)
        if found.what.startswith("matrix Chernoff"):
            assert found.claimed == pytest.approx(2 * other.claimed)
