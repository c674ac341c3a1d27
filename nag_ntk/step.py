"""The compiled part of simulate for the dense engines: one step, and the scan over a chunk of steps.

Neurons lie on the last axis, in blocks: each is moved, multiplied and observed while it is in the cache, so a step
passes over memory once. Seeds and methods are walked by lax.map, so a seed's numbers do not depend on how many share
its batch; seeds and neurons are sharded over devices, and a step's only exchange is the sum of the n outputs.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from nag_ntk import neurons, rows
from nag_ntk.begin import begin
from nag_ntk.devices import fetched
from nag_ntk.engines import REPRESENTATIONS
from nag_ntk.engines.engine import Drive, Outcome
from nag_ntk.pattern import pattern_counts
from nag_ntk.precision import HIGHEST
from nag_ntk.problem import SEEDS, Problem, Shape, doubt, over_mesh
from nag_ntk.schedule import unpacked
from nag_ntk.state import Seen, Start, State, partition

if TYPE_CHECKING:
    from nag_ntk.prepare import Prepared

__all__ = ["advance", "gram_now", "pushed", "train"]


def pushed(engine, operator, state: State, movement, speed, pattern):
    """A block's movement and speed after the push of the step before."""
    forcing = engine.drive(operator, jnp.where(pattern, state.residual[:, None], 0))
    push, decay, lift = state.pace
    return movement + speed + push * forcing, decay * speed + lift * forcing


def _part(array, index):
    return jax.lax.dynamic_index_in_dim(array, index, keepdims=False)


def _nothing(shape: Shape, n: int, dtype) -> dict:
    """What the blocks add up to, before the first."""
    zero, none = jnp.zeros(n, dtype), jnp.zeros((), jnp.int32)
    sums = {"outputs": zero, "undecided": none}
    if shape.recursion:
        square = jnp.zeros((1, n, n), jnp.int32)
        sums |= {"forward": zero, "backward": zero, "counts": square, "cross": square}
    return {"sums": sums, "square": jnp.zeros((), dtype)}


def _flipped(shape: Shape, engine, operator, origin, signs, now, before, preactivation, old):
    """Flips and reach of a block in which a neuron changed sign, and what that adds to the sums of the recursion."""
    apart = now != (origin >= 0)
    reach = rows.largest(jnp.where(apart, jnp.abs(origin), 0))
    added = {}
    if shape.recursion:
        previous = origin - signs[None, :] * engine.response(operator, old)[0]
        forward = jnp.maximum(preactivation, 0) - jnp.where(before, preactivation, 0)
        backward = jnp.maximum(previous, 0) - jnp.where(now, previous, 0)
        then = pattern_counts(before, before)
        added = {
            "forward": jnp.dot(forward, signs, precision=HIGHEST),
            "backward": jnp.dot(backward, signs, precision=HIGHEST),
            "counts": (pattern_counts(now, now) - then)[None],
            "cross": (pattern_counts(now, before) - then)[None],
        }
    return rows.total(apart), reach, added


def _walk(shape: Shape, problem: Problem, start: Start, state: State, doubt):
    """Move and observe every block; the state with movement, speed, pattern and seen renewed, and the totals."""
    engine = REPRESENTATIONS[shape.engine]
    operator = engine.operator(problem.coordinates)
    count, n, _ = start.preactivation.shape

    def work(index, mine, totals):
        """One block, its part of the state cut out."""
        movement, speed, pattern, flips, reach = mine
        origin, signs = _part(start.preactivation, index), _part(start.signs, index)
        moved, faster = pushed(engine, operator, state, movement, speed, pattern)
        change, squared = engine.response(operator, moved)
        preactivation = origin - signs[None, :] * change
        sums = totals["sums"]
        outputs = sums["outputs"] + jnp.dot(jnp.maximum(preactivation, 0), signs, precision=HIGHEST)
        # inside its old sign by more than the doubt (NaN is not), a pre-activation neither changed nor is undecided
        close = rows.some(jnp.logical_not(jnp.where(pattern, preactivation, -preactivation) > doubt))

        def look_again(carry):
            _, (_, _, _, sums) = carry
            now = preactivation >= 0
            flips, reach, added = _flipped(
                shape, engine, operator, origin, signs, now, pattern, preactivation, movement
            )  # fmt: skip
            added["undecided"] = rows.total(jnp.abs(preactivation) <= doubt)
            return jnp.zeros((), bool), (now, flips, reach, sums | {k: sums[k] + term for k, term in added.items()})

        # a loop of no or one turn: what passes through a branch would be copied
        carry = (pattern, flips, reach, sums | {"outputs": outputs})
        _, (now, flips, reach, sums) = jax.lax.while_loop(lambda carry: carry[0], look_again, (close, carry))
        totals = {"sums": sums, "square": jnp.maximum(totals["square"], jnp.max(squared))}
        return (moved, faster, now, flips, reach), totals

    held = (state.movement, state.speed, state.pattern, state.seen.flips, state.seen.reach)
    totals = _nothing(shape, n, start.preactivation.dtype)

    def one_block(index, carry):
        held, totals = carry
        mine = tuple(_part(array, index) for array in held)
        # A loop of one turn, which XLA cannot know: what is cut out is read before it and written back after it, so
        # the state is updated in place. Without it, XLA copies all of the state in every turn.
        _, mine, totals = jax.lax.while_loop(
            lambda inner: inner[0],
            lambda inner: (jnp.zeros((), bool), *work(index, inner[1], inner[2])),
            (state.step >= 0, mine, totals),
        )
        held = tuple(
            jax.lax.dynamic_update_index_in_dim(array, part, index, 0) for array, part in zip(held, mine, strict=True)
        )
        return held, totals

    if count == 1:
        mine, totals = work(0, tuple(array[0] for array in held), totals)
        held = tuple(part[None] for part in mine)
    else:
        held, totals = jax.lax.fori_loop(0, count, one_block, (held, totals))
    movement, speed, pattern, flips, reach = held
    seen = state.seen
    counts = None if seen.counts is None else seen.counts + totals["sums"]["counts"]
    return state._replace(movement=movement, speed=speed, pattern=pattern, seen=Seen(flips, reach, counts)), totals


