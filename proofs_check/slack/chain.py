"""Chains of bounds: each value is replaced by the next, smaller one, and each replacement ("link") is a row.

The values of a chain are averaged over seeds on the logarithmic scale (geometric means), over the same seeds for the
whole chain. So the actual value of a link is the claimed value of the next one, and the losses of consecutive links
add up to the loss of the whole chain: lost(1) + ... + lost(N) = log10(first / last).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np


class Value(NamedTuple):
    """Value of a chain: an array (s,), a number for all seeds, or a sentence with the reason why it does not exist."""

    name: str
    value: Any


class Link(NamedTuple):
    """Replacement of a value by the next one.

    Attributes:
        what: short names of the two values.
        meaning: the source of the loss.
        proved: True if the loss is proved to be at least 0.
    """

    what: str
    meaning: str
    proved: bool


@dataclass(frozen=True)
class SlackRow:
    """Loss of one link of the proof on one run.

    Attributes:
        run, method: their names; method "" for links about the draw alone.
        step: the step of the proof.
        what: short names of the two values.
        lost: orders of magnitude lost, log10(claimed / actual); None if a value does not exist.
        least, most: minimum and maximum over the seeds of log10(claimed / actual).
        claimed, actual: geometric means over the seeds of the two values.
        seeds: number of seeds in the means.
        proved: True if lost >= 0 is a theorem; else it is observed, or true with high probability only.
        meaning: the source of the loss.
        reason: why lost is None, or "".
    """

    run: str
    method: str
    step: str
    what: str
    lost: float | None
    least: float | None
    most: float | None
    claimed: float | None
    actual: float | None
    seeds: int
    proved: bool
    meaning: str
    reason: str = ""

    def to_row(self) -> dict[str, Any]:
        """Convert to plain values that JSON can hold."""
        return asdict(self)


def rows(run: str, method: str, step: str, values: Sequence[Value], links: Sequence[Link]) -> tuple[SlackRow, ...]:
    """Compute the row of every link of a chain.

    Args:
        run: name of the run.
        method: name of the method, or "".
        step: name of the step of the proof.
        values: one more than links. Seeds in which some value is not positive and finite are left out of the whole
            chain; a value without any such seed has no logarithm, and its two links are not separable.
        links: the replacements between consecutive values.

    Returns:
        The rows, in order.

    Raises:
        ValueError: if there is not exactly one more value than links.

    Example:
        >>> values = [Value("n", 8.0), Value("F", np.array([4.0, 1.0])), Value("2", np.array([2.0, 1.0]))]
        >>> links = [Link("n/F", "", True), Link("F/2", "", True)]
        >>> [(row.what, round(row.lost, 3)) for row in rows("a", "", "gram", values, links)]
        [('n/F', 0.602), ('F/2', 0.151)]
    """
    if len(values) != len(links) + 1:
        raise ValueError(f"expected one more value than links, got {len(values)} values and {len(links)} links")
    usable = [_logarithms(value) for value in values]
    existing = [value for value in usable if not isinstance(value, str)]
    common = np.logical_and.reduce(np.broadcast_arrays(*map(np.isfinite, existing))) if existing else np.zeros(1, bool)
    result = []
    for i, link in enumerate(links):
        pair = usable[i : i + 2]
        problems = dict.fromkeys(value for value in pair if isinstance(value, str))
        if not problems and not common.any():
            problems = {"in no seed are all values of this step positive and finite": None}
        if problems:
            numbers = (None, None, None, None, None)
        else:
            high, low = (np.broadcast_to(value, common.shape)[common] for value in pair)
            ratio = high - low
            means = (10.0 ** float(high.mean()), 10.0 ** float(low.mean()))
            numbers = (float(ratio.mean()), float(ratio.min()), float(ratio.max()), *means)
        count = 0 if problems else int(common.sum())
        text = "; ".join(problems)
        result.append(SlackRow(run, method, step, link.what, *numbers, count, link.proved, link.meaning, text))
    return tuple(result)


def _logarithms(value: Value) -> np.ndarray | str:
    """Compute decimal logarithms, (s,) or (1,), NaN for values without one; return the reason if no value has one."""
    if isinstance(value.value, str):
        return value.value
    array = np.atleast_1d(np.asarray(value.value, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.where(np.isfinite(array) & (array > 0), np.log10(array), np.nan)
    if np.isfinite(logarithm).any():
        return logarithm
    return f"{value.name} is {'0' if (array == 0).all() else 'not positive and finite'} in every seed"
