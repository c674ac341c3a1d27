"""Opening of the page: pictures and sentences of a study, and its claims by step of the proof."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proofs_check.report.claims import Group, Headings, grouped, headings, reasons
from proofs_check.report.curves import movement
from proofs_check.report.drawing import ORDER, Figure
from proofs_check.report.ladder import QUANTITIES, against_width, over_steps, required_and_observed, rungs
from proofs_check.report.overview import data_in_words, loosest, main_run, run_in_words, shown_runs
from proofs_check.report.rates import GROWING, against_kappa, powers, residual
from proofs_check.report.tuning import MOST, grids, rate_against_model, tuning_map
from proofs_check.store import Series, StoredResult


@dataclass(frozen=True)
class Step:
    """Claims of one step of the proof, as the page shows them.

    Attributes:
        group: the claims.
        headings: of its columns.
    """

    group: Group
    headings: Headings

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """Findings, claim by claim."""
        return [row for claim in self.group.claims.values() for row in claim.values()]

    def reasons(self, claim: str) -> list[tuple[str, str]]:
        """Return (runs in words, reason) of the findings of a claim that are neither SUPPORTED nor CERTIFIED."""
        return list(reasons(self.group.claims[claim], self.headings, self.group.runs))


@dataclass(frozen=True)
class Opening:
    """Pictures, sentences and claims at the top of the page.

    Attributes:
        data: a sentence for each dataset.
        figures: pictures of the study.
        told: (title, sentences) for each run that has sentences.
        loosest: steps of the proof that lose most, "" if no losses were measured.
        steps: claims by step of the proof.
    """

    data: Sequence[str]
    figures: Sequence[Figure]
    told: Sequence[tuple[str, Sequence[str]]]
    loosest: str
    steps: Sequence[Step]

    @property
    def grid(self) -> bool:
        """True if the columns of some step are headed by what differs between many runs."""
        return any(step.headings.axes for step in self.steps)


def opening(stored: StoredResult, figures: Sequence[Figure]) -> Opening:
    """Write the sentences, and sort the claims.

    Args:
        stored: the results.
        figures: the pictures to open with.
    """
    steps = [Step(group, headings(group.runs, stored.runs)) for group in grouped(stored.rows, stored.lemmas)]
    told = [(_title(run), run_in_words(run)) for run in shown_runs(stored.runs)]
    return Opening(data_in_words(stored.runs), figures, told, loosest(stored.slack), steps)


def _title(run: Mapping[str, Any]) -> str:
    return f"Run {run['run']}: width {run['width']:,}, {run['seeds']:,} seeds, {run['steps']:,} steps"


def _main_runs(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the main run of all, then those of the other datasets."""
    first = main_run(runs)
    by_data: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        by_data.setdefault(json.dumps(run["data"], sort_keys=True), []).append(run)
    mains = [run for run in map(main_run, by_data.values()) if run is not None]
    return sorted(mains, key=lambda run: run is not first)


def pictures(
    stored: StoredResult, series: Mapping[str, Mapping[str, Series]], name: Callable[..., str]
) -> list[Figure]:
    """Draw the pictures of a study, the two to open with first.

    Of a grid of step sizes and momenta these are the maps of its methods; of a ladder of widths the widths that theory
    asks for and the quantities at the end of training; of runs with several kappa the residual of one run and the rates
    against kappa; else residual, flips and distance of a run.

    Args:
        stored: the results.
        series: run -> name of a recorded quantity -> its curves.
        name: makes a new name for the files of a figure.
    """
    summaries = {run["run"]: run for run in stored.runs}
    ladder = [run for run in rungs(stored.manifest["study"]["runs"]) if run in series]
    columns = {run: {quantity: series[run][quantity] for quantity in QUANTITIES} for run in ladder}
    methods = [label for label in series[ladder[0]]["loss"].methods if label in ORDER] if ladder else []
    maps = list(grids(stored.runs).items())[:MOST]
    drawn: list[Figure | None] = [tuning_map(title, points, name("tuning-map", title)) for title, points in maps]
    drawn.append(rate_against_model([point for _, points in maps for point in points], name("tuning-rate")))
    if methods:
        drawn.append(required_and_observed([summaries[run] for run in ladder], name("theory-widths-asked")))
        drawn.append(against_width(columns, methods, name("theory-widths-end")))
    rates = against_kappa(stored.runs, name("theory-rate-kappa"))
    several = bool(maps) or len(methods) > 0 or rates is not None
    # without figures of the whole study, those of the main run of each dataset, of two at most
    for place, chosen in enumerate(_main_runs([summaries[run] for run in series])[: 1 if several else 2]):
        own, suffix = series[chosen["run"]], (chosen["run"],) * (place > 0)
        drawn.append(residual(own["relative_residual"], chosen, name("theory-residual", *suffix)))
        if not several:
            drawn.append(movement(own["flip_fraction"], own["distance"], name("movement", *suffix)))
        if any(row["name"] == GROWING for row in chosen["methods"]) and chosen["steps"] > 1:
            drawn.append(powers(own["relative_residual"], chosen, name("theory-powers", *suffix)))
    drawn.append(rates)
    drawn += [over_steps(columns, method, name("theory-widths", method)) for method in methods]
    return [figure for figure in drawn if figure is not None]
