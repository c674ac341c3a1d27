"""Optax program, as a user would write it: optax.sgd on all weights, jax.grad inside lax.scan, compiled for all seeds.

It is written as well as we can: drawing, training and recording are one compiled program, so that weights and momentum
are updated in place and only the record leaves it; one forward pass a step gives loss, residual and pattern; after the
last step there is a forward pass alone. Among several layouts and ways to write the products, weights (m, d) times
inputs (d, n), giving (m, n), was the fastest on CPU at every shape, or equal to the fastest.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nag_ntk import Method


class Network(NamedTuple):
    """Weights (m, d) and signs (m,)."""

    weights: jax.Array
    signs: jax.Array


class Recorded(NamedTuple):
    """Residuals (s, T+1, n) and numbers of flips since step 0, (s, T+1)."""

    residual: jax.Array | np.ndarray
    flips: jax.Array | np.ndarray


def draw(key: jax.Array, width: int, dimension: int, dtype: str = "float64") -> Network:
    """Draw standard normal weights and fair signs."""
    normal, sign = jax.random.split(key)
    return Network(jax.random.normal(normal, (width, dimension), dtype), jax.random.rademacher(sign, (width,), dtype))


def train(inputs: np.ndarray, targets: np.ndarray, method: Method, steps: int) -> Callable[[Network], Recorded]:
    """Make a function that trains one network by Nesterov's method; for jax.vmap over seeds, or jax.lax.map.

    Args:
        inputs: (n, d).
        targets: (n,).
        method: a Nesterov method with constant momentum; its start is the extrapolated one, see nag_ntk.Method.
        steps: T.
    """
    optimiser = optax.sgd(method.eta, momentum=method.beta, nesterov=True)

    def one(network: Network) -> Recorded:
        start, signs = network
        scaled = signs / math.sqrt(signs.shape[0])

        def forward(weights):
            preactivations = weights @ inputs.T
            return scaled @ jax.nn.relu(preactivations) - targets, preactivations >= 0

        def loss(weights):
            residual, pattern = forward(weights)
            return 0.5 * jnp.sum(residual * residual), (residual, pattern)

        _, initially = forward(start)

        def observed(residual, pattern) -> Recorded:
            return Recorded(residual, jnp.sum(pattern != initially))

        def step(carry, _):
            weights, state = carry
            gradient, auxiliary = jax.grad(loss, has_aux=True)(weights)
            updates, state = optimiser.update(gradient, state)
            return (optax.apply_updates(weights, updates), state), observed(*auxiliary)

        (weights, _), recorded = jax.lax.scan(step, (start, optimiser.init(start)), None, length=steps)
        last = observed(*forward(weights))
        return jax.tree.map(lambda rows, row: jnp.concatenate([rows, row[None]]), recorded, last)

    return one


def program(
    inputs: np.ndarray,
    targets: np.ndarray,
    method: Method,
    width: int,
    steps: int,
    *,
    together: bool,
    dtype: str = "float64",
) -> Callable[[jax.Array], Recorded]:
    """Make a function that draws and trains a network per key, for jax.jit.

    Seeds are mapped by jax.vmap if `together`, which one would write first, else one after the other: then a network's
    weights may stay in the cache, which is up to twice as fast for wide networks.
    """
    dimension = inputs.shape[1]
    training = train(inputs.astype(dtype), targets.astype(dtype), method, steps)

    def one(key):
        return training(draw(key, width, dimension, dtype))

    return jax.vmap(one) if together else lambda keys: jax.lax.map(one, keys)
