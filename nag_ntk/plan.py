"""How a run is cut: chunks of steps, groups of seeds, devices; and the memory estimate made before it starts."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from nag_ntk.errors import CapacityError, InputError

_GROUP_TARGET = 2**28  # bytes of state walked at once: enough to amortise a call, small beside any machine
_STEPS_BETWEEN_PROGRESS = 128


class Plan(NamedTuple):
    """`chunks` chunks of `chunk` observations; seeds in groups of `group`, spread over `devices`; bytes in all."""

    chunk: int
    chunks: int
    group: int
    devices: int
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
    recursion: bool, radii: int, chunk: int | None, limit: int | float | None,
) -> Plan:  # fmt: skip
    """Plan a run and refuse one that cannot fit.

    The estimate counts the state of a group of seeds, the temporaries of one step per device, and the record.

    Raises:
        CapacityError: with the estimate, the limit, and what to make smaller.
    """
    if chunk is not None and (isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1):
        raise InputError(f"chunk must be a positive whole number, got {chunk!r}")
    item = dtype.itemsize
    chunks = -(-(steps + 1) // (chunk or _STEPS_BETWEEN_PROGRESS))
    # a length that was asked for is kept, so that runs of different lengths share one compilation
    length = min(chunk, steps + 1) if chunk else -(-(steps + 1) // chunks)
    state = item * width * (n + 1 + methods * (2 * rows + (n if recursion else 0)))
    # weights being drawn, the product, pre-activations, forcing and masks; copies made by the loop over seeds
    scratch = item * width * (2 * rank + 6 * n + 4 * rows)
    per_step = item * n * (5 if recursion else 1) + 4 * item
    record = seeds * (methods * (steps + 1) * per_step + item * n * (n + radii + 2))
    devices = min(len(jax.local_devices()), seeds)
    group = min(seeds, max(devices, _GROUP_TARGET // state // devices * devices))
    group = -(-group // devices) * devices
    allowed = free_memory() if limit is None else limit
    fixed = 2 * record + devices * scratch
    while group > devices and fixed + 2 * group * state > allowed:
        group -= devices
    while devices > 1 and fixed + 2 * group * state > allowed:
        group = devices = devices - 1
        fixed = 2 * record + devices * scratch
    estimate = int(fixed + 2 * group * state)
    if estimate > allowed:
        raise CapacityError(
            f"the run needs about {readable(estimate)} (record {readable(2 * record)}, one network's state "
            f"{readable(state)}) but {readable(allowed)} may be used: lower width, seeds, steps or samples"
        )
    return Plan(length, chunks, group, devices, estimate)
