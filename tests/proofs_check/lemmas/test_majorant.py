"""The lemma `comparison`: responses against balls, drawing again, methods and networks it does not speak of."""

from fractions import Fraction

import numpy as np
import pytest

import nag_ntk
from nag_ntk.network import draw, seed_key
from proofs_check.lemma import Inequality, NotApplicable, Run
from proofs_check.lemmas import majorant
from proofs_check.rigor.comparison.responses import modes
from proofs_check.rigor.comparison.setting import Tuning

METHODS = ("gradient_descent", "nesterov", "heavy_ball")


def subject(methods=METHODS, width=64, seeds=6, steps=20, data=None, **fields):
    data = nag_ntk.sphere(4, 6) if data is None else data
    own = tuple(nag_ntk.theorem_tuning(m, data) if isinstance(m, str) else m for m in methods)
    return Run("run", data, own, nag_ntk.simulate(data, own, width, seeds, steps, **fields), 0.1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
def test_float_responses_agree_with_balls(method, start):
    data = nag_ntk.digits(10)
    own, values = nag_ntk.theorem_tuning(method, data), np.linalg.eigvalsh(data.gram_limit)
    one = Fraction(1)
    exact = modes(values, Tuning(own.eta, own.beta, own.gamma, one, one / 2, one, one, True), 100)
    found = majorant._modes(values, majorant._numbers(own, start), 100)
    for part in ("jump", "filter") + (("start", "start_filter") if start == "gradient" else ()):
        assert getattr(found, part) == pytest.approx(getattr(exact, part), abs=1e-12 * max(1, 1 / values[0]))


@pytest.mark.parametrize("init", ["independent", "antisymmetric"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_network_is_drawn_again(init, dtype):
    run = subject(width=3000, seeds=2, steps=1, init=init, dtype=dtype)
    for seed in (0, 1):
        spans = np.concatenate(list(majorant._spans(run, seed)), axis=1)
        rank = run.data.coordinates.shape[1]
        weights = np.asarray(draw(seed_key(0, seed), 3000, rank, dtype, init).weights, np.float64)
        assert spans.shape == (4, 3000)
        assert spans == pytest.approx(run.data.coordinates @ weights.T, abs=1e-12 if dtype == "float64" else 1e-5)


def test_bound_at_every_width_and_start():
    for width, fields in ((2, {}), (7, {"start": "extrapolated"}), (400, {"init": "antisymmetric"}), (400, {})):
        found = majorant.COMPARISON.check(subject(width=width, **fields))
        assert isinstance(found, Inequality)
        where = np.broadcast_to(found.where, found.observed.shape)
        assert where.any()
        assert (found.observed <= found.bound)[where].all()


def test_a_wide_network_is_compared_to_the_end():
    found = majorant.COMPARISON.check(subject(width=40_000, seeds=1, steps=70, init="antisymmetric"))
    assert "in all runs up to step 70" in found.note
    assert np.broadcast_to(found.where, found.observed.shape)[:, :, 1:].all()


def test_given_networks_and_changing_numbers_are_not_judged():
    data = nag_ntk.sphere(4, 6)
    network = draw(seed_key(5, 0), 32, 6)
    found = majorant.COMPARISON.check(subject(seeds=1, data=data, initial=network))
    assert isinstance(found, NotApplicable)
    found = majorant.COMPARISON.check(subject(methods=(nag_ntk.nesterov_increasing(0.2),)))
    assert isinstance(found, NotApplicable)


def test_many_seeds_are_cut_and_the_note_says_so(monkeypatch):
    monkeypatch.setattr(majorant, "_SEEDS", 4)
    found = majorant.COMPARISON.check(subject(steps=20))
    assert "the first 4 seeds only" in found.note
    where = np.broadcast_to(found.where, found.observed.shape)
    assert where[:4].any()
    assert not where[4:].any()


def test_only_neurons_within_reach_are_counted():
    """The matrix B, over all neurons and over those of which a pair is within its first reach."""
    rng = np.random.default_rng(3)
    kernel, pre = np.array([[1.0, 0.4, -0.2], [0.4, 1.0, 0.1], [-0.2, 0.1, 1.0]]), rng.normal(size=(3, 500))
    zero = np.zeros((1, 3))
    forcing = majorant._forcing(kernel, pre, 500, majorant.Linear(zero, zero, zero), share=1.0, second=True)
    for extra, path in (([0.1, 3.0, 0.5], [4.0, 0.0, 9.0]), ([2.0, 3.0, 0.7], [30.0, 9.0, 9.0])):
        size, first, far = np.abs(pre) * 500**0.5, np.array(extra)[:, None], (np.abs(kernel) @ path)[:, None]
        flips, counts = np.zeros(pre.shape, bool), np.zeros((3, 3))
        for r in range(500):
            for i in range(3):
                others = any(size[j, r] <= first[j] for j in range(3) if j != i)
                flips[i, r] = size[i, r] <= first[i] or (size[i, r] <= far[i] and others)
            for i in range(3):
                for j in range(3):
                    if flips[i, r]:
                        counts[i, j] += flips[j, r] or pre[j, r] >= 0
                    else:
                        counts[i, j] += pre[i, r] >= 0 and flips[j, r]
        matrix, _ = forcing(0, np.array(extra), np.array(path))
        assert 0 < flips.sum() < flips.size / 2
        assert matrix == pytest.approx(np.abs(kernel) * counts / 500, rel=1e-6)


def test_the_screened_engine_is_judged_by_the_same_numbers():
    run = subject(width=20_000, seeds=1, steps=30)
    screened = subject(width=20_000, seeds=1, steps=30, engine="screened")
    bounds = [majorant.COMPARISON.check(r).bound for r in (run, screened)]
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-6, abs=1e-8)
