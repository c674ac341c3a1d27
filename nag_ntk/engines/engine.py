"""An engine: what simulate needs of whatever trains a group of networks exactly."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from nag_ntk.problem import Problem, Shape
from nag_ntk.trajectory import Screening

if TYPE_CHECKING:
    from nag_ntk.prepare import Prepared

Drive = Callable[..., Mapping[str, Any]]
"""(state, seeds, counts=True) -> the record of these seeds over all steps; `counts`: whether progress is reported."""


class Outcome(NamedTuple):
    """A trained group of networks; axis 0 of every array counts the seeds.

    Attributes:
        record: of every step, (s, k, T+1, ...): residual, flips, undecided, distance, flip_reach, what was asked for.
        begun: of step 0, (s, ...): initial_gram, overlap_range, mean_size, mean_square, near_boundary, checksum.
        screening: how the screened engine did, or None.
    """

    record: Mapping[str, Any]
    begun: Mapping[str, Any]
    screening: Screening | None = None


@runtime_checkable
class Engine(Protocol):
    """An exact way to train networks: a module or an object with these three functions.

    `nag_ntk.engines.registry.ENGINES` has them by the names of simulate(engine=...).
    """

    def train(self, made: "Prepared", group: Sequence[int], drive: Drive) -> Outcome:
        """Lay out the networks of these seeds, or the given one, and have them driven through all steps until exact.

        Raises:
            CapacityError: if they do not fit into memory.
        """
        ...

    def advance(self, shape: Shape, problem: Problem, state: Any, paces: np.ndarray) -> tuple[Any, Mapping[str, Any]]:
        """Observe and step once per row of `paces`, (k, steps, 3); the new state, and records (s, k, steps, ...)."""
        ...

    def gram_now(self, shape: Shape, problem: Problem, state: Any) -> Any:
        """H at the step that the states are about to be observed at, (s, k, n, n)."""
        ...
