"""Interface of an engine: an exact way to train a group of networks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from nag_ntk.engines.prepared import Prepared
from nag_ntk.run.inputs import Inputs, Shape
from nag_ntk.run.trajectory import Screening

RunSteps = Callable[..., Mapping[str, Any]]
"""Function (states, seeds, counts=True) -> the record of these seeds over all steps.

With counts=False the steps are left out of the reported progress.
"""


class Outcome(NamedTuple):
    """A trained group of networks; axis 0 of every array counts the seeds.

    Attributes:
        record: of every step, (s, k, T+1, ...): residual, flips, undecided, distance, flip_reach, and the quantities
            that the user requested.
        initial: of step 0, (s, ...): initial_gram, overlap_range, mean_size, mean_square, near_boundary, checksum.
        screening: statistics of the screened engine, or None.
    """

    record: Mapping[str, Any]
    initial: Mapping[str, Any]
    screening: Screening | None = None


@runtime_checkable
class Engine(Protocol):
    """An exact way to train networks: a module or an object with these three functions.

    `nag_ntk.engines.registry.ENGINES` has them by the names of simulate(engine=...).
    """

    def train(self, prepared: Prepared, seeds: Sequence[int], run_steps: RunSteps) -> Outcome:
        """Lay out the networks of a group of seeds, or the given one, and run all steps until the result is exact.

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
        """Record and apply one step for each row of the schedules, (k, steps, 3).

        Returns:
            The new states, and the record, whose arrays have the axes (s, k, steps, ...).
        """
        ...

    def gram_now(self, shape: Shape, inputs: Inputs, states: Any) -> Any:
        """Compute H(t) at the step of the states, which is not yet recorded, (s, k, n, n)."""
        ...
