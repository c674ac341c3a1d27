"""The recursion in screened space: observe one step, then move."""

import math

import jax
import jax.numpy as jnp

from nag_ntk.engines.screened.flips import evaluate
from nag_ntk.engines.screened.order import largest, sort
from nag_ntk.engines.screened.state import Common, Drawn, Fixed, State, Sums, spread
from nag_ntk.precision import HIGHEST
from nag_ntk.problem import Problem, Shape, doubt
from nag_ntk.schedule import Pace

_SORTING = 500
"""Operations that sorting costs per entry, counted like those of a product."""
_CALL = 20_000
"""Operations that starting a block costs."""


def _costs(state: State, n: int) -> tuple[float, float, float, float]:
    """Operations to evaluate a block, to look at the movement of one, of one block of patterns, and to sort anew.

    As floats: times a number of blocks they leave 32-bit integers.
    """
    blocks, patterns = state.sorted.margin.shape[0], state.safe.shape[0]
    length, many = state.risk.signs.shape[0] // blocks, state.safe.shape[2]
    one = 2 * n * n + 30 * n
    sorting = blocks * length * (4 * one + 2 * _SORTING) + patterns * many * (one + _SORTING)
    return float(length * one + _CALL), float(2 * length * one + _CALL), float(many * one + _CALL), float(sorting)


def begin(shape: Shape, problem: Problem, drawn: Drawn, pull, blocks: int) -> State:
    """The state at step 0 of one network under one method."""
    kernel = problem.kernel
    n, dtype = kernel.shape[0], kernel.dtype
    outputs, counts = jnp.asarray(drawn.outputs), jnp.asarray(drawn.counts)
    residual = outputs - problem.targets
    here = Common(jnp.zeros(n, dtype), -pull * residual, jnp.zeros((), dtype), jnp.ones((), dtype))
    risk = drawn.risk._replace(speed=jnp.where(drawn.risk.active, here.speed[:, None], 0))
    risk, safe, known, reach = sort(kernel, drawn.thresholds, risk, drawn.safe, here, blocks)
    zero, none = jnp.zeros((n, n), dtype), jnp.zeros((), jnp.int32)
    return State(
        risk=risk, safe=safe, sums=Sums(outputs, counts, zero, zero), now=here, before=here,
        decay=jnp.zeros((), dtype), sorted=known, prefix=none, work=jnp.zeros((), dtype), flips=none, reach=reach,
        majorant=jnp.zeros_like(residual), majorant_speed=pull * jnp.abs(residual),
        residual=residual if shape.start == "gradient" else jnp.zeros_like(residual), step=none,
    )  # fmt: skip


def _doubt(shape: Shape, problem: Problem, fixed: Fixed, state: State):
    """As in the dense engines, but 8 roundings a step: movement is put together from sums over several steps."""
    return doubt(shape, problem, fixed.size, state.majorant, state.step, 8)


def _share(shape: Shape, fixed: Fixed, moved, hidden):
    """The largest share of a threshold that is used when sqrt(m) z_rj moves by at most moved_j, (n,)."""
    # twice the doubt: of the margin when it was taken, and now
    return jnp.max((moved / math.sqrt(shape.width) + 2 * hidden) / fixed.thresholds)


def reached(shape: Shape, problem: Problem, kernel, fixed: Fixed, state: State):
    """How many blocks may hold a flip, and what rounding may hide."""
    known, now, hidden = state.sorted, state.now, _doubt(shape, problem, fixed, state)
    moved = spread(kernel, now.movement - known.common.movement) + now.grown * known.pull
    due = jnp.sum(known.margin <= _share(shape, fixed, moved, hidden), dtype=jnp.int32)
    return jnp.maximum(state.prefix, due), hidden


def held(shape: Shape, problem: Problem, kernel, fixed: Fixed, state: State):
    """The share of a threshold that a neuron which was left out has used; beyond 1 it may have flipped."""
    return _share(shape, fixed, spread(kernel, state.now.movement), _doubt(shape, problem, fixed, state))


