"""Drives an engine through all chunks of steps: looks at H(t), probes, checkpoints, progress."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from nag_ntk.checkpoint import Checkpoint
from nag_ntk.devices import fetched
from nag_ntk.engines.engine import Engine
from nag_ntk.prepare import Prepared
from nag_ntk.probe import probe_now


class Driver:
    """Takes one group of seeds after the other through all chunks.

    Args:
        made: the run.
        engine: what advances it.
        gram_path: whether H(t) is looked at every `made.looks` steps, and at the last.
        progress: called with (done, total) in seed-steps between chunks.
        checkpoint: keeper of the run between chunks.
    """

    def __init__(
        self, made: Prepared, engine: Engine, gram_path: bool, progress: Callable[[int, int], None] | None,
        checkpoint: Checkpoint | None,
    ):  # fmt: skip
        self.made, self.engine, self.gram_path = made, engine, gram_path
        self.progress, self.checkpoint = progress, checkpoint
        self._done, self._calls = 0, 0
        rows = made.layout.chunk * made.layout.chunks
        # the end of the last chunk is the end of the run: rows of zeros
        self._paces = np.pad(made.paces, ((0, 0), (0, rows - made.paces.shape[1]), (0, 0)))

    def __call__(self, state: Any, group: Sequence[int], counts: bool = True) -> dict[str, Any]:
        """All chunks of a group; the record of its seeds, on the host.

        Args:
            state: at step 0; it is gone afterwards.
            group: the seed numbers.
            counts: whether these steps count as progress: not when a group is run again.
        """
        made, number = self.made, self._calls
        self._calls += 1
        about = {"seeds": [int(seed) for seed in group], "shape": list(made.shape), "group": made.layout.group}
        kept = None if self.checkpoint is None else self.checkpoint.restore(number, about)
        parts = [] if kept is None else list(kept.parts)
        if kept is not None and 0 < len(parts) < made.layout.chunks:
            state = kept.state(state)
        for index in range(made.layout.chunks):
            if index >= len(parts):
                state, part = self._chunk(state, group, index)
                parts.append(part)
                if self.checkpoint is not None:
                    self.checkpoint.keep(number, about, part, state, index + 1 == made.layout.chunks)
            if counts:
                self._advanced(len(group) * min(made.layout.chunk, made.steps + 1 - index * made.layout.chunk))
        return self._joined(parts)

    def _chunk(self, state: Any, group: Sequence[int], index: int) -> tuple[Any, dict[str, Any]]:
        """The state after a chunk, and what was recorded in it."""
        made, size = self.made, len(group)
        at, part = index * made.layout.chunk, {}
        if self.gram_path and at % made.looks == 0:
            part["gram"] = fetched(self.engine.gram_now(made.shape, made.problem, state), size)
        due = tuple(probe for probe in made.probes if at % probe.every == 0)
        if due:
            drawn = made.layout.filled(group)
            part["probes"] = fetched(probe_now(made.shape, made.problem, due, state, drawn, made.given), size)
        state, recorded = self.engine.advance(
            made.shape, made.problem, state, self._paces[:, at : at + made.layout.chunk]
        )  # fmt: skip
        part["record"] = fetched(recorded, size)
        if self.gram_path and index + 1 == made.layout.chunks and made.steps % made.looks:
            # the state stays at step T
            part["last_gram"] = fetched(self.engine.gram_now(made.shape, made.problem, state), size)
        return state, part

    def _advanced(self, steps: int) -> None:
        self._done += steps
        if self.progress is not None:
            self.progress(self._done, len(self.made.seeds) * (self.made.steps + 1))

    def _joined(self, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The record of all chunks: axes seed, method, step."""
        record = jax.tree.map(
            lambda *xs: np.concatenate(xs, axis=2)[:, :, : self.made.steps + 1], *(part["record"] for part in parts)
        )
        if self.gram_path:
            grams = [part[name] for name in ("gram", "last_gram") for part in parts if name in part]
            record["gram_path"] = np.stack(grams, axis=2)
        if self.made.probes:
            known = [part.get("probes", {}) for part in parts]
            record["probes"] = {
                probe.name: np.stack([found[probe.name] for found in known if probe.name in found], axis=2)
                for probe in self.made.probes
            }
        return record
