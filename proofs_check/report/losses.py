"""Sums of the losses of a proof: per run, step of the proof and method, in orders of magnitude."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Loss(NamedTuple):
    """Sum of the losses of one or more links of the proof.

    Attributes:
        lost: log10 of the product of the factors that the links lose; 0 if none has a number.
        partial: True if a link has no number, so that the sum is a lower bound.
        known: True if a link has a number.
    """

    lost: float = 0.0
    partial: bool = False
    known: bool = False

    def plus(self, lost: Any) -> "Loss":
        """Add a link, whose loss is None where it has no number."""
        if lost is None or not math.isfinite(float(lost)):
            return self._replace(partial=True)
        return self._replace(lost=self.lost + float(lost), known=True)


def summed(rows: Sequence[Mapping[str, Any]], links: bool = False) -> dict[str, dict[str, Loss]]:
    """Add up losses: step of the proof -> method -> sum.

    Args:
        rows: losses of one run, as in results.json.
        links: True for sums per "step: link" in place of the step.

    Example:
        >>> row = {"run": "a", "method": "nesterov", "step": "rate", "what": "first", "lost": 0.25}
        >>> summed([row, {**row, "what": "second", "lost": None}])
        {'rate': {'nesterov': Loss(lost=0.25, partial=True, known=True)}}
        >>> list(summed([row], links=True))
        ['rate: first']
    """
    sums: dict[str, dict[str, Loss]] = {}
    for row in rows:
        by_method = sums.setdefault(f"{row['step']}: {row['what']}" if links else row["step"], {})
        by_method[row["method"]] = by_method.get(row["method"], Loss()).plus(row["lost"])
    return sums


def by_run(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Sort losses by run, in the order in which the runs first appear."""
    return {run: [row for row in rows if row["run"] == run] for run in dict.fromkeys(row["run"] for row in rows)}
