"""Runs that leave the floating-point numbers, and numbers of a check that are none: one rule, per seed and method."""

from dataclasses import replace

import numpy as np
import pytest

import nag_ntk
from nag_ntk import Dataset, gradient_descent, nesterov, simulate, sphere
from proofs_check.judging.ask import applies, examine, outcomes_of
from proofs_check.judging.finding import Verdict
from proofs_check.judging.verdict import decide
from proofs_check.lemma import Inequality, Run, Trials
from proofs_check.lemmas import CATALOGUE

SEEDS, STEPS = 64, 6
DATA = sphere(3, 3, 0)
METHODS = (gradient_descent(1e100), nesterov(0.1, 0.5))
NAMES = ("gradient_descent", "nesterov")
ALL = ("seed", "method", "step")


@pytest.fixture(scope="module")
def run():
    """Gradient descent overflows within a few steps, Nesterov stays finite."""
    return Run(
        "mixed",
        DATA,
        METHODS,
        simulate(DATA, METHODS, 16, SEEDS, STEPS, recursion=True, deviation=True, gram_path=True),
        0.1,
    )


def with_residual(run, change):
    """The same run with another residual, of which `change` is told."""
    residual = np.array(run.trajectory.residual)
    residual[:, 0] = residual[:, 1]  # finite
    distance = np.array(run.trajectory.distance)
    distance[:, 0] = distance[:, 1]
    reach = np.nan_to_num(run.trajectory.flip_reach, nan=0.0, posinf=0.0)
    change(residual)
    few = tuple(method._replace(eta=0.1) for method in run.methods)
    finite = replace(run.trajectory, residual=residual, distance=distance, flip_reach=reach, methods=few)
    return replace(run, trajectory=finite)


def verdict(run, found, **options):
    (finding,) = decide(examine("mine", lambda _: found, run, "r", **options), 0.05)
    return finding


def test_the_first_steps_that_are_not_finite(run):
    numbers, squares = run.trajectory.overflow
    assert (numbers[:, 1] == STEPS + 1).all()
    assert (squares[:, 1] == STEPS + 1).all()
    assert (squares[:, 0] <= numbers[:, 0]).all()
    assert (squares[:, 0] >= 1).all()
    assert (numbers[:, 0] <= STEPS).all()
    for s in range(SEEDS):  # by a loop: the first step that fails
        bad = [not np.isfinite(run.trajectory.residual[s, 0, t]).all() for t in range(STEPS + 1)]
        assert numbers[s, 0] <= bad.index(True)


@pytest.mark.parametrize("lemma", [x for x in CATALOGUE if x.scope == "run"], ids=lambda lemma: lemma.id)
def test_no_lemma_of_the_catalogue_is_refuted_or_broken_by_a_run_that_overflows(run, lemma):
    """What is proved of every run is not refuted by numbers that are none; what asks for counts is left out here."""
    if lemma.radii(3, 16, 0.1) or lemma.overlap_radii(3, 16, 0.1):
        pytest.skip("its radii are not recorded in this run")
    if not applies(lemma, run):
        pytest.skip("it speaks of another method")
    for subject in (run, with_residual(run, lambda xi: xi.__setitem__((slice(None), 0, 2), np.inf))):
        with np.errstate(over="ignore", invalid="ignore"):  # as in the runner
            found = outcomes_of(lemma, subject, "r", 10.0)
        for finding in decide(found, 0.05):
            assert finding.verdict is not Verdict.ERROR, finding.reason
            if lemma.kind == "every run" and subject is run:
                assert finding.verdict is not Verdict.REFUTED, finding.reason


def test_two_sides_that_overflow_support_nothing(run):
    norms = run.trajectory.residual_norm[:, :1]
    labels = {"method": NAMES[:1]}
    finding = verdict(run, Inequality(norms[..., 5], 0.9999 * norms[..., 4] + 1, ("seed", "method"), labels=labels))
    assert finding.verdict is Verdict.VACUOUS
    step = int(run.trajectory.overflow[1][:, 0].min())
    assert f"from step {step} on numbers are not finite and nothing is compared" in finding.reason
    assert f"gradient_descent in {SEEDS} of {SEEDS} seeds" in finding.reason


