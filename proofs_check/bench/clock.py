"""Timing of contestants in turns, so that other load on the machine falls on all of them alike."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from proofs_check.statistics import least_squares_slope, slope_interval

LEAST_SECONDS = 0.05
"""Least duration of a measurement: shorter calls are repeated."""


def interleaved(
    runs: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
    least: float = LEAST_SECONDS,
) -> dict[str, list[float]]:
    """Measure the seconds per call of each function, one number per round; the order is reversed after every round.

    Args:
        runs: functions by name, compiled already; each returns when its work is done.
        rounds: at least 1.
        clock: returns seconds; a test passes its own.
        least: a call shorter than this is repeated within a round, as often as its first call says.

    Example:
        >>> ticks = iter(range(100))
        >>> interleaved({"a": lambda: None, "b": lambda: None}, 3, clock=lambda: float(next(ticks)))
        {'a': [1.0, 1.0, 1.0], 'b': [1.0, 1.0, 1.0]}
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    repeats: dict[str, int] = {}
    for turn in range(rounds):
        names = list(runs)[:: 1 if turn % 2 == 0 else -1]
        for name in names:
            if name not in repeats:
                began = clock()
                runs[name]()
                spent = clock() - began
                repeats[name] = max(1, int(np.ceil(least / max(spent, 1e-6))))
                if repeats[name] == 1:
                    seconds[name].append(spent)
                    continue
            began = clock()
            for _ in range(repeats[name]):
                runs[name]()
            seconds[name].append((clock() - began) / repeats[name])
    return seconds


def exponent(values: Sequence[float], seconds: Sequence[float], level: float = 0.05) -> tuple[float, float, float]:
    """Fit the exponent b of seconds ~ value^b by least squares on logarithms.

    Returns:
        b, and the ends of its interval at `level`, an interval for the line closest to the points, not for the limit.

    Source: statistics.slope_interval.

    Example:
        >>> [round(b, 9) for b in exponent([1, 2, 4, 8], [3, 12, 48, 192])]
        [2.0, 2.0, 2.0]
    """
    x, y = np.log(np.asarray(values, float)), np.log(np.asarray(seconds, float))
    low, high = slope_interval(x, y, level)
    return float(least_squares_slope(x, y)), low, high
