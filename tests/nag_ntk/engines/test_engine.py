"""What an engine is: one that is registered by its name trains a study, with all that surrounds an engine."""

import numpy as np
import oracles
import pytest
import tolerances
import toy_engine

import nag_ntk
from nag_ntk import InputError, Network, simulate
from nag_ntk.engines.engine import Engine
from nag_ntk.engines.registry import ENGINES

DATA = nag_ntk.sphere(4, 6, 3)
METHODS = [nag_ntk.gradient_descent(0.1), nag_ntk.nesterov_increasing(0.1), nag_ntk.nesterov(0.1, 0.5)]


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(ENGINES, toy_engine.NAME, toy_engine)


def test_every_registered_engine_has_the_three_functions():
    assert set(ENGINES) == {
        "weights", "preactivations", "batched-weights", "batched-preactivations", "screened",
    }  # fmt: skip
    assert all(isinstance(engine, Engine) for engine in (*ENGINES.values(), toy_engine))


@pytest.mark.parametrize(
    ("start", "init"), [("gradient", "independent"), ("extrapolated", "independent"), ("gradient", "antisymmetric")]
)
def test_a_toy_engine_gives_the_run_of_the_dense_one(toy, start, init):
    calls = []
    options = {"width": 64, "seeds": 3, "steps": 6, "start": start, "init": init, "radii": (0.3,), "gram_path": True}
    found = simulate(DATA, METHODS, engine="toy", chunk=3, progress=lambda *done: calls.append(done), **options)
    dense = simulate(DATA, METHODS, engine="weights", **options)
    assert found.engine == "toy"
    for name in ("residual", "distance", "flip_reach", "initial_gram", "mean_size", "mean_square"):
        wanted = getattr(dense, name)
        np.testing.assert_allclose(getattr(found, name), wanted, rtol=0, atol=tolerances.SAME_RUN, err_msg=name)
    np.testing.assert_array_equal(found.flips, dense.flips)
    np.testing.assert_array_equal(found.near_boundary, dense.near_boundary)
    assert found.gram_path is not None
    assert dense.gram_path is not None
    np.testing.assert_array_equal(found.gram_path.steps, dense.gram_path.steps)
    np.testing.assert_allclose(found.gram_path.drift, dense.gram_path.drift, rtol=0, atol=tolerances.SAME_RUN)
    assert calls[-1] == (21, 21)


def test_it_takes_a_given_network(toy):
    network = Network(*oracles.network(np.random.default_rng(0), 12, 6))
    runs = [simulate(DATA, METHODS, steps=5, initial=network, engine=name) for name in ("toy", "weights")]
    np.testing.assert_allclose(runs[0].residual, runs[1].residual, rtol=0, atol=tolerances.SAME_RUN)


def test_a_name_that_is_not_registered_is_refused():
    names = "auto, weights, preactivations, batched-weights, batched-preactivations, screened, optax"
    with pytest.raises(InputError, match=f"engine must be one of {names}, got 'toy'"):
        simulate(DATA, METHODS, 64, 1, 5, engine="toy")
