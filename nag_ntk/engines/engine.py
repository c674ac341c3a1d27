"""Interface of an engine, which trains networks without approximation: all engines agree up to rounding."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from nag_ntk.engines.prepared import Prepared
from nag_ntk.run.devices import fetch
from nag_ntk.run.inputs import Inputs, Shape
from nag_ntk.run.trajectory import Screening

RunSteps = Callable[..., Mapping[str, Any]]
"""Function (states, seeds, counts=True) -> the record of these seeds over all steps.

With counts=False the steps are left out of the reported progress.
"""


class TrainedGroup(NamedTuple):
    """A trained group of networks: s seeds, k methods, T steps; `Trajectory` defines the quantities by their names.

    Attributes:
        record: quantities of every step, (s, k, T+1, ...): residual, flips, undecided, distance, flip_reach, and those
            that the user requested.
        initial: quantities of step 0, (s, ...): initial_gram, overlap_range, mean_size, mean_square, near_boundary,
            checksum.
        screening: statistics of the screened engine; None for other engines.
    """

    record: Mapping[str, Any]
    initial: Mapping[str, Any]
    screening: Screening | None = None


def train_from(
    initialise: Callable[..., Any], prepared: Prepared, seeds: Sequence[int], run_steps: RunSteps
) -> TrainedGroup:  # fmt: skip
    """Run all steps from the states that `initialise` makes of a group of seeds, padded to the size of the group.

    `initialise` takes (shape, inputs, seeds, initial network or None), and returns the states and the record of step 0.
    """
    padded = prepared.layout.pad_group(seeds)
    states, record = initialise(prepared.shape, prepared.inputs, padded, prepared.initial)
    return TrainedGroup(run_steps(states, seeds), fetch(record, len(seeds)))


@runtime_checkable
class Engine(Protocol):
    """A module or an object with these three functions.

    `nag_ntk.engines.registry.ENGINES` maps the values of simulate(engine=...) to engines. An engine whose states
    are not those of the dense or the batched engines measures probes itself: `probe_now`, as in `engines/measure.py`.
    """

    def train(self, prepared: Prepared, seeds: Sequence[int], run_steps: RunSteps) -> TrainedGroup:
        """Make the states of a group of networks and run all steps; repeat them if the result was not exact.

        The networks are drawn from the seeds, as `prepared.shape.init` says, or all are the given initial one
        (`prepared.initial`).

        Args:
            prepared: the run.
            seeds: the seed numbers of the group.
            run_steps: runs all steps from the states at step 0, by calls of `advance`.

        Raises:
            CapacityError: if the networks do not fit into memory.
        """
        ...

    def advance(
        self, shape: Shape, inputs: Inputs, states: Any, schedules: np.ndarray
    ) -> tuple[Any, Mapping[str, Any]]:
        """Record and apply one step for each index of axis 1 of the schedules, (k, steps, 3).

        The last axis has the three coefficients of a step (nag_ntk/schedule.py).

        Returns:
            The new states, and the record, whose arrays have the axes (s, k, steps, ...).
        """
        ...

    def gram_now(self, shape: Shape, inputs: Inputs, states: Any) -> Any:
        """Return H(t) of the current states, (s, k, n, n); `advance` has not yet recorded this step."""
        ...
