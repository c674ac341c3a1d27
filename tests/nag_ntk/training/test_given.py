"""Networks that were trained elsewhere: their record equals that of the run that trained them."""

import numpy as np
import optax
import oracles
import pytest

import nag_ntk
from nag_ntk import Dataset, InputError, Probe, from_weights, gradient_descent, simulate

WEIGHTS = Probe("weights", lambda network: network.weights, every=1)
OPTIONS = {"radii": [0.05, 0.3], "overlap_radii": [0.1]}


@pytest.fixture(scope="module")
def data():
    return Dataset(oracles.unit_rows(np.random.default_rng(3), 6, 4), np.linspace(-1.0, 2.0, 6))


@pytest.fixture(scope="module")
def trained(data):
    """A run of adam on three networks, its weights (s, t+1, m, d) and the signs (s, m)."""
    method = nag_ntk.from_optax("adam", optax.adam(0.03))
    run = simulate(data, method, 50, seeds=3, steps=9, probes=[WEIGHTS], gram_path=True, chunk=3, **OPTIONS)
    signs = [np.asarray(nag_ntk.draw(nag_ntk.seed_key(0, seed), 50, 4).signs) for seed in range(3)]
    return run, run.probes["weights"].values[:, 0], np.stack(signs)


def test_the_record_is_that_of_the_run(data, trained):
    run, weights, signs = trained
    given = from_weights(data, weights, signs, name="adam", init="independent", **OPTIONS)
    for name in ("flips", "undecided", "near_boundary"):
        np.testing.assert_array_equal(getattr(given, name), getattr(run, name), err_msg=name)
    for name in ("residual", "distance", "flip_reach", "initial_gram", "mean_size", "mean_square"):
        np.testing.assert_allclose(getattr(given, name), getattr(run, name), rtol=0, atol=1e-13, err_msg=name)
    for part, other in zip(given.overlap_range, run.overlap_range, strict=True):
        np.testing.assert_array_equal(part, other)
    assert (given.flips[..., -1] > 0).all()
    np.testing.assert_array_equal(given.gram_path.steps, np.arange(10))
    np.testing.assert_allclose(given.gram_path.drift[..., [0, -1]], run.gram_path.drift[..., [0, -1]], atol=1e-13)
    assert given.init == "independent"
    assert not given.redrawable
    assert run.redrawable
    assert not given.methods[0].in_family
    assert given.methods[0].rule.transformation is None


def test_weights_may_come_one_by_one_or_from_a_function(data, trained):
    _, weights, signs = trained
    together = from_weights(data, weights, signs)
    calls = from_weights(data, lambda seed, step: weights[seed, step], signs, seeds=3, steps=9)
    assert calls == together
    alone = from_weights(data, list(weights[1]), signs[1])
    np.testing.assert_array_equal(alone.residual[0], together.residual[1])
    assert alone.init == "given"
    assert alone.residual.shape == (1, 1, 10, 6)
    bare = from_weights(data, weights[0], signs[0], gram_path=False, dtype="float32")
    assert bare.gram_path is None
    assert bare.residual.dtype == np.float32
    assert from_weights(data, weights[0, :1], signs[0]).steps == 0


def test_the_part_outside_of_the_span_counts_as_distance_alone():
    data = Dataset([[1.0, 0.0, 0.0]], [1.0])
    start = np.array([[0.5, 0.2, 0.3], [1.0, -1.0, 2.0]])
    moved = start + np.array([[0.0, 3.0, 4.0], [0.0, 0.0, 0.0]])
    run = from_weights(data, [start, moved], [1.0, -1.0])
    assert run.distance[0, 0].tolist() == [0.0, 5.0]
    assert run.flips[0, 0].tolist() == [0, 0]
    np.testing.assert_allclose(run.residual[0, 0, :, 0], (0.5 - 1.0) / np.sqrt(2) - 1)


def test_what_lies_outside_of_the_span_may_hide_a_sign():
    """The product with a vector of length 1e14 is rounded by more than the pre-activation."""
    data = Dataset([[0.6, 0.8, 0.0]], [1.0])
    start = np.array([[1e-4, 0.0, 1e14], [0.5, 0.0, 2.0]])
    assert from_weights(data, start[None], [1.0, -1.0]).undecided[0, 0, 0] == 1
    assert from_weights(data, start[None, :, :] * [1, 1, 1e-14], [1.0, -1.0]).undecided[0, 0, 0] == 0


def test_weights_that_left_the_numbers_are_recorded(data, trained):
    _, weights, signs = trained
    broken = weights.copy()
    broken[1, 4:] = np.nan
    run = from_weights(data, broken, signs)
    assert run.overflow[0].tolist() == [[10], [4], [10]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.zeros((2, 3))}, r"weights must be \(t\+1, m, d\), or \(s, t\+1, m, d\)"),
        ({"weights": np.zeros((0, 50, 4))}, "weights must be"),
        ({"weights": "abc"}, "weights must be real numbers"),
        ({"weights": lambda seed, step: np.zeros((50, 4))}, "needs steps beside it"),
        ({"weights": np.zeros((2, 50, 3))}, "the weights are for d=3, the data has d=4"),
        ({"weights": np.full((2, 50, 4), np.inf)}, "weights must be finite"),
        ({"weights": lambda seed, step: np.zeros((50 - step, 4)), "steps": 2}, r"at step 1 have shape \(49, 4\)"),
        ({"signs": np.zeros(50)}, "signs must be -1 or"),
        ({"signs": np.ones((2, 50))}, r"signs must be \(m,\), or \(1, m\)"),
        ({"signs": np.ones(49)}, "got .*50, 4.* and .*49"),
        ({"init": "xavier"}, "init must be one of given, independent, antisymmetric"),
        ({"init": "antisymmetric", "weights": np.arange(400.0).reshape(2, 50, 4)}, "equal weights in the neurons 2r"),
        ({"radii": [-1.0]}, "radii must be finite"),
        ({"name": "nesterov"}, "is a method of its own"),
    ],
)  # fmt: skip
def test_what_makes_no_networks_is_refused(data, change, message):
    arguments = {"weights": np.ones((2, 50, 4)), "signs": np.ones(50), **change}
    with pytest.raises(InputError, match=message):
        from_weights(data, **arguments)


def test_gradient_descent_of_ones_own_equals_ours(data):
    run = simulate(data, gradient_descent(0.5), 40, seeds=1, steps=30)
    network = nag_ntk.draw(nag_ntk.seed_key(0, 0), 40, 4)
    w, signs, path = np.asarray(network.weights), np.asarray(network.signs), []
    for _ in range(31):
        path.append(w)
        active = w @ data.inputs.T >= 0
        xi = (np.where(active, w @ data.inputs.T, 0) * signs[:, None]).sum(0) / np.sqrt(40) - data.targets
        w = w - 0.5 * signs[:, None] / np.sqrt(40) * (active * xi) @ data.inputs
    given = from_weights(data, path, signs)
    np.testing.assert_allclose(given.residual, run.residual, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(given.flips, run.flips)
