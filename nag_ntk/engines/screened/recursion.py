"""Recursion in screened space: observe one step, then move."""

import math

import jax
import jax.numpy as jnp

from nag_ntk.engines.screened.flips import evaluate
from nag_ntk.engines.screened.order import largest, sort
from nag_ntk.engines.screened.state import Common, ScreenedNetwork, ScreenedState, SeedConstants, Sums, spread
from nag_ntk.precision import HIGHEST
from nag_ntk.run.inputs import Inputs, Shape, sign_error_bound
from nag_ntk.schedule import StepCoefficients

_SORT_COST = 500
"""Cost of sorting per entry, in operations of a product."""
_CALL_COST = 20_000
"""Cost of starting a block, in operations of a product."""


def _costs(state: ScreenedState, n: int) -> tuple[float, float, float, float]:
    """Return the operations to evaluate a block, the movements of one, those of a block of patterns, and to sort anew.

    As floats: times a number of blocks they leave 32-bit integers.
    """
    blocks, patterns = state.sorted.margin.shape[0], state.safe.shape[0]
    length, patterns_each = state.risk.signs.shape[0] // blocks, state.safe.shape[2]
    neuron = 2 * n * n + 30 * n
    sorting = blocks * length * (4 * neuron + 2 * _SORT_COST) + patterns * patterns_each * (neuron + _SORT_COST)
    counts = (length * neuron, 2 * length * neuron, patterns_each * neuron)
    evaluation, movements, pattern_movements = (float(count + _CALL_COST) for count in counts)
    return evaluation, movements, pattern_movements, float(sorting)


def initialise(shape: Shape, inputs: Inputs, network: ScreenedNetwork, initial_momentum, blocks: int) -> ScreenedState:
    """Make the state at step 0 of one network under one method."""
    kernel = inputs.kernel
    n, dtype = kernel.shape[0], kernel.dtype
    outputs, counts = jnp.asarray(network.outputs), jnp.asarray(network.counts)
    residual = outputs - inputs.targets
    common = Common(jnp.zeros(n, dtype), -initial_momentum * residual, jnp.zeros((), dtype), jnp.ones((), dtype))
    risk = network.risk._replace(momentum=jnp.where(network.risk.active, common.momentum[:, None], 0))
    risk, safe, last_sort, flip_reach = sort(kernel, network.thresholds, risk, network.safe, common, blocks)
    zero, none = jnp.zeros((n, n), dtype), jnp.zeros((), jnp.int32)
    return ScreenedState(
        risk=risk, safe=safe, sums=Sums(outputs, counts, zero, zero), now=common, before=common,
        decay=jnp.zeros((), dtype), sorted=last_sort, prefix=none, work=jnp.zeros((), dtype), flips=none,
        flip_reach=flip_reach, majorant=jnp.zeros_like(residual),
        majorant_momentum=initial_momentum * jnp.abs(residual),
        residual=residual if shape.start == "gradient" else jnp.zeros_like(residual), step=none,
    )  # fmt: skip


def _error_bound(shape: Shape, inputs: Inputs, constants: SeedConstants, state: ScreenedState):
    """Bound the rounding error of a pre-activation.

    As in the dense engines, but with 8 roundings a step: movements are put together from sums over several steps.
    """
    return sign_error_bound(shape, inputs, constants.max_weight, state.majorant, state.step, 8)


def _max_share(shape: Shape, constants: SeedConstants, change, error_bound):
    """Return the largest share of a threshold by which z_rj changes, if sqrt(m) z_rj changes by at most change_j."""
    # two rounding errors: of the margin when it was computed, and of the pre-activation now
    return jnp.max((change / math.sqrt(shape.width) + 2 * error_bound) / constants.thresholds)


def blocks_to_evaluate(shape: Shape, inputs: Inputs, kernel, constants: SeedConstants, state: ScreenedState):
    """Return the number of blocks that may have a flip, and the bound on the rounding error of a pre-activation."""
    last_sort, now, error_bound = state.sorted, state.now, _error_bound(shape, inputs, constants, state)
    change = spread(kernel, now.movement - last_sort.common.movement) + now.memory_factor * last_sort.memory_change
    count = jnp.sum(last_sort.margin <= _max_share(shape, constants, change, error_bound), dtype=jnp.int32)
    return jnp.maximum(state.prefix, count), error_bound


def threshold_share(shape: Shape, inputs: Inputs, kernel, constants: SeedConstants, state: ScreenedState):
    """Bound the movement of neurons not at risk as a share of the thresholds; above 1 one may have flipped."""
    change = spread(kernel, state.now.movement)
    return _max_share(shape, constants, change, _error_bound(shape, inputs, constants, state))


