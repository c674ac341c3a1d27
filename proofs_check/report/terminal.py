"""Findings of a study for the terminal, from stored rows alone: claims, sentences and the headline."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proofs_check.report.losses import Loss, by_run, summed
from proofs_check.report.matrix import lines, number, violations
from proofs_check.report.overview import data_in_words, loosest, run_in_words, shown_runs
from proofs_check.store import Tables
from proofs_check.study.text import make_visible, visible

_WORST_FIRST = ("REFUTED", "ERROR", "INCONCLUSIVE", "SUPPORTED", "CERTIFIED", "VACUOUS")
COLUMNS = ("verdict", "lemma", "run", "margin", "violations", "limit")
NO_PROOF = "A run on finitely many networks never proves a statement about all of them."
LOOSEST = "Loosest in the proof (used over happened)"
NUMBERS = "Numbers: margin (bound - observed)/|bound|; seeds that violate it / seeds."
SHORTLY = {
    "CERTIFIED": "proof",
    "SUPPORTED": "by seeds",
    "REFUTED": "violated",
    "INCONCLUSIVE": "too few seeds",
    "VACUOUS": "hypotheses unmet",
    "ERROR": "failed check",
}
"""Meaning of each verdict in a word or two; page.MEANINGS says more."""


def render(tables: Tables, *, console: Console, verbose: bool = False, links: bool = False) -> None:
    """Print what a study found: its data, a line per claim with a column per run, a sentence per method, the headline.

    No line is longer than the terminal is wide. The reason of a verdict stands below its claim if it is neither
    SUPPORTED nor CERTIFIED.

    Args:
        tables: of the study.
        console: the terminal.
        verbose: True to print all reasons.
        links: True to print what every link (one inequality) of the proof loses, in orders of magnitude.
    """
    shown = {each.name: make_visible(getattr(tables, each.name)) for each in fields(Tables) if each.name != "level"}
    tables = Tables(level=tables.level, **shown)
    for text in data_in_words(tables.runs):
        _print(console, Text(text, style="bold"))
    if any(row["margin"] is not None for row in tables.rows):
        print_indented(console, NUMBERS, 0, 2)
    plain = console.options.ascii_only
    for line in lines(tables.rows, tables.lemmas, tables.runs, console.width, plain, verbose):
        if line.indent is None:
            _print(console, line.text)
        else:
            print_indented(console, line.text.plain, line.indent, line.indent)
    for run in shown_runs(tables.runs):
        size = f"width {run['width']:,}, {run['seeds']} seeds, {run['steps']:,} steps"
        title = f"Run {run['run']}: {size} (medians over seeds)"
        _print(console, Text(title, style="bold"))
        for text in run_in_words(run):
            print_indented(console, text, 0, 2)
    if links:
        for rows in by_run(tables.slack).values():
            _render_slack(rows, console)
    elif lost := loosest(tables.slack):
        print_indented(console, f"{LOOSEST}: factors {lost}. --slack shows all.", 0, 2)
    render_headline(tables, console=console)


def render_headline(tables: Tables, *, console: Console) -> None:
    """Print the number of verdicts of each kind, and the caveat NO_PROOF."""
    _print(console, Text(f"{visible(tables.study)}: {headline(tables.rows)}", style="bold"))
    print_indented(console, NO_PROOF, 0, 0)
    used = [name for name in SHORTLY if any(row["verdict"] == name for row in tables.rows)]
    meant = "; ".join(f"{name}: {SHORTLY[name]}" for name in used)
    print_indented(console, f"Level {tables.level:g}. {meant}{'.' if meant else ''}", 0, 2)


def headline(rows: Sequence[Mapping[str, Any]]) -> str:
    """Count the verdicts in a sentence, the worst first.

    Example:
        >>> headline([{"verdict": "SUPPORTED"}, {"verdict": "CERTIFIED"}, {"verdict": "SUPPORTED"}])
        '3 findings: none refuted, 2 supported, 1 certified.'
    """
    none = "" if any(row["verdict"] == "REFUTED" for row in rows) else "none refuted"
    told = ", ".join(filter(None, (none, counts(rows))))
    return f"{len(rows)} finding{'' if len(rows) == 1 else 's'}: {told}."


def counts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Count the verdicts, the worst first.

    Example:
        >>> counts([{"verdict": "SUPPORTED"}, {"verdict": "REFUTED"}, {"verdict": "SUPPORTED"}])
        '1 refuted, 2 supported'
    """
    found = {name: sum(row["verdict"] == name for row in rows) for name in _WORST_FIRST}
    return ", ".join(f"{number} {name.lower()}" for name, number in found.items() if number)


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Format a finding as the texts of the COLUMNS."""
    numbers = (number(row["margin"], "+.3g"), violations(row), number(row["limit"], ".3g"))
    return (row["verdict"], row["lemma"], row["run"], *numbers)


def _render_slack(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the orders of magnitude lost in one run: a row per link of the proof, a column per method."""
    title = f"run {rows[0]['run']}: orders of magnitude between what the proof uses and what happened"
    _print(console, Text(title, style="bold"))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("step: link", overflow="fold")
    for method in methods:
        table.add_column(Text(method.replace("_", " ") or "draw"), justify="right", overflow="fold")
    for link, losses in summed(rows, links=True).items():
        found = [losses.get(method, Loss()) for method in methods]
        texts = [(f"{loss.lost:.2f}" if loss.known else "") + "*" * loss.partial for loss in found]
        table.add_row(Text(link), *map(Text, texts))
    console.print(table)
    reasons: dict[str, str] = {}  # step of the proof -> reason of its first link without a number
    for row in rows:
        if row["lost"] is None:
            reasons.setdefault(row["step"], row["reason"])
    if reasons:
        _print(console, Text("* a link has no number here (all reasons are in results.json):"))
        for reason in dict.fromkeys(reasons.values()):
            steps = ", ".join(step for step, why in reasons.items() if why == reason)
            _print(console, Text(f"  {steps}: {reason}"))


def _print(console: Console, text: Text) -> None:
    console.print(text, overflow="fold", highlight=False)


def print_indented(console: Console, text: str, first: int, later: int) -> None:
    """Print a text in lines no longer than the terminal, the first line and later ones indented."""
    for paragraph in text.split("\n"):
        width = max(console.width - max(first, later), 8)
        for place, line in enumerate(Text(paragraph).wrap(console, width, overflow="fold")):
            line.rstrip()
            _print(console, Text(" " * (later if place else first)).append_text(line))
        first = later