def _scan(shape: Shape, problem: Problem, start: Start, table, state: State):
    kernel = problem.kernel
    dtype = kernel.dtype
    never = -neurons.absent(dtype) / 2  # what lies beyond is no pre-activation

    def one_step(state: State, row):
        hidden = jnp.minimum(doubt(shape, problem, start.size, state.majorant, state.step, 3), never)
        earlier, before = state.residual, state.seen
        state, totals = _walk(shape, problem, start, state, hidden)
        sums = totals["sums"]
        residual = neurons.total(shape, sums["outputs"]) - problem.targets
        recorded = {
            "residual": residual,
            # of this device's neurons
            "flips": jnp.sum(state.seen.flips, dtype=jnp.int32),
            "undecided": sums["undecided"],
            "square": totals["square"],
            "flip_reach": jnp.max(state.seen.reach),
        }
        if before.counts is not None and state.seen.counts is not None:
            overlap, cross = (
                kernel * (counts[0].astype(dtype) / shape.width)
                for counts in (state.seen.counts, before.counts + sums["cross"])
            )
            recorded["recursion"] = {
                "gram_residual": jnp.dot(overlap, residual, precision=HIGHEST),
                "cross_gram_residual": jnp.dot(cross, earlier, precision=HIGHEST),
                "forward": sums["forward"],
                "backward": sums["backward"],
            }
        push, decay, lift = rates = unpacked(row)
        size = jnp.abs(residual)
        following = state._replace(
            residual=residual, pace=rates, step=state.step + 1,
            majorant=state.majorant + state.majorant_speed + push * size,
            majorant_speed=decay * state.majorant_speed + jnp.abs(lift) * size,
        )  # fmt: skip
        return following, recorded

    return jax.lax.scan(one_step, state, table)


def _together(shape: Shape, recorded: dict) -> dict:
    """What the devices of a network recorded, each of its neurons, as a record of all of them."""
    added = {name: recorded[name] for name in ("flips", "undecided", "recursion") if name in recorded}
    largest = neurons.most(shape, {"square": recorded["square"], "flip_reach": recorded["flip_reach"]})
    root = jnp.sqrt(jnp.asarray(shape.width, largest["square"].dtype))
    return {
        "residual": recorded["residual"],
        "distance": jnp.sqrt(largest["square"]) / root,
        "flip_reach": largest["flip_reach"],
        **neurons.total(shape, added),
    }


def train(made: "Prepared", group: Sequence[int], drive: Drive) -> Outcome:
    """Draw the networks of a group of seeds, or take the given one, and have them driven through all steps."""
    state, begun = begin(made.shape, made.problem, made.layout.filled(group), made.given)
    return Outcome(drive(state, group), fetched(begun, len(group)))


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def advance(shape: Shape, problem: Problem, begun, paces):
    """Observe and step once per row of `paces`, (k, steps, 3); ((starts, states), what was recorded).

    Records have the axes seed, method, step, ...
    """

    def one_seed(shared, begun):
        (problem, paces), (start, states) = shared, begun
        states, recorded = jax.lax.map(lambda pair: _scan(shape, problem, start, *pair), (paces, states))
        return (start, states), recorded

    def all_seeds(shared, begun):
        begun, recorded = jax.lax.map(partial(one_seed, shared), begun)
        return begun, _together(shape, recorded)

    split = partition(shape.recursion)
    return over_mesh(shape, all_seeds, (split,), (split, PartitionSpec(SEEDS)))((problem, paces), begun)


@partial(jax.jit, static_argnums=0)
def gram_now(shape: Shape, problem: Problem, begun):
    """H at the step that the states are about to be observed at, (s, k, n, n)."""
    engine = REPRESENTATIONS[shape.engine]

    def one_seed(problem, begun):
        start, states = begun
        operator = engine.operator(problem.coordinates)
        kernel = problem.kernel

        def one(state: State):
            def of_block(parts):
                origin, signs, *held = parts
                change, _ = engine.response(operator, pushed(engine, operator, state, *held)[0])
                active = origin - signs[None, :] * change >= 0
                return pattern_counts(active, active)

            counts = jax.lax.map(
                of_block, (start.preactivation, start.signs, state.movement, state.speed, state.pattern)
            )
            whole = neurons.total(shape, jnp.sum(counts, axis=0, dtype=jnp.int32))
            return kernel * (whole.astype(kernel.dtype) / shape.width)

        return jax.lax.map(one, states)

    split = partition(shape.recursion)
    return over_mesh(
        shape, lambda problem, begun: jax.lax.map(partial(one_seed, problem), begun), (split,), PartitionSpec(SEEDS)
    )(problem, begun)
