"""Time programs in turns, so that other load on the machine affects all of them alike."""

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
        runs: name -> function, compiled already, which returns when its work is done.
        rounds: at least 1.
        clock: returns seconds; a test passes its own.
        least: seconds; a function whose first call is shorter is repeated within a round until this time is reached.

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
                start = clock()
                runs[name]()
                duration = clock() - start
                repeats[name] = max(1, int(np.ceil(least / max(duration, 1e-6))))
                if repeats[name] == 1:
                    seconds[name].append(duration)
                    continue
            start = clock()
            for _ in range(repeats[name]):
                runs[name]()
            seconds[name].append((clock() - start) / repeats[name])
    return seconds


def exponent(values: Sequence[float], seconds: Sequence[float], level: float = 0.05) -> tuple[float, float, float]:
    """Fit the exponent b of seconds ~ value^b by least squares on logarithms.

    Returns:
        b, and the ends of its confidence interval at `level`; the interval is for the slope of the line closest to the
        points, not for the exponent in the limit of large values.

    Source: statistics.slope_interval.

    Example:
        >>> [round(b, 9) for b in exponent([1, 2, 4, 8], [3, 12, 48, 192])]
        [2.0, 2.0, 2.0]
    """
    x, y = np.log(np.asarray(values, float)), np.log(np.asarray(seconds, float))
    low, high = slope_interval(x, y, level)
    return float(least_squares_slope(x, y)), low, high
