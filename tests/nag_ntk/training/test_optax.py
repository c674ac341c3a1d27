"""The methods against optax, driven by jax.grad of the loss: nothing of the engines is shared."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
import tolerances
from tiers import family

from nag_ntk import Dataset, Network, draw, forward, gradient_descent, heavy_ball, nesterov, seed_key, simulate

STEPS, WIDTH, ETA, BETA = 100, 64, 0.15, 0.8
METHODS = [gradient_descent(ETA), heavy_ball(ETA, BETA), nesterov(ETA, BETA)]
OPTIMISERS = [
    lambda: optax.sgd(ETA),
    lambda: optax.sgd(ETA, momentum=BETA),
    lambda: optax.sgd(ETA, momentum=BETA, nesterov=True),
]
SEEDS = (0, 3)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    return Dataset(oracles.unit_rows(rng, 6, 9), rng.standard_normal(6))


@pytest.fixture(scope="module")
def expected(data):
    """Per method and seed: residuals (T+1, n) and distances (T+1,)."""
    return [[optax_run(data, optimiser(), seed) for seed in SEEDS] for optimiser in OPTIMISERS]


def optax_run(data, optimiser, seed):
    coordinates = data.coordinates
    network = draw(seed_key(0, seed), WIDTH, coordinates.shape[1])

    def outputs(weights):
        return forward(Network(weights, network.signs), coordinates) - data.targets

    def loss(weights):
        return 0.5 * jnp.sum(outputs(weights) ** 2)

    def step(carry, _):
        weights, state = carry
        moved = jnp.sqrt(jnp.max(jnp.sum((weights - network.weights) ** 2, axis=1)))
        updates, following = optimiser.update(jax.grad(loss)(weights), state)
        return (optax.apply_updates(weights, updates), following), (outputs(weights), moved)

    first = (network.weights, optimiser.init(network.weights))
    return jax.jit(lambda carry: jax.lax.scan(step, carry, None, length=STEPS + 1))(first)[1]


@pytest.mark.parametrize("engine", family(["weights", "preactivations"], "preactivations".__eq__))
def test_every_method_equals_optax(data, expected, engine):
    run = simulate(data, METHODS, width=WIDTH, seeds=SEEDS, steps=STEPS, engine=engine, start="extrapolated")
    assert run.flips.any(), "without a flip the test would not see the patterns"
    for s in range(len(SEEDS)):
        for k in range(len(METHODS)):
            found = (run.residual[s, k], run.distance[s, k])
            chex.assert_trees_all_close(found, expected[k][s], rtol=0, atol=tolerances.OPTAX)


def test_the_starts_agree_but_for_nesterov(data):
    """So the agreement above is about the start, and would not hold for the other one."""
    runs = [
        simulate(data, METHODS, WIDTH, SEEDS, STEPS, engine="weights", start=start)
        for start in ("gradient", "extrapolated")
    ]
    difference = np.abs(runs[0].residual - runs[1].residual).max(axis=(0, 2, 3))
    assert (difference[:2] == 0).all()
    assert difference[2] > tolerances.DIFFERENT
