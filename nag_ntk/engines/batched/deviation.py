"""The batched engines' part of `Deviation`: all sums over the pairs that ever flipped, anew in every step.

The dense engines add to these sums when a pair enters F, in a loop that depends on data; see engines/dense/deviation.py
for the quantities.
"""

import jax
import jax.numpy as jnp

from nag_ntk.engines import deviation
from nag_ntk.engines.batched.state import BatchedDeviation, BatchedNetworks
from nag_ntk.engines.batched.sums import counts, neuron_sum, over_networks, times
from nag_ntk.run.inputs import Shape
from nag_ntk.schedule import StepCoefficients


def begin(residual, initial_momenta, pairs) -> BatchedDeviation:
    """Make the state at step 0 from the residuals (n, s, k), the momenta (1, 1, k), and an F without pairs."""
    rest = jnp.zeros_like(residual)
    return BatchedDeviation(
        rest, -initial_momenta * residual, deviation.Reach(rest, rest), pairs, jnp.zeros_like(residual[0])
    )


def look(
    shape: Shape, kernel, initial: BatchedNetworks, state: BatchedDeviation, majorant, error_bound, preactivation
) -> tuple[BatchedDeviation, dict[str, jax.Array]]:  # fmt: skip
    """Find the pairs that enter F at this step; return the state with them, and the record of this device's neurons.

    Args:
        shape: as for every engine.
        kernel: K, (n, n).
        initial: the networks at step 0.
        state: at this step.
        majorant: (n, s, k), at this step.
        error_bound: (s, k), on the rounding error of a pre-activation.
        preactivation: (n, s, k, M), at this step.
    """
    sqrt_width = jnp.sqrt(jnp.asarray(shape.width, kernel.dtype))
    limits = over_networks(lambda reach, *bounds: deviation.limits(kernel, reach, *bounds, sqrt_width=sqrt_width))(
        state.reach, majorant, error_bound
    )
    origin = initial.preactivation
    active, size = origin >= 0, jnp.abs(origin)
    pairs = state.pairs | ((preactivation >= 0) != active)
    touched = jnp.any(pairs, axis=0, keepdims=True)
    quotients = jnp.where(pairs & ~state.pairs, deviation.quotients(limits, size), 0)
    ratio = jnp.maximum(state.ratio, jnp.max(quotients, axis=(0, -1)))

    either, quiet, joined = pairs | active, active & ~pairs, active & touched
    entered = counts(either, either) - counts(quiet, quiet)
    share, overlap = (each.astype(kernel.dtype) / shape.width for each in (entered, counts(joined, joined)))
    moved = jnp.where(touched, jnp.maximum(preactivation, 0) - jnp.where(active, origin, 0), 0)
    record = {
        "touched": jnp.sum(pairs, axis=(0, -1), dtype=jnp.int32),
        "direct": neuron_sum(moved, initial.signs) + times(kernel[None, None] * overlap, state.movement),
        "bound": times(jnp.abs(kernel)[None, None] * share, state.reach.increment),
        "flip_ratio": ratio,
        "reach": jnp.max(jnp.where(pairs, size, 0), axis=-1),
    }
    return state._replace(pairs=pairs, ratio=ratio), record


def advance(
    kernel, state: BatchedDeviation, residual, coefficients: StepCoefficients, increment
) -> BatchedDeviation:  # fmt: skip
    """Advance by a step: `residual` and `coefficients` of this step, `increment` of the majorant in it."""
    movement_step, decay, momentum_step = coefficients
    movement = state.movement + state.momentum + movement_step * residual
    reach = over_networks(lambda *each: deviation.advance(kernel, *each))(state.reach, movement, increment)
    momentum = decay * state.momentum + momentum_step * residual
    return state._replace(movement=movement, momentum=momentum, reach=reach)
