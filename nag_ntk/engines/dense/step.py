"""Dense engines, compiled: one step of all neurons, and the scan over a chunk of steps.

Neurons lie on the last axis, in blocks. Each block is moved, multiplied and recorded while it is in the cache, so a
step passes over memory once. lax.map runs over seeds and methods one by one, so the numbers of a seed do not depend on
the number of seeds in the batch. Seeds and neurons are sharded over devices; the devices exchange only the n outputs,
once per step.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from nag_ntk.engines import deviation as ever_flipped
from nag_ntk.engines import rows
from nag_ntk.engines.choice import representation_of
from nag_ntk.engines.dense import deviation
from nag_ntk.engines.dense.begin import initialise
from nag_ntk.engines.dense.state import DenseState, InitialNetwork, PatternStatistics, partition
from nag_ntk.engines.engine import RunSteps, TrainedGroup, train_from
from nag_ntk.engines.prepared import Prepared
from nag_ntk.pattern import pattern_counts
from nag_ntk.precision import HIGHEST
from nag_ntk.run import neurons
from nag_ntk.run.inputs import SEEDS, Inputs, Shape, shard_over_mesh, sign_error_bound
from nag_ntk.schedule import step_coefficients

__all__ = ["advance", "apply_step", "combine_devices", "gram_now", "train"]


def apply_step(representation, operator, residual, coefficients, movement, momentum, pattern):
    """Apply the pending step of a block: return its movement and momentum term, (rows, ..., L) each.

    Args:
        representation: of the movement.
        operator: its constant matrix.
        residual: (n, ..., 1), at the step of the block.
        coefficients: of the step; scalars, or (1, ..., 1) each.
        movement: (rows, ..., L).
        momentum: (rows, ..., L).
        pattern: (n, ..., L).
    """
    forcing = representation.forcing(operator, jnp.where(pattern, residual, 0))
    movement_step, decay, momentum_step = coefficients
    return movement + momentum + movement_step * forcing, decay * momentum + momentum_step * forcing


def _take(array, index):
    return jax.lax.dynamic_index_in_dim(array, index, keepdims=False)


def _zero_totals(shape: Shape, n: int, dtype) -> dict:
    """Return zero-initialised totals over the blocks."""
    vector, count = jnp.zeros(n, dtype), jnp.zeros((), jnp.int32)
    sums = {"outputs": vector, "undecided": count}
    if shape.recursion:
        counts = jnp.zeros((1, n, n), jnp.int32)
        sums |= {"forward": vector, "backward": vector, "counts": counts, "cross": counts}
    if shape.deviation:
        sums["touched"] = vector
    return {"sums": sums, "square": jnp.zeros((), dtype)}


def _count_flips(shape: Shape, representation, operator, initial, signs, now, before, preactivation, old_movement):
    """Count the flips of a block; return them, their largest |w_r(0).x_i|, and the block's terms of the recursion."""
    flipped = now != (initial >= 0)
    flip_reach = rows.largest(jnp.where(flipped, jnp.abs(initial), 0))
    terms = {}
    if shape.recursion:
        previous = initial - signs[None, :] * representation.response(operator, old_movement)[0]
        forward = jnp.maximum(preactivation, 0) - jnp.where(before, preactivation, 0)
        backward = jnp.maximum(previous, 0) - jnp.where(now, previous, 0)
        # now_i now_j - before_i before_j = change_i now_j + before_i change_j: two products in place of three
        change = now.astype(jnp.int8) - before.astype(jnp.int8)
        cross = pattern_counts(change, before)
        terms = {
            "forward": jnp.dot(forward, signs, precision=HIGHEST),
            "backward": jnp.dot(backward, signs, precision=HIGHEST),
            "counts": (pattern_counts(change, now) + cross.T)[None],
            "cross": cross[None],
        }
    return rows.total(flipped), flip_reach, terms