def advance(
    shape: Shape, inputs: Inputs, constants: SeedConstants, state: ScreenedState, coefficients: StepCoefficients
):
    """Observe one step, then move one network under one method; return the new state and the record of the step."""
    kernel = inputs.kernel
    dtype, n, blocks = kernel.dtype, kernel.shape[0], state.sorted.margin.shape[0]
    root = jnp.sqrt(jnp.asarray(shape.width, dtype))
    prefix, error_bound = blocks_to_evaluate(shape, inputs, kernel, constants, state)
    evaluation_cost, movement_cost, pattern_cost, sorting_cost = _costs(state, n)
    sort_anew = state.work > sorting_cost
    prefix = jnp.where(sort_anew, blocks, prefix)

    risk, evaluation = evaluate(kernel, state, prefix, error_bound, shape.width)
    sums = jax.tree.map(jnp.add, state.sums, evaluation.sums)
    overlap = sums.counts.astype(dtype) / shape.width
    forces = kernel * (overlap * state.now.movement[:, None] + sums.memory)
    residual = sums.constant - jnp.sum(forces, axis=0) - inputs.targets
    square, pattern_blocks, risk_blocks = largest(kernel, state, risk, prefix, evaluation.square)
    recorded = {
        "residual": residual,
        "flips": state.flips + evaluation.flips,
        "undecided": evaluation.undecided,
        "distance": jnp.sqrt(square) / root,
        "flip_reach": jnp.max(evaluation.flip_reach),
    }
    if shape.recursion:
        cross = kernel * ((sums.counts + evaluation.cross).astype(dtype) / shape.width)
        recorded["recursion"] = {
            "gram_residual": jnp.dot(kernel * overlap, residual, precision=HIGHEST),
            "cross_gram_residual": jnp.dot(cross, state.residual, precision=HIGHEST),
            "forward": evaluation.forward,
            "backward": evaluation.backward,
        }

    def sort_again(carry):
        _, (risk, safe, _, _, now, prefix, work) = carry
        now = now._replace(
            memory_factor=jnp.zeros_like(now.memory_factor), memory_decay=jnp.ones_like(now.memory_decay)
        )
        result = sort(kernel, constants.thresholds, risk, safe, now, blocks)
        return jnp.zeros((), bool), (*result, now, jnp.zeros_like(prefix), jnp.zeros_like(work))

    step_cost = evaluation_cost * prefix + movement_cost * risk_blocks + pattern_cost * pattern_blocks
    work = state.work + step_cost.astype(dtype)
    carried = (risk, state.safe, state.sorted, evaluation.flip_reach, state.now, prefix, work)
    # a loop of no or one turn: XLA copies the arrays that pass through a branch, not those that pass through a loop
    _, carried = jax.lax.while_loop(lambda carry: carry[0], sort_again, (sort_anew, carried))
    risk, safe, last_sort, flip_reach, now, prefix, work = carried

    movement_step, decay, momentum_step = coefficients
    following = ScreenedState(
        risk=risk, safe=safe,
        sums=sums._replace(memory=sums.memory + sums.memory_momentum, memory_momentum=decay * sums.memory_momentum),
        now=Common(
            now.movement + now.momentum + movement_step * residual, decay * now.momentum + momentum_step * residual,
            now.memory_factor + now.memory_decay, decay * now.memory_decay,
        ),
        before=now, decay=decay, sorted=last_sort, prefix=prefix, work=work, flips=state.flips + evaluation.flips,
        flip_reach=flip_reach, majorant=state.majorant + state.majorant_momentum + movement_step * jnp.abs(residual),
        majorant_momentum=decay * state.majorant_momentum + jnp.abs(momentum_step) * jnp.abs(residual),
        residual=residual, step=state.step + 1,
    )  # fmt: skip
    # of the next step, whose H may be computed before it is observed; at step 0 nothing has moved
    return following, {**recorded, "held": threshold_share(shape, inputs, kernel, constants, following)}


def gram(shape: Shape, inputs: Inputs, constants: SeedConstants, state: ScreenedState):
    """Compute H(t) at the step that the state is about to be observed at, (n, n)."""
    kernel = inputs.kernel
    prefix, error_bound = blocks_to_evaluate(shape, inputs, kernel, constants, state)
    _, evaluation = evaluate(kernel, state, prefix, error_bound, shape.width)
    return kernel * ((state.sums.counts + evaluation.sums.counts).astype(kernel.dtype) / shape.width)
