"""One training step of the screened engine: record the step, then update the state.

The engine evaluates only the neurons whose activation sign may have changed. `risk` are the neurons at risk: those
with |w_r(0).x_j| at most the threshold of some sample j. `safe` are the packed patterns of all others; the run is valid
only while a bound shows that none of these can have flipped. The neurons at risk lie in blocks, sorted by their margin
min_j |z_rj| / threshold_j at the last sort. The blocks that the bound on |z_rj(t) - z_rj(last sort)| has reached since
are the first `prefix` blocks; they are evaluated at every step. `work` counts the operations of these evaluations. When
it exceeds the cost of a sort, all neurons at risk are evaluated and sorted again, and the prefix becomes empty.

Movement means coefficients of the inputs, as in state.py: S for the recursion common to all neurons, c_r for a neuron.
"""

import math

import jax
import jax.numpy as jnp

from nag_ntk.engines import deviation
from nag_ntk.engines.deviation import spread
from nag_ntk.engines.screened.flips import Evaluation, evaluate
from nag_ntk.engines.screened.order import largest, sort
from nag_ntk.engines.screened.state import Common, DeviationState, ScreenedNetwork, ScreenedState, SeedConstants, Sums
from nag_ntk.precision import HIGHEST
from nag_ntk.run.inputs import Inputs, Shape, sign_error_bound
from nag_ntk.schedule import StepCoefficients

_SORT_COST = 500
"""Cost of sorting one entry, in operations of a matrix product."""
_CALL_COST = 20_000
"""Cost of starting the work on one block, in operations of a matrix product."""


def _costs(state: ScreenedState, n: int) -> tuple[float, float, float, float]:
    """Count the operations of the four parts of a step.

    Returns:
        The operations to evaluate a block of neurons, to compute the norms |u_r| of a block of neurons, to compute
        the norms of a block of patterns, and to sort all neurons at risk. They are floats, because an integer times a
        number of blocks may exceed 32 bits.
    """
    blocks, patterns = state.last_sort.margin.shape[0], state.safe.shape[0]
    length, patterns_each = state.risk.signs.shape[0] // blocks, state.safe.shape[2]
    per_neuron = 2 * n * n + 30 * n
    sorting = blocks * length * (4 * per_neuron + 2 * _SORT_COST) + patterns * patterns_each * (per_neuron + _SORT_COST)
    counts = (length * per_neuron, 2 * length * per_neuron, patterns_each * per_neuron)
    evaluation, norms, pattern_norms = (float(count + _CALL_COST) for count in counts)
    return evaluation, norms, pattern_norms, float(sorting)


def initialise(shape: Shape, inputs: Inputs, network: ScreenedNetwork, initial_momentum, blocks: int) -> ScreenedState:
    """Make the state at step 0 of one network under one method."""
    kernel = inputs.kernel
    n, dtype = kernel.shape[0], kernel.dtype
    outputs, counts = jnp.asarray(network.outputs), jnp.asarray(network.counts)
    residual = outputs - inputs.targets
    common = Common(jnp.zeros(n, dtype), -initial_momentum * residual, jnp.zeros((), dtype), jnp.ones((), dtype))
    risk = network.risk._replace(momentum=jnp.where(network.risk.active, common.momentum[:, None], 0))
    risk, safe, last_sort, flip_reach = sort(kernel, network.thresholds, risk, network.safe, common, blocks)
    zero_matrix, zero_count = jnp.zeros((n, n), dtype), jnp.zeros((), jnp.int32)
    return ScreenedState(
        risk=risk, safe=safe, sums=Sums(outputs, counts, zero_matrix, zero_matrix), now=common, before=common,
        decay=jnp.zeros((), dtype), last_sort=last_sort, prefix=zero_count, work=jnp.zeros((), dtype), flips=zero_count,
        flip_reach=flip_reach, majorant=jnp.zeros_like(residual),
        majorant_momentum=initial_momentum * jnp.abs(residual),
        residual=residual if shape.start == "gradient" else jnp.zeros_like(residual), step=zero_count,
        deviation=DeviationState(*deviation.at_rest(n, dtype), jnp.zeros(n, dtype), jnp.zeros((n, n), counts.dtype))
        if shape.deviation else None,
    )  # fmt: skip