def _step_blocks(shape: Shape, inputs: Inputs, initial: InitialNetwork, state: DenseState, error_bound, limits):
    """Apply the pending step to every block and record it; `limits` of pairs that may flip, or None.

    Returns:
        The state with new movement, momentum, pattern and statistics, and the totals over the blocks.
    """
    representation = representation_of(shape.engine)
    operator = representation.operator(inputs.coordinates)
    count, n, _ = initial.preactivation.shape
    pending = partial(apply_step, representation, operator, state.residual[:, None], state.coefficients)

    def work(index, block, totals):
        """Apply the pending step to one block, given its part of the state, and record it."""
        movement, momentum, pattern, flips, flip_reach, touched = block
        origin, signs = _take(initial.preactivation, index), _take(initial.signs, index)
        new_movement, new_momentum = pending(movement, momentum, pattern)
        change, squared = representation.response(operator, new_movement)
        preactivation = origin - signs[None, :] * change
        sums = totals["sums"]
        outputs = sums["outputs"] + neurons.outputs(shape, preactivation, signs)
        # a pre-activation beyond the bound on its old side of 0 neither flipped nor is undecided; NaN counts as close
        close = rows.any_set(jnp.logical_not(jnp.where(pattern, preactivation, -preactivation) > error_bound))

        def update_pattern(carry):
            _, (_, _, _, sums, touched) = carry
            now = preactivation >= 0
            flips, flip_reach, terms = _count_flips(
                shape, representation, operator, origin, signs, now, pattern, preactivation, movement
            )  # fmt: skip
            terms["undecided"] = rows.total(jnp.abs(preactivation) <= error_bound)
            if touched is not None:
                touched = deviation.look(limits, *touched, origin, signs, now)
            return jnp.zeros((), bool), (now, flips, flip_reach, sums | {k: sums[k] + terms[k] for k in terms}, touched)

        # a loop with at most one iteration stands for a branch: XLA copies the arrays that a branch returns
        followed = None if touched is None else (touched, totals["deviation"])
        carry = (pattern, flips, flip_reach, sums | {"outputs": outputs}, followed)
        _, (now, flips, flip_reach, sums, followed) = jax.lax.while_loop(
            lambda carry: carry[0], update_pattern, (close, carry)
        )
        totals = {"sums": sums, "square": jnp.maximum(totals["square"], jnp.max(squared))}
        if followed is not None:
            touched, totals["deviation"] = followed
            signs = jnp.where(touched.neurons, signs, 0)
            sums["touched"] = sums["touched"] + jnp.dot(jnp.maximum(preactivation, 0), signs, precision=HIGHEST)
        return (new_movement, new_momentum, now, flips, flip_reach, touched), totals

    statistics = state.statistics
    blocks = (state.movement, state.momentum, state.pattern, statistics.flips, statistics.flip_reach)
    blocks += (None if state.deviation is None else state.deviation.blocks,)
    totals = _zero_totals(shape, n, initial.preactivation.dtype)
    if state.deviation is not None:
        totals["deviation"] = state.deviation.sums

    def one_block(index, carry):
        blocks, totals = carry
        block = jax.tree.map(lambda array: _take(array, index), blocks)
        # The inner loop has one iteration, which XLA cannot know. It makes XLA read the block before the loop and write
        # it after the loop, so that the state is updated in place. Without it, XLA copies the state in every iteration.
        _, block, totals = jax.lax.while_loop(
            lambda inner: inner[0],
            lambda inner: (jnp.zeros((), bool), *work(index, inner[1], inner[2])),
            (state.step >= 0, block, totals),
        )
        blocks = jax.tree.map(
            lambda array, part: jax.lax.dynamic_update_index_in_dim(array, part, index, 0), blocks, block
        )
        return blocks, totals

    if count == 1:
        block, totals = work(0, jax.tree.map(lambda array: array[0], blocks), totals)
        blocks = jax.tree.map(lambda part: part[None], block)
    else:
        blocks, totals = jax.lax.fori_loop(0, count, one_block, (blocks, totals))
    movement, momentum, pattern, flips, flip_reach, touched = blocks
    counts = None if statistics.counts is None else statistics.counts + totals["sums"]["counts"]
    statistics = PatternStatistics(flips, flip_reach, counts)
    state = state._replace(movement=movement, momentum=momentum, pattern=pattern, statistics=statistics)
    if state.deviation is not None:
        state = state._replace(deviation=state.deviation._replace(blocks=touched, sums=totals["deviation"]))
    return state, totals


