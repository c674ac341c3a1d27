"""Plan of a run: chunks of steps, groups of seeds, devices, and an estimate of the memory."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from nag_ntk.errors import CapacityError, InputError
from nag_ntk.run import neurons

_GROUP_TARGET = 2**28  # bytes of state in a group: large enough to amortise a call, small for every machine
STEPS_BETWEEN_PROGRESS = 128


class Plan(NamedTuple):
    """Division of a run into chunks and groups, and the memory that it takes.

    Attributes:
        chunk: number of steps in a chunk.
        chunks: number of chunks.
        group: number of seeds that are trained together.
        devices: number of devices that the seeds of a group are spread over.
        neuron_devices: number of devices that the neurons of each network are spread over.
        block_length: neurons processed at a time; 0 for all of them.
        estimate: total bytes of the run.
    """

    chunk: int
    chunks: int
    group: int
    devices: int
    neuron_devices: int
    block_length: int
    estimate: int

    def groups(self, seeds: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """Split the seeds into groups of at most `group`."""
        for first in range(0, len(seeds), self.group):
            yield tuple(seeds[first : first + self.group])

    def pad_group(self, seeds: Sequence[int]) -> np.ndarray:
        """Return the seed numbers of a group, (group,) uint32, the last one repeated as padding."""
        return np.array([*seeds, *[seeds[-1]] * (self.group - len(seeds))], dtype=np.uint32)


def free_memory() -> int:
    """Return the bytes that a run may take: the accelerator's limit, or the host's available memory."""
    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"]) - int(stats.get("bytes_in_use", 0))
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


def format_bytes(size: int | float) -> str:
    """Format a number of bytes in MiB or GiB.

    Example:
        >>> format_bytes(3 * 2**29), format_bytes(2**20)
        ('1.5 GiB', '1 MiB')
    """
    return f"{size / 2**30:.3g} GiB" if size >= 2**30 else f"{size / 2**20:.3g} MiB"


def largest_width(fits: Callable[[int], bool], width: int) -> int:
    """Find the largest width below `width` that fits, by bisection; 0 if none does.

    Example:
        >>> largest_width(lambda width: width**2 <= 200, 1000), largest_width(lambda width: False, 10)
        (14, 0)
    """
    low, high = 0, width
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def advice(fits: Callable[[int], bool], width: int) -> str:
    """Advise on a run that does not fit: name the largest width that fits, to three digits, or what else to lower."""
    fitting = largest_width(fits, width)
    if fitting == 0:
        return "no width would fit: lower seeds, steps or samples"
    unit = 10 ** max(len(str(fitting)) - 3, 0)
    return f"a width of {fitting // unit * unit:,} would fit; or lower seeds, steps or samples"


def common_chunk(intervals: Sequence[int], chunk: int) -> int:
    """Find the longest chunk of at most `chunk` steps whose length divides all intervals.

    Example:
        >>> common_chunk([10, 25], 128), common_chunk([1000], 128)
        (5, 125)
    """
    common = math.gcd(*intervals)
    return next(length for length in range(min(chunk, common), 0, -1) if common % length == 0)


def gram_interval(steps: int, intervals: Sequence[int] = ()) -> int:
    """Choose the number of steps between two recorded H(t), about STEPS_BETWEEN_PROGRESS, whatever the plan's chunks.

    The run is divided into intervals of nearly equal length. Their length is a multiple of 6, so that it has many
    divisors as chunk lengths; with probes it is the largest multiple, up to that, of a length that divides the
    interval of every probe.

    Args:
        steps: T.
        intervals: numbers of steps between two measurements, one for each probe.

    Example (24 > 20: only the first and the last step):
        >>> gram_interval(500), gram_interval(300), gram_interval(20), gram_interval(500, [10, 25])
        (126, 102, 24, 125)
    """
    pieces = -(-(steps + 1) // STEPS_BETWEEN_PROGRESS)
    interval = -(-(steps + 1) // (6 * pieces)) * 6
    divisor = common_chunk(intervals, interval) if intervals else 1
    return interval // divisor * divisor


def make_plan(
    *, n: int, rank: int, rows: int, width: int, columns: Callable[[int], int], seeds: int, methods: int, steps: int,
    dtype: np.dtype, recursion: bool, radii: int, chunk: int | None, limit: int | float | None,
    mesh: tuple[int, int] | None = None, host_bytes: int = 0, probe_bytes: int | None = None, deviation: bool = False,
    batched: bool = False,
) -> Plan:  # fmt: skip
    """Plan a run; refuse one that does not fit into memory.

    The estimate counts the state of a group of seeds, the temporaries of each device, and the record. A batched engine
    has the temporaries of all networks of a group at once; its group is as large as fits an accelerator.

    Args:
        n: number of samples.
        rank: p, dimension of the inputs' span.
        rows: numbers per neuron that store its movement, and as many its momentum term.
        width: m.
        columns: width -> number of neurons whose state is stored; the screened engine stores fewer than m.
        seeds: number of seeds.
        methods: number of methods.
        steps: T.
        dtype: floating type of the run.
        recursion: True if the terms of the residual recursion are recorded.
        radii: number of values per sample and seed that are recorded at step 0 for the requested radii.
        chunk: number of steps in a chunk; None to choose it.
        limit: bytes that the run may use; the free memory if None.
        mesh: numbers of devices over the seeds and over the neurons; None: all local devices over the seeds, fewer if
            memory is short.
        host_bytes: bytes per column on the host in addition to the state.
        probe_bytes: bytes of the records of probes per seed and method; None without probes. Probes need the memory
            of a whole network in addition to the state.
        deviation: True if the deviation from the linear model is recorded.
        batched: True for a batched engine.

    Raises:
        CapacityError: with the estimate, the limit, and the width that would fit.
        InputError: for a chunk that is no positive whole number.
    """
    if chunk is not None and (isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1):
        raise InputError(f"chunk must be a positive whole number, got {chunk!r}")
    item = dtype.itemsize
    chunks = -(-(steps + 1) // (chunk or STEPS_BETWEEN_PROGRESS))
    # a given length is not changed, so that runs of different lengths share one compilation
    chunk_steps = min(chunk, steps + 1) if chunk else -(-(steps + 1) // chunks)
    devices, neuron_devices = mesh or (min(len(jax.local_devices()), seeds), 1)
    length = 0 if batched else neurons.block_length(max(n, rows), devices * neuron_devices)

    def sizes(width: int) -> tuple[int, int]:
        """Return the bytes of one network's state, and of the temporaries of a network on all of its devices."""
        stored = columns(width)
        blocks, block_size = neurons.block_layout(stored, neuron_devices, length)
        total = neuron_devices * blocks * block_size
        # per neuron: n pre-activations and a sign; per method its movement and momentum term, and a pattern of n bytes
        state = total * (item * (n + 1 + methods * 2 * rows) + methods * n)
        state += methods * neuron_devices * 4 * n * n if recursion else 0
        # the batched engines keep the pre-activations of the step before
        state += methods * total * item * n if recursion and batched else 0
        # the pairs that ever flipped and their neurons, two matrices of counts, and seven vectors
        state += methods * (total * (n + 1) + neuron_devices * (8 * n * n + 7 * item * n)) if deviation else 0
        # the draw: weights, random bits, pre-activations and masks
        drawing = neuron_devices * neurons.per_device(stored, neuron_devices) * item * (3 * rank + 3 * n)
        # a step: the product, masks and forcing (the masked residual in the form of the state) of a block
        block = neuron_devices * block_size * item * (5 * n + 3 * rows)
        if batched:  # as XLA counts them; the patterns again in the type of a product, and 0/1 for flags
            flags = n * (recursion * (3 * item + 12) + deviation * (item + 12))
            block = methods * total * (item * (7 * n + 2 * rows) + flags)
        # a snapshot of a probe: W(0), movement and pre-activations, in two layouts
        snapshot = 0 if probe_bytes is None else width * item * (4 * rank + 3 * n + 3)
        return state, max(drawing, 2 * state + block, state + snapshot) + neuron_devices * item * 8 * n * n

    per_step = item * n * (1 + 4 * recursion + 3 * deviation) + item * (4 + 2 * deviation)
    record = seeds * (methods * ((steps + 1) * per_step + (probe_bytes or 0)) + item * n * (n + radii + 2))

    def network_bytes(width: int) -> int:
        """Return the bytes of one drawn network, which is in memory until its state is made."""
        return neurons.drawn_width(columns(width), neuron_devices) * item * (rank + 1)

    def needed(width: int, group: int, devices: int) -> int:
        """Return the total bytes of a run."""
        state, scratch = sizes(width)
        per_seed = state + max(state, network_bytes(width)) + host_bytes * columns(width)
        # the record twice: the parts of all chunks, and their concatenation
        return 2 * record + (group if batched else devices) * scratch + group * per_seed

    state, _ = sizes(width)
    per_device = -(-seeds // devices)
    if not batched or jax.default_backend() == "cpu":
        per_device = min(per_device, max(1, _GROUP_TARGET // max(state, network_bytes(width)) // devices))
    allowed = free_memory() if limit is None else limit
    per_device = max(1, largest_width(lambda each: needed(width, each * devices, devices) <= allowed, per_device + 1))
    if batched:  # groups of nearly equal size: the last one is filled up
        per_device = -(-seeds // (devices * -(-seeds // (devices * per_device))))
    group = per_device * devices
    while mesh is None and devices > 1 and needed(width, group, devices) > allowed:
        group = devices = devices - 1
    estimate = needed(width, group, devices)
    if estimate > allowed:
        hint = advice(lambda width: needed(width, devices, devices) <= allowed, width)
        raise CapacityError(
            f"the run needs about {format_bytes(estimate)} (record {format_bytes(2 * record)}, one network's state "
            f"{format_bytes(state)}) but {format_bytes(allowed)} may be used: {hint}"
        )
    return Plan(chunk_steps, chunks, group, devices, neuron_devices, length, estimate)