def _error_bound(shape: Shape, inputs: Inputs, constants: SeedConstants, state: ScreenedState):
    """Bound the rounding error of a pre-activation.

    The bound is that of the dense engines with 8 roundings a step in place of 3: the recursion of S makes 3 (one
    product, two sums) and `advance_unflipped`, which computes c_r from S, makes 5 more (one product, four sums).
    """
    return sign_error_bound(shape, inputs, constants.max_weight, state.majorant, state.step, 8)


def _max_share(shape: Shape, constants: SeedConstants, change, error_bound):
    """Bound max_j |z_rj(t) - z_rj(s)| / threshold_j, where change_j bounds sqrt(m) |z_rj(t) - z_rj(s)| for every r.

    z_rj is the pre-activation of neuron r on sample j, t the step of the state and s an earlier step.
    """
    # each of the two pre-activations has a rounding error
    return jnp.max((change / math.sqrt(shape.width) + 2 * error_bound) / constants.thresholds)


def blocks_to_evaluate(shape: Shape, inputs: Inputs, kernel, constants: SeedConstants, state: ScreenedState):
    """Return the number of blocks in which a neuron may have flipped, and the pre-activations' rounding error bound."""
    last_sort, now, error_bound = state.last_sort, state.now, _error_bound(shape, inputs, constants, state)
    change = spread(kernel, now.movement - last_sort.common.movement) + now.memory_factor * last_sort.memory_change
    count = jnp.sum(last_sort.margin <= _max_share(shape, constants, change, error_bound), dtype=jnp.int32)
    return jnp.maximum(state.prefix, count), error_bound


def threshold_share(shape: Shape, inputs: Inputs, kernel, constants: SeedConstants, state: ScreenedState):
    """Bound max_j |z_rj(t) - z_rj(0)| / threshold_j over the safe neurons; above 1, one of them may have flipped."""
    change = spread(kernel, state.now.movement)
    return _max_share(shape, constants, change, _error_bound(shape, inputs, constants, state))


def _deviate(state: DeviationState, evaluation: Evaluation) -> DeviationState:
    """Add the flips of this step to the deviation from the linear model."""
    assert evaluation.touched is not None
    changes = evaluation.sums
    return DeviationState(
        state.reach, evaluation.touched, state.constant + changes.constant, state.counts + changes.counts
    )


def _record_deviation(shape: Shape, kernel, state: DeviationState, movement, memory) -> dict[str, jax.Array]:
    """Return the record of `Deviation`; `movement` is S and `memory` V, (n, n), at this step.

    psi_j = (F_j - F_j(0)) - sum_i K_ij ((O - O(0))_ij S_i + V_ij): neurons that never flipped change no term of it.
    """
    change = state.counts.astype(kernel.dtype) / shape.width
    return {
        "touched": state.touched.pairs,
        "direct": state.constant - jnp.sum(kernel * (change * movement[:, None] + memory), axis=0),
        "bound": deviation.bound(kernel, state.touched, state.reach, shape.width),
        "flip_ratio": state.touched.ratio,
        "reach": state.touched.reach,
    }