def _scan_steps(shape: Shape, inputs: Inputs, initial: InitialNetwork, schedule, state: DenseState):
    """Record and apply one step for each row of `schedule`, (steps, 3), for one network under one method."""
    kernel = inputs.kernel
    dtype = kernel.dtype
    limit = -neurons.padding_preactivation(dtype) / 2  # beyond it lies padding
    sqrt_width = jnp.sqrt(jnp.asarray(shape.width, dtype))

    def one_step(state: DenseState, row):
        error_bound = sign_error_bound(shape, inputs, initial.max_weight, state.majorant, state.step, 3)
        error_bound = jnp.minimum(error_bound, limit)
        old_residual, old_counts = state.residual, state.statistics.counts
        limits = None
        if state.deviation is not None:
            limits = ever_flipped.limits(kernel, state.deviation.reach, state.majorant, error_bound, sqrt_width)
        state, totals = _step_blocks(shape, inputs, initial, state, error_bound, limits)
        sums = totals["sums"]
        residual = neurons.device_sum(shape, sums["outputs"]) - inputs.targets
        recorded = {
            "residual": residual,
            # the neurons of this device alone
            "flips": jnp.sum(state.statistics.flips, dtype=jnp.int32),
            "undecided": sums["undecided"],
            "square": totals["square"],
            "flip_reach": jnp.max(state.statistics.flip_reach),
        }
        if old_counts is not None and state.statistics.counts is not None:
            overlap, cross = (
                kernel * (counts[0].astype(dtype) / shape.width)
                for counts in (state.statistics.counts, old_counts + sums["cross"])
            )
            recorded["recursion"] = {
                "gram_residual": jnp.dot(overlap, residual, precision=HIGHEST),
                "cross_gram_residual": jnp.dot(cross, old_residual, precision=HIGHEST),
                "forward": sums["forward"],
                "backward": sums["backward"],
            }
        movement_step, decay, momentum_step = coefficients = step_coefficients(row)
        size = jnp.abs(residual)
        if state.deviation is not None:
            recorded["deviation"] = deviation.record(shape, kernel, state.deviation, sums["touched"])
            increment = state.majorant_momentum + movement_step * size
            state = state._replace(
                deviation=deviation.advance(kernel, state.deviation, residual, coefficients, increment)
            )
        next_state = state._replace(
            residual=residual, coefficients=coefficients, step=state.step + 1,
            majorant=state.majorant + state.majorant_momentum + movement_step * size,
            majorant_momentum=decay * state.majorant_momentum + jnp.abs(momentum_step) * size,
        )  # fmt: skip
        return next_state, recorded

    return jax.lax.scan(one_step, state, schedule)


def combine_devices(shape: Shape, recorded: dict) -> dict:
    """Combine the records that the devices of a network made of their neurons into a record of all neurons."""
    sums = {name: recorded[name] for name in ("flips", "undecided", "recursion") if name in recorded}
    largest = neurons.device_max(shape, {"square": recorded["square"], "flip_reach": recorded["flip_reach"]})
    sqrt_width = jnp.sqrt(jnp.asarray(shape.width, largest["square"].dtype))
    deviating = {"deviation": deviation.combine(shape, recorded["deviation"])} if shape.deviation else {}
    return {
        "residual": recorded["residual"],
        "distance": jnp.sqrt(largest["square"]) / sqrt_width,
        "flip_reach": largest["flip_reach"],
        **neurons.device_sum(shape, sums),
        **deviating,
    }


def train(prepared: Prepared, seeds: Sequence[int], run_steps: RunSteps) -> TrainedGroup:
    """Draw the networks of a group of seeds, or take the given one, and run all steps."""
    return train_from(initialise, prepared, seeds, run_steps)


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def advance(shape: Shape, inputs: Inputs, states, schedules):
    """Record and apply one step for each row of the schedules.

    Args:
        shape: the static configuration.
        inputs: the arrays that all seeds share.
        states: (InitialNetwork, DenseState) of a group of seeds, from `begin.initialise`; donated.
        schedules: (k, steps, 3), see schedule.py.

    Returns:
        The new states, and the record, whose arrays have the axes seed, method, step, ...
    """

    def one_seed(shared, states):
        (inputs, schedules), (initial, states) = shared, states
        states, recorded = jax.lax.map(lambda pair: _scan_steps(shape, inputs, initial, *pair), (schedules, states))
        return (initial, states), recorded

    def all_seeds(shared, states):
        states, recorded = jax.lax.map(partial(one_seed, shared), states)
        return states, combine_devices(shape, recorded)

    split = partition(shape)
    return shard_over_mesh(shape, all_seeds, (split,), (split, PartitionSpec(SEEDS)))((inputs, schedules), states)


@partial(jax.jit, static_argnums=0)
def gram_now(shape: Shape, inputs: Inputs, states):
    """Compute H(t) at the step of the states, which is not yet recorded, (s, k, n, n)."""
    representation = representation_of(shape.engine)

    def one_seed(inputs, states):
        initial, states = states
        operator = representation.operator(inputs.coordinates)
        kernel = inputs.kernel

        def one_method(state: DenseState):
            pending = partial(apply_step, representation, operator, state.residual[:, None], state.coefficients)

            def one_block(arrays):
                origin, signs, *block = arrays
                movement, _ = pending(*block)
                change, _ = representation.response(operator, movement)
                active = origin - signs[None, :] * change >= 0
                return pattern_counts(active, active)

            counts = jax.lax.map(
                one_block, (initial.preactivation, initial.signs, state.movement, state.momentum, state.pattern)
            )
            total = neurons.device_sum(shape, jnp.sum(counts, axis=0, dtype=jnp.int32))
            return kernel * (total.astype(kernel.dtype) / shape.width)

        return jax.lax.map(one_method, states)

    split = partition(shape)
    return shard_over_mesh(
        shape, lambda inputs, states: jax.lax.map(partial(one_seed, inputs), states), (split,), PartitionSpec(SEEDS)
    )(inputs, states)
