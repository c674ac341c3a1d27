"""Interface of a store of unfinished runs, from which `simulate` continues an interrupted run.

A run is a sequence of calls; each call runs all chunks of steps for a group of seeds. After each chunk, `simulate`
passes the record of the chunk and the state to the store. In a later process `simulate` makes the same calls and
continues each after the last saved chunk. Everything else (draws, thresholds, the plan) is computed again and is the
same bit for bit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np

Part = Mapping[str, Any]
"""Record of one chunk: nested mappings of arrays."""


class SavedChunks(NamedTuple):
    """The saved chunks of a call.

    Attributes:
        parts: the records of the chunks.
        state: function from the state at step 0 to the state after these chunks; not called after the last chunk.
    """

    parts: Sequence[Part]
    state: Callable[[Any], Any]


@runtime_checkable
class Checkpoint(Protocol):
    """Store of the chunks of one run.

    `about` describes a call (seeds of the group, chunk, engine, devices): the store must return only chunks that were
    saved with the same description.
    """

    def restore(self, call: int, about: Mapping[str, Any]) -> SavedChunks | None:
        """Return the saved chunks of call number `call`, or None."""
        ...

    def keep(self, call: int, about: Mapping[str, Any], part: Part, state: Any, last: bool) -> None:
        """Save the record of the next chunk of a call, and the state after it; `last` ends the call.

        The caller overwrites the arrays of the state in the next chunk, so the store must copy them before it returns.
        """
        ...


def leaves_of(state: Any) -> list[np.ndarray]:
    """Copy the arrays of a state to the host, in order."""
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


def state_like(fresh: Any, leaves: Sequence[np.ndarray]) -> Any:
    """Build the state whose arrays are `leaves`, laid out over the devices like those of `fresh`.

    Raises:
        ValueError: if the arrays are those of another state.
    """
    fresh_leaves, structure = jax.tree.flatten(fresh)
    if [(x.shape, x.dtype) for x in fresh_leaves] != [(x.shape, x.dtype) for x in leaves]:
        raise ValueError("the kept state has other arrays than this run")
    return structure.unflatten([
        jax.device_put(new, old.sharding) for new, old in zip(leaves, fresh_leaves, strict=True)
    ])  # fmt: skip
