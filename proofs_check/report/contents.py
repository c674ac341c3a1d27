"""Contents of the page, from the stored rows: no verdict is made and no lemma is computed here."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from proofs_check.report.claims import lemma_of
from proofs_check.report.curves import RECORDED, compared, recorded
from proofs_check.report.drawing import Figure, style
from proofs_check.report.margins import chain, margins
from proofs_check.report.mathematics import statement
from proofs_check.report.opening import Opening, opening, pictures
from proofs_check.store import Series, StoredResult
from proofs_check.study.text import make_visible

FIGURES = 24
"""Largest number of figures over steps on a page: more would make it slow to write and to read."""


_UNKNOWN = {"group": "", "statement": "", "tex": "", "hypotheses": "", "kind": "", "method": None}


@dataclass(frozen=True)
class Part:
    """Section of the page on one lemma.

    Attributes:
        facts: as `Lemma.described` made them; of a lemma that the store does not describe, its id alone.
        statement: its statement as HTML.
        rows: its findings.
        figures: of measured values and their bounds.
    """

    facts: Mapping[str, Any]
    statement: Markup
    rows: Sequence[Mapping[str, Any]]
    figures: Sequence[Figure]

    @property
    def unmet(self) -> list[Mapping[str, Any]]:
        """Findings whose hypotheses do not hold."""
        return [row for row in self.rows if row["verdict"] == "VACUOUS" or row.get("proved") is False]

    @property
    def met(self) -> list[str]:
        """Names of the runs in which something was compared or proved, and that are not outside of the hypotheses."""
        silent = ("VACUOUS", "ERROR")
        compared = [row["run"] for row in self.rows if row["verdict"] not in silent and row.get("proved") is not False]
        return list(dict.fromkeys(compared))


@dataclass(frozen=True)
class Contents:
    """Contents of the page, as the template reads them.

    Attributes:
        stored: the results.
        opening: what the page shows first.
        parts: a section per lemma.
        margins: the figure of margins, or None.
        theory: figures of the study as a whole.
        recorded: figures of the recorded quantities of each run.
        losses: figures of the losses of the proof, by run.
        left_out: number of figures that were not drawn.
    """

    stored: StoredResult
    opening: Opening
    parts: Sequence[Part]
    margins: Figure | None
    theory: Sequence[Figure]
    recorded: Sequence[Figure]
    losses: Mapping[str, Figure]
    left_out: int

    @property
    def figures(self) -> list[Figure]:
        """All figures, in the order of the page."""
        first = [self.margins] if self.margins else []
        return [
            *self.opening.figures,
            *first,
            *self.theory,
            *self.recorded,
            *(f for part in self.parts for f in part.figures),
            *self.losses.values(),
        ]

    def replay(self, row: Mapping[str, Any]) -> str:
        """Return the command that finds the worst seed of a finding again, or ""."""
        if row["worst_seed"] is None:
            return ""
        config = self.stored.manifest.get("config") or self.stored.study
        lemma = lemma_of(row)
        words = [
            "nag-ntk",
            "verify",
            config,
            *(word for change in self.stored.manifest.get("changes", ()) for word in ("--set", change)),
            "--select",
            lemma,
            "--seeds",
            str(row["worst_seed"] + 1),
            "--out",
            "replay",
        ]
        return shlex.join(words)

    def group(self, row: Mapping[str, Any]) -> str:
        """Return the group of a finding's lemma."""
        return next((part.facts["group"] for part in self.parts if part.facts["id"] == lemma_of(row)), "")


def gather(stored: StoredResult, series: Sequence[Series]) -> Contents:
    """Draw the figures and sort everything by lemma.

    Args:
        stored: what a folder holds.
        series: curves over the steps.
    """
    names = _Names()
    texts = ("rows", "slack", "lemmas", "runs", "notes", "study", "manifest")
    stored = replace(stored, **{name: make_visible(getattr(stored, name)) for name in texts})
    over_steps = [one for one in series if one.bound is None and one.name in RECORDED]
    checked = _rank_series([one for one in series if one.bound is not None], stored.rows)
    with style():
        quantities = [recorded(one, names(one.name, one.run)) for one in over_steps[: FIGURES // 2]]
        remaining = max(FIGURES - len(quantities), 0)
        parts = [_part(facts, rows, checked[:remaining], names) for facts, rows in _by_lemma(stored)]
        runs = dict.fromkeys(row["run"] for row in stored.slack)
        losses = {run: chain(stored.slack, run, names("loss", run)) for run in list(runs)[:4]}
        overview = margins(stored.rows, names("margins"))
        drawn = pictures(stored, _by_run(stored, series), names)
    left_out = len(over_steps) - len(quantities) + max(len(checked) - remaining, 0)
    losses = {run: figure for run, figure in losses.items() if figure is not None}
    return Contents(stored, opening(stored, drawn[:2]), parts, overview, drawn[2:], quantities, losses, left_out)


def _by_run(stored: StoredResult, series: Sequence[Series]) -> dict[str, dict[str, Series]]:
    """Sort the recorded quantities: run -> name -> curves."""
    summaries = {run["run"] for run in stored.runs}
    found: dict[str, dict[str, Series]] = {}
    for one in series:
        if one.bound is None and one.run in summaries:
            found.setdefault(one.run, {})[one.name] = one
    return found


def _by_lemma(stored: StoredResult) -> Iterable[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    """Group the findings by lemma, in the order of the proof."""
    order = {facts["id"]: facts for facts in stored.lemmas}
    for lemma in dict.fromkeys([*order, *map(lemma_of, stored.rows)]):
        rows = [row for row in stored.rows if lemma_of(row) == lemma]
        if rows:
            yield {**_UNKNOWN, "id": lemma, "title": lemma, **order.get(lemma, {})}, rows


def _part(facts: Mapping[str, Any], rows: list[Mapping[str, Any]], series: Sequence[Series], names: "_Names") -> Part:
    shown = [
        (one, row) for row in rows for one in series if (one.name, one.run) == (row["lemma"], row["run"])
    ]  # fmt: skip
    figures = [compared(one, names(one.name, one.run), facts["title"], row) for one, row in shown]
    return Part(facts, statement(facts["tex"], facts["statement"]), rows, figures)


def _rank_series(series: Sequence[Series], rows: Sequence[Mapping[str, Any]]) -> list[Series]:
    """Order the series: of every checked inequality the run that is closest to its bound, then the others."""
    margin = {(row["lemma"], row["run"]): float(row["margin"]) for row in rows if row["margin"] is not None}
    ranked = sorted(series, key=lambda one: margin.get((one.name, one.run), float("inf")))
    first = list({one.name: one for one in reversed(ranked)}.values())
    chosen = {id(one) for one in first}
    order = {name: place for place, name in enumerate(dict.fromkeys(one.name for one in series))}
    first.sort(key=lambda one: order[one.name])
    return [*first, *(one for one in ranked if id(one) not in chosen)]


class _Names:
    """Source of names for files and ids: plain letters, each name once."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def __call__(self, *words: str) -> str:
        base = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")[:80] or "figure"
        name, count = base, 1
        while name in self._used:
            count += 1
            name = f"{base}-{count}"
        self._used.add(name)
        return name
