"""What stands on the page, from the stored rows: no verdict is made and no lemma is computed here."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from proofs_check.store import Series, StoredResult
from proofs_check.text import everywhere

from .curves import RECORDED, compared, recorded
from .drawing import Figure, style
from .ladder import QUANTITIES, asked_and_observed, at_the_end, over_steps, rungs
from .margins import chain, margins
from .mathematics import statement
from .rates import ORDER, against_kappa, residual, tuned

FIGURES = 24
"""Figures over steps on a page: more would make it slow to write and to read."""


_UNKNOWN = {"group": "", "statement": "", "tex": "", "hypotheses": "", "kind": "", "method": None}


@dataclass(frozen=True)
class Part:
    """A lemma with all that was found of it.

    Attributes:
        facts: as `Lemma.described` made them; of a lemma that the store does not describe, its id alone.
        statement: ready for the page.
        rows: its findings.
        figures: measured against bound.
    """

    facts: Mapping[str, Any]
    statement: Markup
    rows: Sequence[Mapping[str, Any]]
    figures: Sequence[Figure]

    @property
    def unmet(self) -> list[Mapping[str, Any]]:
        """The findings whose hypotheses do not hold."""
        return [row for row in self.rows if row["verdict"] == "VACUOUS"]

    @property
    def met(self) -> list[str]:
        """The runs in which something was compared or proved."""
        compared = [row["run"] for row in self.rows if row["verdict"] not in ("VACUOUS", "ERROR")]
        return list(dict.fromkeys(compared))


@dataclass(frozen=True)
class Contents:
    """Everything that the template asks for.

    `theory` are the figures of the study as a whole, `recorded` those of the runs, `losses` those of the proof.
    """

    stored: StoredResult
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
            *first,
            *self.theory,
            *self.recorded,
            *(f for part in self.parts for f in part.figures),
            *self.losses.values(),
        ]

    def replay(self, row: Mapping[str, Any]) -> str:
        """The command that comes upon the worst seed of a finding again, or ""."""
        if row["worst_seed"] is None:
            return ""
        config = self.stored.manifest.get("config") or self.stored.study
        lemma = lemma_of(row)
        words = [
            "nag-ntk",
            "verify",
            config,
            "--select",
            lemma,
            "--seeds",
            str(row["worst_seed"] + 1),
            "--out",
            "replay",
        ]
        return shlex.join(words)

    def group(self, row: Mapping[str, Any]) -> str:
        """The group of a finding's lemma."""
        return next((part.facts["group"] for part in self.parts if part.facts["id"] == lemma_of(row)), "")


def lemma_of(row: Mapping[str, Any]) -> str:
    """The id without its part.

    Example:
        >>> lemma_of({"lemma": "gram-concentration/chernoff"})
        'gram-concentration'
    """
    return row["lemma"].partition("/")[0]


def gather(stored: StoredResult, series: Sequence[Series]) -> Contents:
    """Draw the figures and sort everything by lemma.

    Args:
        stored: what a folder holds.
        series: what is drawn over the steps.
    """
    names = _Names()
    told = ("rows", "slack", "lemmas", "runs", "notes", "study", "manifest")
    stored = replace(stored, **{name: everywhere(getattr(stored, name)) for name in told})
    over_steps = [one for one in series if one.bound is None and one.name in RECORDED]
    checked = _chosen([one for one in series if one.bound is not None], stored.rows)
    with style():
        drawn = [recorded(one, names(one.name, one.run)) for one in over_steps[: FIGURES // 2]]
        rooms = max(FIGURES - len(drawn), 0)
        parts = [_part(facts, rows, checked[:rooms], names) for facts, rows in _by_lemma(stored)]
        runs = dict.fromkeys(row["run"] for row in stored.slack)
        losses = {run: chain(stored.slack, run, names("loss", run)) for run in list(runs)[:4]}
        overview = margins(stored.rows, names("margins"))
        theory = _theory(stored, series, names)
    left_out = len(over_steps) - len(drawn) + max(len(checked) - rooms, 0)
    kept = {run: figure for run, figure in losses.items() if figure is not None}
    return Contents(stored, parts, overview, theory, drawn, kept, left_out)


def _theory(stored: StoredResult, series: Sequence[Series], names: "_Names") -> list[Figure]:
    """The figures of the papers, as far as the study has what they need."""
    summaries = {run["run"]: run for run in stored.runs}
    by_run: dict[str, dict[str, Series]] = {}
    for one in series:
        if one.bound is None and one.run in summaries:
            by_run.setdefault(one.run, {})[one.name] = one
    figures: list[Figure | None] = []
    # the first of the runs with the most methods whose rates theory knows
    shown = max(by_run, key=lambda run: len(tuned(summaries[run])), default=None)
    if shown is not None and tuned(summaries[shown]):
        figures.append(residual(by_run[shown]["relative_residual"], summaries[shown], names("theory-residual")))
    figures.append(against_kappa(stored.runs, names("theory-rate-kappa")))
    ladder = [run for run in rungs(stored.manifest["study"]["runs"]) if run in by_run]
    if ladder:
        columns = {run: {name: by_run[run][name] for name in QUANTITIES} for run in ladder}
        methods = [name for name in by_run[ladder[0]]["loss"].methods if name in ORDER]
        figures += [over_steps(columns, method, names("theory-widths", method)) for method in methods]
        if methods:
            figures.append(at_the_end(columns, methods, names("theory-widths-end")))
        figures.append(asked_and_observed([summaries[run] for run in ladder], names("theory-widths-asked")))
    return [figure for figure in figures if figure is not None]


def _by_lemma(stored: StoredResult) -> Iterable[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    """Every lemma that has findings, with them; the lemmas in the order of the proof."""
    order = {facts["id"]: facts for facts in stored.lemmas}
    found = dict.fromkeys([*order, *map(lemma_of, stored.rows)])
    for lemma in found:
        rows = [row for row in stored.rows if lemma_of(row) == lemma]
        if rows:
            yield {**_UNKNOWN, "id": lemma, "title": lemma, **order.get(lemma, {})}, rows


def _part(facts: Mapping[str, Any], rows: list[Mapping[str, Any]], series: Sequence[Series], names: "_Names") -> Part:
    shown = [
        (one, row) for row in rows for one in series if (one.name, one.run) == (row["lemma"], row["run"])
    ]  # fmt: skip
    figures = [compared(one, names(one.name, one.run), facts["title"], row) for one, row in shown]
    return Part(facts, statement(facts["tex"], facts["statement"]), rows, figures)


def _chosen(series: Sequence[Series], rows: Sequence[Mapping[str, Any]]) -> list[Series]:
    """Of every checked inequality the run in which it is closest to its bound, then the others."""
    margin = {(row["lemma"], row["run"]): float(row["margin"]) for row in rows if row["margin"] is not None}
    ranked = sorted(series, key=lambda one: margin.get((one.name, one.run), float("inf")))
    first = list({one.name: one for one in reversed(ranked)}.values())
    chosen = {id(one) for one in first}
    order = {name: place for place, name in enumerate(dict.fromkeys(one.name for one in series))}
    first.sort(key=lambda one: order[one.name])
    return [*first, *(one for one in ranked if id(one) not in chosen)]


class _Names:
    """Names for files and ids: plain letters, each once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def __call__(self, *words: str) -> str:
        base = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")[:80] or "figure"
        name, count = base, 1
        while name in self._given:
            count += 1
            name = f"{base}-{count}"
        self._given.add(name)
        return name
