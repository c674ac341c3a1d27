"""How a run is cut: chunks of steps, groups of seeds, devices; and the memory estimate made before it starts."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from nag_ntk import neurons
from nag_ntk.errors import CapacityError, InputError

_GROUP_TARGET = 2**28  # bytes of state walked at once: enough to amortise a call, small beside any machine
STEPS_BETWEEN_PROGRESS = 128


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

    def filled(self, seeds: Sequence[int]) -> np.ndarray:
        """The seed numbers of a group, the last one repeated to fill it up."""
        return np.array([*seeds, *[seeds[-1]] * (self.group - len(seeds))], dtype=np.uint32)


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


def widest(fits: Callable[[int], bool], width: int) -> int:
    """The largest width below `width` that fits, 0 if none does; what fits, fits at every smaller width too.

    Example:
        >>> widest(lambda width: width**2 <= 200, 1000), widest(lambda width: False, 10)
        (14, 0)
    """
    low, high = 0, width
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def advice(fits: Callable[[int], bool], width: int) -> str:
    """What to do about a run that does not fit: the width that would, as three digits, or what else to lower."""
    found = widest(fits, width)
    if found == 0:
        return "no width would fit: lower seeds, steps or samples"
    unit = 10 ** max(len(str(found)) - 3, 0)
    return f"a width of {found // unit * unit:,} would fit; or lower seeds, steps or samples"


def stride(every: Sequence[int], chunk: int) -> int:
    """The longest chunk of at most `chunk` steps such that every multiple of the numbers in `every` begins one.

    Example:
        >>> stride([10, 25], 128), stride([1000], 128)
        (5, 125)
    """
    common = math.gcd(*every)
    return next(length for length in range(min(chunk, common), 0, -1) if common % length == 0)


def looks(steps: int, every: Sequence[int] = ()) -> int:
    """Steps from one look at H(t) to the next, about STEPS_BETWEEN_PROGRESS, whatever the chunks.

    The run is cut evenly; a multiple of 6, so that shorter chunks divide it well. It fits in with measurements that are
    taken every so many steps.

    Example:
        >>> looks(500), looks(300), looks(20), looks(500, [10, 25])
        (126, 102, 24, 125)
    """
    pieces = -(-(steps + 1) // STEPS_BETWEEN_PROGRESS)
    usual = -(-(steps + 1) // (6 * pieces)) * 6
    each = stride(every, usual) if every else 1
    return usual // each * each


def make(
    *, n: int, rank: int, rows: int, width: int, columns: Callable[[int], int], seeds: int, methods: int, steps: int,
    dtype: np.dtype, recursion: bool, radii: int, chunk: int | None, limit: int | float | None,
    mesh: tuple[int, int] | None = None, copied: int = 0, probed: int | None = None,
) -> Plan:  # fmt: skip
    """Plan a run and refuse one that cannot fit.

    The estimate counts the state of a group of seeds, the temporaries of each device, and the record. `columns` says
    how many neurons of a network of some width are held. `mesh` is how many devices share the seeds, and how many the
    neurons of each; None: as many for the seeds as there are and fit. `copied` bytes per column lie on the host. With
    probes, `probed` bytes are recorded of a seed and method, and a whole network is laid out beside the state.

    Raises:
        CapacityError: with the estimate, the limit, and the width that would fit.
    """
    if chunk is not None and (isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1):
        raise InputError(f"chunk must be a positive whole number, got {chunk!r}")
    item = dtype.itemsize
    chunks = -(-(steps + 1) // (chunk or STEPS_BETWEEN_PROGRESS))
    # a length that was asked for is kept, so that runs of different lengths share one compilation
    steps_each = min(chunk, steps + 1) if chunk else -(-(steps + 1) // chunks)
    devices, across = mesh or (min(len(jax.local_devices()), seeds), 1)
    length = neurons.block_length(max(n, rows), devices * across)

    def sizes(width: int) -> tuple[int, int]:
        """Bytes of one network's state, and of what a device needs beside it."""
        held = columns(width)
        count, each = neurons.blocks(held, across, length)
        total = across * count * each
        # pre-activations, signs; movement, speed, pattern
        state = total * (item * (n + 1 + methods * 2 * rows) + methods * n)
        state += methods * across * 4 * n * n if recursion else 0
        # while drawing: weights and what they are made from, pre-activations and masks; then, copies made by the loops
        # over seeds and methods, and the product, masks and forcing of a block
        drawing = across * neurons.per_device(held, across) * item * (3 * rank + 3 * n)
        block = across * each * item * (5 * n + 3 * rows)
        # a snapshot: W(0) drawn, movement and pre-activations, in blocks and neurons first
        snapshot = 0 if probed is None else width * item * (4 * rank + 3 * n + 3)
        return state, max(drawing, 2 * state + block, state + snapshot) + across * item * 8 * n * n

    per_step = item * n * (5 if recursion else 1) + 4 * item
    record = seeds * (methods * ((steps + 1) * per_step + (probed or 0)) + item * n * (n + radii + 2))

    def drawn(width: int) -> int:
        """Bytes of one network, which lies beside the state until the state is made."""
        return neurons.held(columns(width), across) * item * (rank + 1)

    def needed(width: int, group: int, devices: int) -> int:
        state, scratch = sizes(width)
        each = state + max(state, drawn(width)) + copied * columns(width)
        return 2 * record + devices * scratch + group * each

    state, _ = sizes(width)
    group = min(seeds, max(devices, _GROUP_TARGET // max(state, drawn(width)) // devices * devices))
    group = -(-group // devices) * devices
    allowed = free_memory() if limit is None else limit
    while group > devices and needed(width, group, devices) > allowed:
        group -= devices
    while mesh is None and devices > 1 and needed(width, group, devices) > allowed:
        group = devices = devices - 1
    estimate = needed(width, group, devices)
    if estimate > allowed:
        would = advice(lambda width: needed(width, devices, devices) <= allowed, width)
        raise CapacityError(
            f"the run needs about {readable(estimate)} (record {readable(2 * record)}, one network's state "
            f"{readable(state)}) but {readable(allowed)} may be used: {would}"
        )
    return Plan(steps_each, chunks, group, devices, across, length, estimate)
