"""Table of a study's claims: a line per claim, grouped by step of the proof, and a column per run."""

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
    for row in sorted(rows, key=lambda row: order.get(_lemma(row), len(order))):
        found.setdefault(belongs.get(_lemma(row), ""), {}).setdefault(row["lemma"], {})[row["run"]] = row
    return [
        Group(name, tuple(run for run in runs if any(run in cells for cells in claims.values())), claims)
        for name, claims in found.items()
        if claims
    ]


def _lemma(row: Mapping[str, Any]) -> str:
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