def advance(
    shape: Shape, inputs: Inputs, constants: SeedConstants, state: ScreenedState, coefficients: StepCoefficients
):
    """Record one step of one network under one method, and return the state of the next step and the record."""
    kernel = inputs.kernel
    dtype, n, blocks = kernel.dtype, kernel.shape[0], state.last_sort.margin.shape[0]
    sqrt_width = jnp.sqrt(jnp.asarray(shape.width, dtype))
    prefix, error_bound = blocks_to_evaluate(shape, inputs, kernel, constants, state)
    evaluation_cost, norm_cost, pattern_cost, sorting_cost = _costs(state, n)
    must_sort = state.work > sorting_cost
    prefix = jnp.where(must_sort, blocks, prefix)

    deviating, limits = state.deviation, None
    if deviating is not None:
        limits = deviation.limits(kernel, deviating.reach, state.majorant, error_bound, sqrt_width)
    risk, evaluation = evaluate(kernel, state, prefix, error_bound, shape.width, limits)
    sums = jax.tree.map(jnp.add, state.sums, evaluation.sums)
    overlap = sums.counts.astype(dtype) / shape.width
    forces = kernel * (overlap * state.now.movement[:, None] + sums.memory)
    residual = sums.constant - jnp.sum(forces, axis=0) - inputs.targets
    max_square, pattern_blocks, risk_blocks = largest(kernel, state, risk, prefix, evaluation.square)
    recorded = {
        "residual": residual,
        "flips": state.flips + evaluation.flips,
        "undecided": evaluation.undecided,
        "distance": jnp.sqrt(max_square) / sqrt_width,
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

    if deviating is not None:
        deviating = _deviate(deviating, evaluation)
        recorded["deviation"] = _record_deviation(shape, kernel, deviating, state.now.movement, sums.memory)

    def sort_neurons(carry):
        _, (risk, safe, _, _, now, prefix, work) = carry
        now = now._replace(
            memory_factor=jnp.zeros_like(now.memory_factor), memory_decay=jnp.ones_like(now.memory_decay)
        )
        sorted_parts = sort(kernel, constants.thresholds, risk, safe, now, blocks)
        return jnp.zeros((), bool), (*sorted_parts, now, jnp.zeros_like(prefix), jnp.zeros_like(work))

    step_cost = evaluation_cost * prefix + norm_cost * risk_blocks + pattern_cost * pattern_blocks
    work = state.work + step_cost.astype(dtype)
    carried = (risk, state.safe, state.last_sort, evaluation.flip_reach, state.now, prefix, work)
    # a loop with at most one iteration stands for a branch: XLA copies the arrays that a branch returns, not a loop's
    _, carried = jax.lax.while_loop(lambda carry: carry[0], sort_neurons, (must_sort, carried))
    risk, safe, last_sort, flip_reach, now, prefix, work = carried

    movement_step, decay, momentum_step = coefficients
    next_state = ScreenedState(
        risk=risk, safe=safe,
        sums=sums._replace(memory=sums.memory + sums.memory_momentum, memory_momentum=decay * sums.memory_momentum),
        now=Common(
            now.movement + now.momentum + movement_step * residual, decay * now.momentum + momentum_step * residual,
            now.memory_factor + now.memory_decay, decay * now.memory_decay,
        ),
        before=now, decay=decay, last_sort=last_sort, prefix=prefix, work=work, flips=state.flips + evaluation.flips,
        flip_reach=flip_reach, majorant=state.majorant + state.majorant_momentum + movement_step * jnp.abs(residual),
        majorant_momentum=decay * state.majorant_momentum + jnp.abs(momentum_step) * jnp.abs(residual),
        residual=residual, step=state.step + 1,
    )  # fmt: skip
    if deviating is not None:
        increment = state.majorant_momentum + movement_step * jnp.abs(residual)
        reach = deviation.advance(kernel, deviating.reach, next_state.now.movement, increment)
        next_state = next_state._replace(deviation=deviating._replace(reach=reach))
    # the share of the next step, because `gram` may compute H at that step before it is recorded; at step 0 it is 0
    return next_state, {**recorded, "held": threshold_share(shape, inputs, kernel, constants, next_state)}


def gram(shape: Shape, inputs: Inputs, constants: SeedConstants, state: ScreenedState):
    """Compute H(t) at the step of the state, which is not yet recorded, (n, n)."""
    kernel = inputs.kernel
    prefix, error_bound = blocks_to_evaluate(shape, inputs, kernel, constants, state)
    _, evaluation = evaluate(kernel, state, prefix, error_bound, shape.width)
    return kernel * ((state.sums.counts + evaluation.sums.counts).astype(kernel.dtype) / shape.width)