def advance(shape: Shape, problem: Problem, fixed: Fixed, state: State, pace: Pace):
    """Observe one step and move; (state, what is recorded)."""
    kernel = problem.kernel
    dtype, n, blocks = kernel.dtype, kernel.shape[0], state.sorted.margin.shape[0]
    root = jnp.sqrt(jnp.asarray(shape.width, dtype))
    prefix, hidden = reached(shape, problem, kernel, fixed, state)
    per_block, per_look, per_pattern, sorting = _costs(state, n)
    anew = state.work > sorting
    prefix = jnp.where(anew, blocks, prefix)

    risk, tally = evaluate(kernel, state, prefix, hidden, shape.width)
    sums = jax.tree.map(jnp.add, state.sums, tally.sums)
    overlap = sums.counts.astype(dtype) / shape.width
    forces = kernel * (overlap * state.now.movement[:, None] + sums.memory)
    residual = sums.constant - jnp.sum(forces, axis=0) - problem.targets
    square, patterns_looked, risk_looked = largest(kernel, state, risk, prefix, tally.square)
    recorded = {
        "residual": residual,
        "flips": state.flips + tally.flips,
        "undecided": tally.undecided,
        "distance": jnp.sqrt(square) / root,
        "flip_reach": jnp.max(tally.reach),
    }
    if shape.recursion:
        cross = kernel * ((sums.counts + tally.cross).astype(dtype) / shape.width)
        recorded["recursion"] = {
            "gram_residual": jnp.dot(kernel * overlap, residual, precision=HIGHEST),
            "cross_gram_residual": jnp.dot(cross, state.residual, precision=HIGHEST),
            "forward": tally.forward,
            "backward": tally.backward,
        }

    def sorted_anew(carry):
        _, (risk, safe, _, _, now, prefix, work) = carry
        now = now._replace(grown=jnp.zeros_like(now.grown), left=jnp.ones_like(now.left))
        found = sort(kernel, fixed.thresholds, risk, safe, now, blocks)
        return jnp.zeros((), bool), (*found, now, jnp.zeros_like(prefix), jnp.zeros_like(work))

    work = state.work + (per_block * prefix + per_look * risk_looked + per_pattern * patterns_looked).astype(dtype)
    carried = (risk, state.safe, state.sorted, tally.reach, state.now, prefix, work)
    # a loop of no or one turn: XLA copies the arrays that pass through a branch, not those that pass through a loop
    _, carried = jax.lax.while_loop(lambda carry: carry[0], sorted_anew, (anew, carried))
    risk, safe, known, reach, now, prefix, work = carried

    push, decay, lift = pace
    following = State(
        risk=risk, safe=safe,
        sums=sums._replace(memory=sums.memory + sums.memory_speed, memory_speed=decay * sums.memory_speed),
        now=Common(
            now.movement + now.speed + push * residual, decay * now.speed + lift * residual,
            now.grown + now.left, decay * now.left,
        ),
        before=now, decay=decay, sorted=known, prefix=prefix, work=work, flips=state.flips + tally.flips, reach=reach,
        majorant=state.majorant + state.majorant_speed + push * jnp.abs(residual),
        majorant_speed=decay * state.majorant_speed + jnp.abs(lift) * jnp.abs(residual),
        residual=residual, step=state.step + 1,
    )  # fmt: skip
    # of the step to come, whose H may be asked for before it is observed; at step 0 nothing has moved
    return following, {**recorded, "held": held(shape, problem, kernel, fixed, following)}


def gram(shape: Shape, problem: Problem, fixed: Fixed, state: State):
    """H at the step that the state is about to be observed at, (n, n)."""
    kernel = problem.kernel
    prefix, hidden = reached(shape, problem, kernel, fixed, state)
    _, tally = evaluate(kernel, state, prefix, hidden, shape.width)
    return kernel * ((state.sums.counts + tally.sums.counts).astype(kernel.dtype) / shape.width)
