"""State of the dense engines: one network at step 0, and one network under one method."""

from typing import Any, NamedTuple

import jax
from jax.sharding import PartitionSpec

from nag_ntk.engines.dense.deviation import DeviationState
from nag_ntk.engines.dense.deviation import partition as partition_deviation
from nag_ntk.run.inputs import NEURONS, SEEDS, Shape
from nag_ntk.schedule import StepCoefficients


class InitialNetwork(NamedTuple):
    """One network at step 0.

    Attributes:
        preactivation: (B, n, L), w_r(0).x_i, the neurons in blocks.
        signs: (B, L), a_r / sqrt m.
        max_weight: (), max |w_r(0)|.
    """

    preactivation: jax.Array
    signs: jax.Array
    max_weight: jax.Array


class PatternStatistics(NamedTuple):
    """Numbers that depend on the activation pattern alone, computed again only in blocks in which a neuron flips.

    Attributes:
        flips: (B,) int, (neuron, sample) pairs that differ from step 0.
        flip_reach: (B,), the largest |w_r(0).x_i| of such a pair.
        counts: (1, n, n) int32, #{r : A_ri A_rj} over the device's neurons; None unless the recursion is recorded.
    """

    flips: jax.Array
    flip_reach: jax.Array
    counts: jax.Array | None


class DenseState(NamedTuple):
    """One network under one method, after step - 1 is recorded and before `step` is recorded.

    The update from step - 1 to `step` is pending (`step.apply_step`), so that a block of neurons is moved and recorded
    while it is in the cache. At step 0 movement and momentum are 0, and the pending update gives q(0).

    Attributes:
        movement, momentum: u and q, (B, rows, L), at step - 1.
        pattern: (B, n, L) bool, at step - 1.
        residual: (n,), at step - 1.
        coefficients: coefficients of the pending update.
        majorant, majorant_momentum: (n,), the recursion of u and q driven by |xi| in place of the residual xi, at
            `step`; it bounds the coefficients of every neuron.
        statistics: statistics of the pattern at step - 1.
        step: (), int.
        deviation: the pairs that ever flipped; None unless the deviation from the linear model is recorded.
    """

    movement: jax.Array
    momentum: jax.Array
    pattern: jax.Array
    residual: jax.Array
    coefficients: StepCoefficients
    majorant: jax.Array
    majorant_momentum: jax.Array
    statistics: PatternStatistics
    step: jax.Array
    deviation: DeviationState | None = None


def partition(shape: Shape) -> tuple[InitialNetwork, DenseState]:
    """Return the axes of (InitialNetwork, DenseState) that are spread over devices; axes seed and method in front."""
    initial: Any = PartitionSpec(SEEDS, NEURONS)
    seed: Any
    split: Any
    seed, split = PartitionSpec(SEEDS), PartitionSpec(SEEDS, None, NEURONS)
    return InitialNetwork(initial, initial, seed), DenseState(
        movement=split, momentum=split, pattern=split, residual=seed, coefficients=StepCoefficients(seed, seed, seed),
        majorant=seed, majorant_momentum=seed,
        statistics=PatternStatistics(split, split, split if shape.recursion else None), step=seed,
        deviation=partition_deviation(seed, split) if shape.deviation else None,
    )  # fmt: skip
