"""Driver of an engine through all chunks of steps, with records of H(t), probes, checkpoints and progress."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from nag_ntk.engines.engine import Engine
from nag_ntk.engines.measure import probe_now
from nag_ntk.engines.prepared import Prepared
from nag_ntk.run.checkpoint import Checkpoint
from nag_ntk.run.devices import fetch


class Driver:
    """Callable that runs all chunks of steps of a group of seeds; `Engine.train` gets it as `run_steps`.

    Args:
        prepared: the run.
        engine: the engine of the run.
        record_gram: True to record H(t) every `prepared.gram_interval` steps, and at the last step.
        progress: called between chunks with the completed and the total number of seed-steps.
        checkpoint: store of the finished chunks.
        before: the driver of the other methods of the run, which has finished; its calls and steps are counted on.
        parts: number of drivers of the run.
    """

    def __init__(
        self, prepared: Prepared, engine: Engine, record_gram: bool, progress: Callable[[int, int], None] | None,
        checkpoint: Checkpoint | None, before: "Driver | None" = None, parts: int = 1,
    ):  # fmt: skip
        self.prepared, self.engine, self.record_gram = prepared, engine, record_gram
        self.progress, self.checkpoint = progress, checkpoint
        self._done, self._calls = (0, 0) if before is None else (before._done, before._calls)
        self._parts, self._probe_now = parts, getattr(engine, "probe_now", probe_now)
        rows = prepared.layout.chunk * prepared.layout.chunks
        # zeros to the end of the last chunk, so that the networks stay constant after step T
        self._schedules = np.pad(prepared.schedules, ((0, 0), (0, rows - prepared.schedules.shape[1]), (0, 0)))

    def __call__(self, states: Any, seeds: Sequence[int], counts: bool = True) -> dict[str, Any]:
        """Run all chunks of a group of seeds.

        Args:
            states: the states at step 0; donated.
            seeds: the seed numbers.
            counts: True to count these steps as progress; False when an engine repeats a group to make it exact.

        Returns:
            The record of the seeds on the host, arrays (seed s, method k, step T+1, ...).
        """
        plan, steps, call_index = self.prepared.layout, self.prepared.steps, self._calls
        self._calls += 1
        *shape, deviation, init = self.prepared.shape
        identity = {"seeds": [int(seed) for seed in seeds], "shape": shape, "group": plan.group}
        # left out else, as in the chunks that earlier versions saved
        if init != "independent":
            identity["init"] = init
        if deviation:
            identity["deviation"] = True
        saved = None if self.checkpoint is None else self.checkpoint.restore(call_index, identity)
        parts = [] if saved is None else list(saved.parts)
        if saved is not None and 0 < len(parts) < plan.chunks:
            states = saved.state(states)
        for index in range(plan.chunks):
            if index >= len(parts):
                states, part = self._run_chunk(states, seeds, index)
                parts.append(part)
                if self.checkpoint is not None:
                    self.checkpoint.keep(call_index, identity, part, states, index + 1 == plan.chunks)
            if counts:
                self._report(len(seeds) * min(plan.chunk, steps + 1 - index * plan.chunk))
        return self._join(parts)

    def _run_chunk(self, states: Any, seeds: Sequence[int], index: int) -> tuple[Any, dict[str, Any]]:
        """Run one chunk; return the states after the chunk, and its record."""
        prepared, size = self.prepared, len(seeds)
        first, part = index * prepared.layout.chunk, {}
        if self.record_gram and first % prepared.gram_interval == 0:
            part["gram"] = fetch(self.engine.gram_now(prepared.shape, prepared.inputs, states), size)
        due = tuple(probe for probe in prepared.probes if first % probe.every == 0)
        if due:
            padded = prepared.layout.pad_group(seeds)
            measured = self._probe_now(prepared.shape, prepared.inputs, due, states, padded, prepared.initial)
            part["probes"] = fetch(measured, size)
        schedules = self._schedules[:, first : first + prepared.layout.chunk]
        states, recorded = self.engine.advance(prepared.shape, prepared.inputs, states, schedules)
        part["record"] = fetch(recorded, size)
        last = index + 1 == prepared.layout.chunks
        if self.record_gram and last and prepared.steps % prepared.gram_interval:
            # the schedules are 0 after step T, so these are the states at step T
            part["last_gram"] = fetch(self.engine.gram_now(prepared.shape, prepared.inputs, states), size)
        return states, part

    def _report(self, steps: int) -> None:
        """Add completed seed-steps to the progress, and report it."""
        self._done += steps
        if self.progress is not None:
            self.progress(self._done, self._parts * len(self.prepared.seeds) * (self.prepared.steps + 1))

    def _join(self, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Concatenate the records of all chunks along axis 2 (seed, method, step)."""
        record = jax.tree.map(
            lambda *xs: np.concatenate(xs, axis=2)[:, :, : self.prepared.steps + 1], *(part["record"] for part in parts)
        )
        if self.record_gram:
            grams = [part[name] for name in ("gram", "last_gram") for part in parts if name in part]
            record["gram_path"] = np.stack(grams, axis=2)
        if self.prepared.probes:
            measurements = [part.get("probes", {}) for part in parts]
            record["probes"] = {
                probe.name: np.stack([each[probe.name] for each in measurements if probe.name in each], axis=2)
                for probe in self.prepared.probes
            }
        return record