def test_the_rule_is_per_seed_and_method(run):
    """NaN that a bug makes where method 2 is finite is an error, although method 1 diverged."""
    norms = np.array(run.trajectory.residual_norm)
    assert verdict(run, Inequality(norms, np.inf, ALL)).verdict is Verdict.VACUOUS
    good = verdict(run, Inequality(norms, 1e300, ALL))
    assert good.verdict is Verdict.SUPPORTED
    assert "gradient_descent in" in good.reason
    assert "nesterov" not in good.reason
    norms[3, 1, 2] = np.nan
    bad = verdict(run, Inequality(norms, 1e300, ALL))
    assert bad.verdict is Verdict.ERROR
    assert "NaN in observed at seed 3, method nesterov, step 2, where training stayed finite" in bad.reason


@pytest.mark.parametrize("place", [(5, 1, 3), (5, 0, 0)])
def test_an_infinite_side_where_the_run_is_finite_is_larger_than_a_bound(run, place):
    observed = np.zeros((SEEDS, 2, STEPS + 1))
    observed[place] = np.inf
    finding = verdict(run, Inequality(observed, 1.0, ALL))
    assert (finding.verdict, finding.worst_seed, finding.violations) == (Verdict.REFUTED, 5, 1)


def test_infinities_of_one_sign_are_neither_for_nor_against(run):
    """A sibling: two infinite sides in a run that is finite."""
    observed, bound = np.zeros(SEEDS), np.ones(SEEDS)
    finite = with_residual(run, lambda xi: None)
    assert verdict(finite, Inequality(observed, bound)).verdict is Verdict.SUPPORTED
    for sign in (1, -1):
        observed[:30] = bound[:30] = sign * np.inf
        finding = verdict(finite, Inequality(observed, bound))
        assert finding.verdict is Verdict.INCONCLUSIVE
        assert "30 that may be one, by an upper bound or with both sides infinite" in finding.reason
    # a bound that says nothing in some seeds supports nothing there
    bound[:] = 1.0
    observed[:] = 0.0
    bound[:50] = np.inf
    finding = verdict(finite, Inequality(observed, bound))
    assert (finding.verdict, finding.trials) == (Verdict.INCONCLUSIVE, SEEDS - 50)


def overflow_at(step, seeds=slice(None)):
    def change(residual):
        residual[seeds, 0, step:] = np.inf

    return change


def test_what_is_finite_before_the_overflow_can_refute_and_not_support(run):
    late = with_residual(run, overflow_at(4))
    observed = np.zeros((SEEDS, STEPS + 1))
    options = {"method": "gradient_descent"}
    quiet = verdict(late, Inequality(observed, 1.0, ("seed", "step")), **options)
    assert quiet.verdict is Verdict.VACUOUS
    assert "nothing is compared to the end. from step 4 on" in quiet.reason
    observed[7, 3] = 2.0
    assert verdict(late, Inequality(observed, 1.0, ("seed", "step")), **options).verdict is Verdict.REFUTED
    observed[7, 3], observed[:, 4:] = 0.0, 2.0
    assert verdict(late, Inequality(observed, 1.0, ("seed", "step")), **options).verdict is Verdict.VACUOUS
    # the other method does not care
    other = verdict(late, Inequality(np.zeros((SEEDS, STEPS + 1)), 1.0, ("seed", "step")), method="nesterov")
    assert (other.verdict, other.trials) == (Verdict.SUPPORTED, SEEDS)
    # and without a word about the method it may be either
    assert verdict(late, Inequality(observed, 1.0, ("seed", "step"))).verdict is Verdict.VACUOUS


def test_seeds_that_overflow_leave_the_others(run):
    some = with_residual(run, overflow_at(2, slice(0, 10)))
    observed = np.zeros((SEEDS, STEPS + 1))
    observed[:10, 2:] = np.nan
    finding = verdict(some, Inequality(observed, 1.0, ("seed", "step")), method="gradient_descent")
    assert (finding.verdict, finding.trials) == (Verdict.SUPPORTED, SEEDS - 10)
    assert "(10 of 64 seeds)" in finding.reason
    observed[10, 2] = np.nan
    assert (
        verdict(some, Inequality(observed, 1.0, ("seed", "step")), method="gradient_descent").verdict is Verdict.ERROR
    )


