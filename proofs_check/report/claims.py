"""Table of a study's claims: a line per claim, grouped by step of the proof, and a column per run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Group:
    """Claims of one step of the proof.

    Attributes:
        name: of the step; "" if the store does not say.
        runs: names of the runs in which the claims were judged, the columns.
        claims: id of a claim -> run -> its finding, a row of results.json.
    """

    name: str
    runs: tuple[str, ...]
    claims: Mapping[str, Mapping[str, Mapping[str, Any]]]


def grouped(rows: Sequence[Mapping[str, Any]], lemmas: Sequence[Mapping[str, Any]] = ()) -> list[Group]:
    """Sort findings into groups, in the order of the proof.

    Args:
        rows: findings, as in results.json.
        lemmas: descriptions of the lemmas, as in results.json.

    Example:
        >>> rows = [{"lemma": "distance", "run": "a"}, {"lemma": "gram-positive", "run": "a"},
        ...         {"lemma": "distance", "run": "b"}]
        >>> for group in grouped(rows, [{"id": "gram-positive", "group": "Gram matrix"}]):
        ...     print(group.name, group.runs, list(group.claims))
        Gram matrix ('a',) ['gram-positive']
         ('a', 'b') ['distance']
    """
    belongs = {facts["id"]: facts["group"] for facts in lemmas}
    order = {name: place for place, name in enumerate(belongs)}
    runs = list(dict.fromkeys(row["run"] for row in rows))
    found: dict[str, dict[str, dict[str, Mapping[str, Any]]]] = {name: {} for name in belongs.values()}
    for row in sorted(rows, key=lambda row: order.get(lemma_of(row), len(order))):
        found.setdefault(belongs.get(lemma_of(row), ""), {}).setdefault(row["lemma"], {})[row["run"]] = row
    return [
        Group(name, tuple(run for run in runs if any(run in cells for cells in claims.values())), claims)
        for name, claims in found.items()
        if claims
    ]


def lemma_of(row: Mapping[str, Any]) -> str:
    """Return the id of a finding's lemma, without the name of its part.

    Example:
        >>> lemma_of({"lemma": "gram-concentration/chernoff"})
        'gram-concentration'
    """
    return row["lemma"].partition("/")[0]


def alike(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """Split groups into stretches that have the same columns."""
    stretch: list[Group] = []
    for group in groups:
        if stretch and group.runs != stretch[0].runs:
            yield stretch
            stretch = []
        stretch.append(group)
    if stretch:
        yield stretch


LEAST = 3
"""Least number of runs whose columns are headed by what differs between them, instead of their names."""
_NUMBER = re.compile(r"[+-]?\d[\d.,]*(e[+-]?\d+)?")
PROVEN = ("SUPPORTED", "CERTIFIED")
"""Verdicts whose reasons are shown only on demand."""


@dataclass(frozen=True)
class Headings:
    """Headings of the columns of a table of claims.

    Attributes:
        axes: names of what differs between the runs, such as "width"; () where the columns are headed by names of runs.
        columns: run -> its values on the axes, or its name and width.
    """

    axes: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]

    def label(self, run: str) -> str:
        """Name a run in a sentence: "width 128, samples 8", or the run's name where there are no axes."""
        if not self.axes or run not in self.columns:
            return run
        return ", ".join(" ".join(pair) for pair in zip(self.axes, self.columns[run], strict=True))


def headings(runs: Sequence[str], summaries: Sequence[Mapping[str, Any]]) -> Headings:
    """Head each column by the values that differ between the runs; by the run's name if there are few, or none differ.

    Args:
        runs: names of the runs, the columns.
        summaries: of runs, as in results.json; those of a sweep say under `at` where in its grid they are.

    Example:
        >>> data = {"name": "digits-8"}
        >>> runs = [{"run": f"m{width}", "width": width, "steps": 9, "data": data} for width in (64, 256, 1024)]
        >>> headings(["m64", "m256", "m1024"], runs)
        Headings(axes=('width',), columns={'m64': ('64',), 'm256': ('256',), 'm1024': ('1,024',)})
        >>> headings(["m64"], runs)
        Headings(axes=(), columns={'m64': ('m64, m = 64',)})
    """
    known = {summary["run"]: summary for summary in summaries}
    if len(runs) >= LEAST and all(run in known for run in runs):
        points = [known[run].get("at") or {} for run in runs]
        if not points[0] or any(set(point) != set(points[0]) for point in points):
            facts = [known[run] for run in runs]
            points = [{"width": one["width"], "data": one["data"]["name"], "steps": one["steps"]} for one in facts]
        axes = tuple(axis for axis in points[0] if len({str(point[axis]) for point in points}) > 1)
        placed = [tuple(_value(point[axis]) for axis in axes) for point in points]
        if len(set(placed)) == len(runs):
            return Headings(axes, dict(zip(runs, placed, strict=True)))
    widths = {run: f", m = {known[run]['width']:,}" if run in known else "" for run in runs}
    return Headings((), {run: (run + widths[run],) for run in runs})


def _value(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def reasons(
    cells: Mapping[str, Mapping[str, Any]], above: Headings, runs: Sequence[str], verbose: bool = False
) -> Iterator[tuple[str, str]]:
    """Iterate over the reasons of one claim: (the runs that have it in words, reason).

    Under headings by what differs between many runs, reasons that differ in their numbers alone are told once.

    Args:
        cells: run -> finding, a row of results.json.
        above: headings of the columns.
        runs: names of the runs, in the order of the columns.
        verbose: True for the reasons of all verdicts, each as it is; else those of PROVEN are left out.

    Example:
        >>> cells = {run: {"verdict": "VACUOUS", "reason": f"width {run} is too small"} for run in ("8", "16")}
        >>> list(reasons(cells, Headings(("m",), {"8": ("8",), "16": ("16",)}), ["8", "16"]))
        [('m 8 and 1 more', 'width 8 is too small')]
        >>> list(reasons(cells, Headings((), {"8": ("8",), "16": ("16",)}), ["8", "16"]))
        [('8', 'width 8 is too small'), ('16', 'width 16 is too small')]
    """
    found: dict[Any, tuple[list[str], str]] = {}
    for run in runs:
        row = cells.get(run)
        if row and row["reason"] and (verbose or row["verdict"] not in PROVEN):
            words = _NUMBER.sub("0", row["reason"]) if above.axes and not verbose else row["reason"]
            found.setdefault((row["verdict"], words), ([], row["reason"]))[0].append(run)
    for named, reason in found.values():
        if above.axes:
            more = f" and {len(named) - 1} more" if len(named) > 1 else ""
            yield above.label(named[0]) + more, reason
        else:
            yield ", ".join(named), reason
