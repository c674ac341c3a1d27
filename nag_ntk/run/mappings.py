"""Limit on the memory mappings that compiled programs take in a process.

Each program that XLA compiles for the CPU holds several memory mappings as long as JAX keeps it in a cache. Linux
allows 65,530 mappings per process (`vm.max_map_count`). Some hundred configurations of different shapes reach the
limit; then the next compilation ends the process with a segmentation fault.
"""

import mmap
from pathlib import Path

import jax

LIMIT = Path("/proc/sys/vm/max_map_count")
USED = Path("/proc/self/maps")
SHARE = 0.5
"""Share of the allowed mappings that may be in use before compiled programs are dropped."""
MOST_OF_A_CALL = 400
"""Number of mappings that the programs of one simulation are trusted not to exceed; ten times what is seen."""
_unwatched = 0
"""Number of calls of `watch` that need no count of the mappings."""


def in_use() -> int:
    """Count the memory mappings of this process; return 0 if the system does not list them.

    Cost: about a microsecond per mapping.
    """
    try:
        with USED.open("rb", buffering=0) as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(16 * mmap.PAGESIZE), b""))
    except OSError:
        return 0


def make_room(share: float = SHARE) -> bool:
    """Drop every compiled program of this process if it uses more than a share of the allowed mappings.

    Args:
        share: share of the allowed mappings, between 0 and 1.

    Returns:
        True if programs were dropped (`jax.clear_caches`); they are compiled again at their next use. Always False on a
        system without this limit (not Linux).

    Example:
        >>> make_room(share=1.0)
        False
    """
    try:
        allowed = int(LIMIT.read_text())
    except (OSError, ValueError):
        return False
    if in_use() <= share * allowed:
        return False
    jax.clear_caches()
    return True


def watch() -> bool:
    """Call `make_room` before a simulation, unless so few mappings were in use lately that the limit is out of reach.

    A count takes milliseconds in a process with thousands of mappings, as long as a small simulation does.

    Returns:
        As `make_room`.
    """
    global _unwatched
    if _unwatched > 0:
        _unwatched -= 1
        return False
    try:
        _unwatched = int((SHARE * int(LIMIT.read_text()) - in_use()) / MOST_OF_A_CALL)
    except (OSError, ValueError):
        return False
    return _unwatched <= 0 and make_room()
