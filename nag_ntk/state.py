"""What the dense engines carry along: one network at step 0, and one network under one method."""

from typing import Any, NamedTuple

import jax
from jax.sharding import PartitionSpec

from nag_ntk.problem import NEURONS, SEEDS
from nag_ntk.schedule import Pace


class Start(NamedTuple):
    """One network at step 0: pre-activations (B, n, L), scaled signs a / sqrt m (B, L), max |w_r|."""

    preactivation: jax.Array
    signs: jax.Array
    size: jax.Array


class Seen(NamedTuple):
    """What depends on the pattern alone, renewed in those blocks in which a neuron flips: rarely, in a lazy run.

    Flips and the largest |z_ri(0)| that flipped, (B,) each; with the recursion, #{r : A_ri A_rj} over the device's
    neurons, (1, n, n) int32.
    """

    flips: jax.Array
    reach: jax.Array
    counts: jax.Array | None


class State(NamedTuple):
    """One network under one method, between observing `step` - 1 and observing `step`.

    Movement u and speed q (B, rows, L) as of the step before, and what that step pushes them by: its pattern
    (B, n, L), residual (n,) and pace. So a block is moved and observed in one go, while it is in the cache. The
    majorants of the coefficients (n,) are as of `step`. At step 0 all is still, and the push gives q(0).
    """

    movement: jax.Array
    speed: jax.Array
    pattern: jax.Array
    residual: jax.Array
    pace: Pace
    majorant: jax.Array
    majorant_speed: jax.Array
    seen: Seen
    step: jax.Array


def partition(recursion: bool) -> tuple[Start, State]:
    """Which axes of (Start, State), with the axes seed and method in front, are spread over devices."""
    start: Any = PartitionSpec(SEEDS, NEURONS)
    seed: Any
    split: Any
    seed, split = PartitionSpec(SEEDS), PartitionSpec(SEEDS, None, NEURONS)
    return Start(start, start, seed), State(
        movement=split, speed=split, pattern=split, residual=seed, pace=Pace(seed, seed, seed), majorant=seed,
        majorant_speed=seed, seen=Seen(split, split, split if recursion else None), step=seed,
    )  # fmt: skip
