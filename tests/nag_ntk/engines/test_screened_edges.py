"""The screened engine against the dense one at the edges: diverging, dead, empty, many samples, float32."""

from functools import partial

import numpy as np
import pytest
import tolerances
from screened_cases import assert_agrees, both, tuned
from tiers import family

import nag_ntk
from nag_ntk import Dataset, Network, nesterov, sphere
from nag_ntk.engines.screened import thresholds


def unstable(eta):
    """Runs of one shape."""
    return both(sphere(4, 4, 0), nag_ntk.gradient_descent(eta), 600, 2, 10)


def test_a_step_size_beyond_stability_puts_everything_at_risk_and_agrees():
    found, dense = unstable(
        8 / sphere(4, 4, 0).spectrum.lambda_top
    )  # beyond, every rounding error is magnified eightfold per step
    assert_agrees(found, dense)
    assert dense.flips.max() > 100
    assert (found.screening.at_risk == 600).all()


def test_a_run_that_leaves_the_floating_range_does_so_in_both_engines():
    found, dense = unstable(1e200)
    np.testing.assert_array_equal(np.isfinite(found.residual), np.isfinite(dense.residual))
    assert not np.isfinite(dense.residual[..., -1, :]).any()


@pytest.mark.parametrize("margin", family([1.5, 0.01], lambda margin: margin < 1))
def test_one_step_and_the_gram_matrix_after_it(margin, monkeypatch):
    """The last H of the path is that of the last step: what may flip on the way there counts as well."""
    monkeypatch.setattr(thresholds, "MARGIN", margin)
    data = sphere(3, 3, 0)
    found, dense = both(data, nesterov(0.5, 0.9), 2_000, 2, 1, gram_path=True)
    assert_agrees(found, dense)
    assert (dense.gram_path.drift[..., 1] > tolerances.DIFFERENT).all()
    np.testing.assert_allclose(found.gram_path.drift, dense.gram_path.drift, rtol=0, atol=tolerances.SAME_RUN)
    assert (found.screening.repeats > 0).all() == (margin < 1)


@pytest.mark.slow
def test_no_target_and_one_neuron():
    data = sphere(3, 3, 0)
    assert_agrees(*both(Dataset(data.inputs, np.zeros(3)), nesterov(0.1, 0.5), 1, 2, 8))


def test_a_dead_sample():
    """No neuron sees the first input."""
    weights = -np.abs(np.random.default_rng(1).standard_normal((40, 2)))
    dead = partial(both, Dataset(np.eye(2), [1.0, -1.0]), nesterov(0.1, 0.5), steps=10)
    assert_agrees(*dead(initial=Network(weights, np.ones(40))))
    # a sign that rounding decides at step 0 is counted, though nothing has moved
    weights[7, 0] = 1e-20
    found, dense = dead(initial=Network(weights, np.ones(40)))
    assert found.undecided[0, 0, 0] == dense.undecided[0, 0, 0] == 1


@pytest.mark.slow
def test_more_samples_than_two_words_of_pattern():
    data = sphere(70, 3, 0)
    assert_agrees(*both(data, nesterov(0.01, 0.5), 500, 1, 12))


@pytest.mark.slow
def test_float32():
    small = sphere(6, 6, 1)
    found, dense = both(small, tuned(small), 5_000, 2, 30, dtype="float32")
    assert found.residual.dtype == np.float32
    assert found.weights_digest == dense.weights_digest
    np.testing.assert_allclose(found.residual, dense.residual, rtol=0, atol=tolerances.SINGLE)
