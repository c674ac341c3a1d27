"""Gradient ascent on the score of a claim about inputs, over unit rows, from many starts at once.

The gradient is projected to the tangent spaces of the spheres, optax's Adam makes the step, and the rows are scaled to
unit length again. Scores may have kinks and NaN gradients; the result is the best point of the path, not the last.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nag_ntk.precision import resolve_dtype


def ascend(
    score: Callable[[Any], Any], starts: np.ndarray, steps: int = 300, rate: float = 0.1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Ascend from every start and return the best point of each path.

    Args:
        score: (n, d) unit rows -> scalar, traceable by JAX.
        starts: (b, n, d), rows not zero; scaled to unit length first.
        steps: number of steps; their size falls from `rate` to a thousandth of it along a cosine.
        rate: size of the first step, about in radians.
        seed: seed of the random directions that replace gradients which are not finite.

    Returns:
        points (b, n, d) and their scores (b,); the score is -inf if every score of the path is NaN.

    Raises:
        nag_ntk.InputError: while JAX has float64 switched off.

    Accuracy: scores in float64; a score that is NaN counts as -inf.

    Cost: b * steps gradients, one compilation per (b, n, d).

    Source: Kingma, Ba 2015 (Adam), through optax; projection to the sphere is standard.

    Example:
        >>> import nag_ntk
        >>> nag_ntk.enable_float64()
        >>> points, scores = ascend(lambda x: x[0, 1], np.array([[[1.0, 0.2]]]))
        >>> scores
        array([1.000])
    """
    resolve_dtype("float64")
    starts = np.asarray(starts, float)
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, max(steps, 1), alpha=1e-3))

    def value(point):
        return jnp.asarray(score(point), jnp.float64).reshape(())

    both = jax.vmap(jax.value_and_grad(value))

    def unit(points):
        return points / jnp.linalg.norm(points, axis=-1, keepdims=True)

    def advance(carry, key):
        points, state, best, best_scores = carry
        scores, slopes = both(points)
        scores = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
        better = scores > best_scores
        best = jnp.where(better[:, None, None], points, best)
        best_scores = jnp.where(better, scores, best_scores)
        random_direction = jax.random.normal(key, points.shape, jnp.float64)
        usable = jnp.all(jnp.isfinite(slopes), axis=(1, 2), keepdims=True)
        # without a gradient, take a random direction from the best point
        points = jnp.where(usable, points, jnp.where(jnp.isfinite(best_scores)[:, None, None], best, points))
        slopes = jnp.where(usable, slopes, random_direction)
        slopes = slopes - jnp.sum(slopes * points, axis=-1, keepdims=True) * points
        updates, state = optimiser.update(-slopes, state, points)
        return (unit(optax.apply_updates(points, updates)), state, best, best_scores), None

    @jax.jit
    def climb(points, keys):
        points = unit(points)
        low = jnp.full(points.shape[0], -jnp.inf)
        (last, _, best, best_scores), _ = jax.lax.scan(advance, (points, optimiser.init(points), points, low), keys)
        final = jax.vmap(value)(last)
        better = final > best_scores  # False for NaN
        return jnp.where(better[:, None, None], last, best), jnp.where(better, final, best_scores)

    keys = jax.random.split(jax.random.key(seed), steps)
    points, scores = climb(jnp.asarray(starts), keys)
    return np.asarray(points), np.asarray(scores)
