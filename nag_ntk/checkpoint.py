"""What simulate asks of a keeper of unfinished runs; where and how the arrays are kept is the keeper's affair.

A run is a sequence of calls: a group of seeds taken through all chunks of steps. After each chunk the keeper is offered
what the chunk recorded and the state; in a later process simulate goes through the same calls, and continues each from
the last chunk that was kept. Everything else (draws, thresholds, the plan) is computed again, bit for bit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np

Part = Mapping[str, Any]
"""What one chunk recorded: nested mappings of arrays."""


class Kept(NamedTuple):
    """The chunks of a call that were kept, and a function from the fresh state to the one after them.

    After the last chunk there is no state, and the function is not called.
    """

    parts: Sequence[Part]
    state: Callable[[Any], Any]


@runtime_checkable
class Checkpoint(Protocol):
    """A keeper of one run.

    `about` describes the call (seeds of the group, chunk, engine, devices): what was kept under another description is
    of no use and must not be returned.
    """

    def restore(self, call: int, about: Mapping[str, Any]) -> Kept | None:
        """What was kept of call number `call`, or None."""
        ...

    def keep(self, call: int, about: Mapping[str, Any], part: Part, state: Any, last: bool) -> None:
        """Take what the next chunk of a call recorded, and the state after it; `last` ends the call.

        The arrays of the state are gone once this returns: the next chunk writes over them.
        """
        ...


def leaves_of(state: Any) -> list[np.ndarray]:
    """The arrays of a state on the host, in order."""
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


def state_like(fresh: Any, leaves: Sequence[np.ndarray]) -> Any:
    """The state whose arrays are `leaves`, laid out over the devices like a fresh one.

    Raises:
        ValueError: if the arrays are those of another state.
    """
    here, form = jax.tree.flatten(fresh)
    if [(x.shape, x.dtype) for x in here] != [(x.shape, x.dtype) for x in leaves]:
        raise ValueError("the kept state has other arrays than this run")
    return form.unflatten([jax.device_put(new, old.sharding) for new, old in zip(leaves, here, strict=True)])
