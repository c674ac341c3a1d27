"""How a run is cut: chunks of steps, groups of seeds, devices; and the memory estimate made before it starts."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from nag_ntk import neurons
from nag_ntk.errors import CapacityError, InputError

_GROUP_TARGET = 2**28  # bytes of state walked at once: enough to amortise a call, small beside any machine
_STEPS_BETWEEN_PROGRESS = 128


class Plan(NamedTuple):
    """`chunks` chunks of `chunk` observations; seeds in groups of `group`, spread over `devices`; bytes in all.

    The neurons of a network are spread over `across` devices and walked by `length` (0: all at once).
    """

    chunk: int
    chunks: int
    group: int
    devices: int
    across: int
    length: int
    estimate: int

    def groups(self, seeds: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """The seeds in groups of at most `group`."""
        for first in range(0, len(seeds), self.group):
            yield tuple(seeds[first : first + self.group])


def free_memory() -> int:
    """Bytes that a run may take: the accelerator's limit, or the host's available memory."""
    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"]) - int(stats.get("bytes_in_use", 0))
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


def readable(size: int | float) -> str:
    """Bytes in words."""
    return f"{size / 2**30:.3g} GiB" if size >= 2**30 else f"{size / 2**20:.3g} MiB"


def make(
    *, n: int, rank: int, rows: int, width: int, seeds: int, methods: int, steps: int, dtype: np.dtype,
    recursion: bool, radii: int, chunk: int | None, limit: int | float | None, mesh: tuple[int, int] | None = None,
) -> Plan:  # fmt: skip
    """Plan a run and refuse one that cannot fit.

    The estimate counts the state of a group of seeds, the temporaries of each device, and the record. `mesh` is how
    many devices share the seeds, and how many the neurons of each; None: as many for the seeds as there are and fit.

    Raises:
        CapacityError: with the estimate, the limit, and what to make smaller.
    """
    if chunk is not None and (isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1):
        raise InputError(f"chunk must be a positive whole number, got {chunk!r}")
    item = dtype.itemsize
    chunks = -(-(steps + 1) // (chunk or _STEPS_BETWEEN_PROGRESS))
    # a length that was asked for is kept, so that runs of different lengths share one compilation
    steps_each = min(chunk, steps + 1) if chunk else -(-(steps + 1) // chunks)
    devices, across = mesh or (min(len(jax.local_devices()), seeds), 1)
    length = neurons.block_length(max(n, rows))
    count, columns = neurons.blocks(width, across, length)
    held = across * count * columns
    # pre-activations, signs; movement, speed, pattern
    state = held * (item * (n + 1 + methods * 2 * rows) + methods * n)
    state += methods * across * 4 * n * n if recursion else 0
    # while drawing: weights and what they are made from, pre-activations and masks; then, copies made by the loops over
    # seeds and methods, and the product, masks and forcing of a block
    drawing = across * neurons.per_device(width, across) * item * (3 * rank + 3 * n)
    copies = 2 * state
    block = across * columns * item * (5 * n + 3 * rows)
    scratch = max(drawing, copies + block) + across * item * 8 * n * n
    per_step = item * n * (5 if recursion else 1) + 4 * item
    record = seeds * (methods * (steps + 1) * per_step + item * n * (n + radii + 2))
    group = min(seeds, max(devices, _GROUP_TARGET // state // devices * devices))
    group = -(-group // devices) * devices
    allowed = free_memory() if limit is None else limit
    fixed = 2 * record + devices * scratch
    while group > devices and fixed + 2 * group * state > allowed:
        group -= devices
    while mesh is None and devices > 1 and fixed + 2 * group * state > allowed:
        group = devices = devices - 1
        fixed = 2 * record + devices * scratch
    estimate = int(fixed + 2 * group * state)
    if estimate > allowed:
        raise CapacityError(
            f"the run needs about {readable(estimate)} (record {readable(2 * record)}, one network's state "
            f"{readable(state)}) but {readable(allowed)} may be used: lower width, seeds, steps or samples"
        )
    return Plan(steps_each, chunks, group, devices, across, length, estimate)