@pytest.mark.parametrize(
    ("axes", "shape", "more", "out"),
    [
        (("seed",), (), {}, True),  # it may rest on any step
        (("seed",), (), {"until": 3}, False),
        (("seed",), (), {"until": 4}, True),
        (("seed", "sample"), (3,), {}, True),
        (("seed", "time"), (2,), {"labels": {"time": ("step 0", "step 3")}}, False),
        (("seed", "time"), (2,), {"labels": {"time": ("step 0", "step 4")}}, True),
        (("seed", "step"), (4,), {}, True),  # the last of so few may rest on the last step
        (("seed", "method"), (1,), {"labels": {"method": ("nesterov",)}}, False),
        (("seed", "method"), (1,), {"labels": {"method": ("of mine",)}}, True),
        (("seed", "method"), (2,), {"labels": {"method": ("nesterov", "gradient_descent")}}, True),
    ],
)
def test_what_an_entry_may_rest_on(run, axes, shape, more, out):
    late = with_residual(run, overflow_at(4))
    observed = np.zeros((SEEDS, *shape))
    observed.reshape(SEEDS, -1)[:, -1] = np.nan
    finding = verdict(late, Inequality(observed, 1.0, axes, **more))
    assert (finding.verdict is Verdict.ERROR) is not out, finding.reason


def test_axes_in_another_order(run):
    late = with_residual(run, overflow_at(4))
    observed = np.zeros((SEEDS, STEPS + 1, 2))
    observed[:, 4:, 0] = np.nan
    finding = verdict(late, Inequality(observed, 1.0, ("seed", "step", "method")))
    assert finding.verdict is Verdict.SUPPORTED
    observed[:, 3, 0] = np.nan
    assert verdict(late, Inequality(observed, 1.0, ("seed", "step", "method"))).verdict is Verdict.ERROR


def test_squares_that_overflow_are_excused_and_finite_numbers_there_are_not(run):
    """A sibling: the residual is a number, its square is none."""
    large = with_residual(run, lambda xi: xi.__setitem__((slice(None), 0, slice(3, None)), 1e200))
    with np.errstate(over="ignore", invalid="ignore"):
        square = np.array(large.trajectory.residual[..., 0]) ** 2
        none = square / square - 1
    finding = verdict(large, Inequality(square, square[..., :1] * 100 + 10, ALL))
    assert finding.verdict is Verdict.SUPPORTED  # by Nesterov
    assert "gradient_descent in 64 of 64" in finding.reason
    assert np.isnan(none[:, 0, 3:]).all()
    assert verdict(large, Inequality(none, 1.0, ALL)).verdict is Verdict.SUPPORTED
    plain = large.trajectory.residual[..., 0]
    assert verdict(large, Inequality(plain, 1e9, ALL)).verdict is Verdict.REFUTED


def test_targets_that_overflow_at_once(run):
    huge = with_residual(run, lambda xi: xi.__setitem__(Ellipsis, np.inf))
    counts = np.zeros((SEEDS, 3))
    for until in (None, 0):
        finding = verdict(huge, Inequality(counts, 1.0, ("seed", "sample"), until=until))
        assert finding.verdict is Verdict.VACUOUS
        assert "from step 0 on" in finding.reason


def test_seeds_of_no_run_are_refused(run):
    found = Trials(Inequality(np.zeros(200), 1.0), 0.0, tuple(range(200)))
    finding = verdict(run, found)
    assert finding.verdict is Verdict.ERROR
    assert f"seed {SEEDS} is not among those of the run" in finding.reason


def test_masked_arrays_are_no_data():
    with pytest.raises(nag_ntk.InputError, match="inputs is a masked array"):
        Dataset(np.ma.array([[1.0, 0.0], [0.6, 0.8]], mask=[[0, 0], [0, 1]]), [1.0, -1.0])
    with pytest.raises(nag_ntk.InputError, match="targets is a masked array"):
        Dataset([[1.0, 0.0], [0.6, 0.8]], np.ma.array([1.0, -1.0], mask=[0, 1]))
    rows = [np.ma.array([1.0, 0.0], mask=[0, 1]), np.array([0.6, 0.8])]
    with pytest.raises(nag_ntk.InputError, match="inputs is a masked array"):
        Dataset(rows, [1.0, -1.0])
    network = nag_ntk.Network(np.ma.array(np.ones((2, 3))), np.ones(2))
    with pytest.raises(nag_ntk.InputError, match="masked arrays"):
        simulate(DATA, METHODS[1], initial=network, steps=1)
