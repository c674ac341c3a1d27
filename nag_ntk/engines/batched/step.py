"""Batched engines, compiled: one step of all neurons of all networks, and the scan over a chunk of steps.

The neurons of all seeds and methods stand side by side in arrays (rows, seeds, methods, neurons). A step is one product
of a constant matrix with such an array; all else is elementwise, or a sum over neurons. The only loop is that over
the steps, and nothing in it depends on data: an accelerator waits for the host at every turn of a loop, and the dense
engines walk through seeds and methods one by one. Seeds and neurons are sharded over devices as in the dense engines.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from nag_ntk.engines.batched import deviation
from nag_ntk.engines.batched.begin import initialise
from nag_ntk.engines.batched.state import BatchedNetworks, BatchedState, partition
from nag_ntk.engines.batched.sums import counts, neuron_sum, times
from nag_ntk.engines.choice import representation_of
from nag_ntk.engines.dense.step import apply_step, combine_devices
from nag_ntk.engines.engine import RunSteps, TrainedGroup, train_from
from nag_ntk.engines.prepared import Prepared
from nag_ntk.run import neurons
from nag_ntk.run.inputs import SEEDS, Inputs, Shape, shard_over_mesh, sign_error_bound
from nag_ntk.schedule import StepCoefficients, step_coefficients

__all__ = ["advance", "gram_now", "train"]


def _moved(shape: Shape, operator, initial: BatchedNetworks, state: BatchedState):
    """Apply the pending step: return movement, momentum term, pre-activations (n, s, k, M), and |u_r|^2 (s, k, M)."""
    representation = representation_of(shape.engine)
    coefficients = StepCoefficients(*(each[..., None] for each in state.coefficients))
    movement, momentum = apply_step(
        representation, operator, state.residual[..., None], coefficients, state.movement, state.momentum, state.pattern
    )
    change, squared = representation.response(operator, movement)
    return movement, momentum, initial.preactivation - initial.signs * change, squared


def _recursion(shape: Shape, kernel, signs, previous, old_residual, preactivation, residual):
    """Compute this device's part of the terms of the residual recursion, from two steps in a row."""
    now, before = preactivation >= 0, previous >= 0
    overlap, cross = (
        kernel[None, None] * (counts(now, other).astype(kernel.dtype) / shape.width) for other in (now, before)
    )
    forward = jnp.maximum(preactivation, 0) - jnp.where(before, preactivation, 0)
    backward = jnp.maximum(previous, 0) - jnp.where(now, previous, 0)
    return {
        "gram_residual": times(overlap, residual),
        "cross_gram_residual": times(cross, old_residual),
        "forward": neuron_sum(forward, signs),
        "backward": neuron_sum(backward, signs),
    }


def _one_step(shape: Shape, inputs: Inputs, initial: BatchedNetworks, state: BatchedState, row):
    """Record and apply one step, whose coefficients are `row`, (k, 3)."""
    representation, kernel = representation_of(shape.engine), inputs.kernel
    limit = -neurons.padding_preactivation(kernel.dtype) / 2  # beyond it lies padding
    error_bound = sign_error_bound(shape, inputs, initial.max_weight, state.majorant, state.step, 3)
    error_bound = jnp.minimum(error_bound, limit)
    operator = representation.operator(inputs.coordinates)
    movement, momentum, preactivation, squared = _moved(shape, operator, initial, state)
    sums = neuron_sum(*neurons.active_parts(shape, preactivation, initial.signs))
    residual = neurons.device_sum(shape, sums) - inputs.targets[:, None, None]
    pattern = preactivation >= 0
    flipped = pattern != (initial.preactivation >= 0)
    recorded = {
        "residual": residual,
        "flips": jnp.sum(flipped, axis=(0, -1), dtype=jnp.int32),
        "undecided": jnp.sum(jnp.abs(preactivation) <= error_bound[None, ..., None], axis=(0, -1), dtype=jnp.int32),
        "square": jnp.max(squared, axis=-1),
        "flip_reach": jnp.max(jnp.where(flipped, jnp.abs(initial.preactivation), 0), axis=(0, -1)),
    }
    if state.preactivation is not None:
        recorded["recursion"] = _recursion(
            shape, kernel, initial.signs, state.preactivation, state.residual, preactivation, residual
        )
    movement_step, decay, momentum_step = coefficients = step_coefficients(row[None, None])
    size = jnp.abs(residual)
    increment = state.majorant_momentum + movement_step * size
    moved = state.deviation
    if moved is not None:
        moved, recorded["deviation"] = deviation.look(
            shape, kernel, initial, moved, state.majorant, error_bound, preactivation
        )
        moved = deviation.advance(kernel, moved, residual, coefficients, increment)
    next_state = BatchedState(
        movement=movement, momentum=momentum, pattern=pattern,
        preactivation=preactivation if shape.recursion else None, residual=residual, coefficients=coefficients,
        majorant=state.majorant + increment,
        majorant_momentum=decay * state.majorant_momentum + jnp.abs(momentum_step) * size, step=state.step + 1,
        deviation=moved,
    )  # fmt: skip
    return next_state, recorded


def train(prepared: Prepared, seeds: Sequence[int], run_steps: RunSteps) -> TrainedGroup:
    """Draw the networks of a group of seeds, or take the given one, and run all steps."""
    return train_from(initialise, prepared, seeds, run_steps)


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def advance(shape: Shape, inputs: Inputs, states, schedules):
    """Record and apply one step for each row of the schedules.

    Args:
        shape: the static configuration.
        inputs: the arrays that all seeds share.
        states: (BatchedNetworks, BatchedState) of a group of seeds, from `begin.initialise`; donated.
        schedules: (k, steps, 3), see schedule.py.

    Returns:
        The new states, and the record, whose arrays have the axes seed, method, step, ...
    """

    def all_seeds(shared, states):
        (inputs, schedules), (initial, state) = shared, states
        state, recorded = jax.lax.scan(partial(_one_step, shape, inputs, initial), state, schedules.swapaxes(0, 1))
        # (steps, s, k) and (steps, n, s, k)
        recorded = jax.tree.map(lambda x: jnp.moveaxis(x, 0, 2) if x.ndim == 3 else x.transpose(2, 3, 0, 1), recorded)
        return (initial, state), combine_devices(shape, recorded)

    split = partition(shape)
    return shard_over_mesh(shape, all_seeds, (split,), (split, PartitionSpec(SEEDS)))((inputs, schedules), states)


@partial(jax.jit, static_argnums=0)
def gram_now(shape: Shape, inputs: Inputs, states):
    """Compute H(t) at the step of the states, which is not yet recorded, (s, k, n, n)."""

    def all_seeds(inputs, states):
        kernel = inputs.kernel
        active = _moved(shape, representation_of(shape.engine).operator(inputs.coordinates), *states)[2] >= 0
        total = neurons.device_sum(shape, counts(active, active))
        return kernel[None, None] * (total.astype(kernel.dtype) / shape.width)

    return shard_over_mesh(shape, all_seeds, (partition(shape),), PartitionSpec(SEEDS))(inputs, states)
