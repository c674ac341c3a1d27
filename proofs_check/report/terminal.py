"""Findings of a study for the terminal, from stored rows alone: claims, sentences and the headline."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proofs_check.report.claims import Group, alike, grouped
from proofs_check.report.overview import data_in_words, loosest, run_in_words, shown_runs
from proofs_check.store import Tables
from proofs_check.study.text import make_visible, visible

# Verdicts differ by word and sign first; the colours avoid the pair red and green.
STYLES = {
    "CERTIFIED": ("◆", "*", "bold blue"),
    "SUPPORTED": ("✓", "+", "cyan"),
    "REFUTED": ("✗", "x", "bold magenta"),
    "INCONCLUSIVE": ("?", "?", "yellow"),
    "VACUOUS": ("○", "o", "dim"),
    "ERROR": ("!", "!", "bold reverse"),
}
_WORST_FIRST = ("REFUTED", "ERROR", "INCONCLUSIVE", "SUPPORTED", "CERTIFIED", "VACUOUS")
_OTHER = "other"
"""Heading of claims whose step of the proof is not known."""
COLUMNS = ("verdict", "lemma", "run", "margin", "violations", "limit")
NO_PROOF = "A run on finitely many networks never proves a statement about all of them."


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
    widths = {run["run"]: f"{run['run']}, m = {run['width']:,}" for run in tables.runs}
    for stretch in alike(grouped(tables.rows, tables.lemmas)):
        for columns in _fitting(stretch, widths, console):
            _render_stretch(stretch, columns, console, verbose)
    for run in shown_runs(tables.runs):
        title = f"Run {run['run']}: width {run['width']:,}, {run['seeds']} seeds, {run['steps']:,} steps (medians)"
        _print(console, Text(title, style="bold"))
        for text in run_in_words(run):
            _print_indented(console, text, 0, 2)
    if links:
        for run in dict.fromkeys(row["run"] for row in tables.slack):
            _render_slack([row for row in tables.slack if row["run"] == run], console)
    elif lost := loosest(tables.slack):
        _print_indented(console, f"Where the proof is loosest: factors {lost}; --slack shows every link.", 0, 2)
    render_headline(tables, console=console)


def render_headline(tables: Tables, *, console: Console) -> None:
    """Print the number of verdicts of each kind, and the caveat NO_PROOF."""
    _print(console, Text(f"{visible(tables.study)}: {headline(tables.rows)}", style="bold"))
    _print_indented(console, f"{NO_PROOF} The error level {tables.level:g} holds for all verdicts together.", 0, 0)


def headline(rows: Sequence[Mapping[str, Any]]) -> str:
    """Count the verdicts in a sentence, the worst first.

    Example:
        >>> headline([{"verdict": "SUPPORTED"}, {"verdict": "CERTIFIED"}, {"verdict": "SUPPORTED"}])
        '3 findings: none refuted, 2 supported, 1 certified.'
    """
    count = {name: sum(row["verdict"] == name for row in rows) for name in _WORST_FIRST}
    counts = [f"{count[name]} {name.lower()}" for name in _WORST_FIRST if count[name]]
    if not count["REFUTED"]:
        counts.insert(0, "none refuted")
    return f"{len(rows)} finding{'' if len(rows) == 1 else 's'}: {', '.join(counts)}."


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Format a finding as the texts of the COLUMNS."""
    numbers = (_number(row["margin"], "+.3g"), _violations(row), _number(row["limit"], ".3g"))
    return (row["verdict"], row["lemma"], row["run"], *numbers)


class _Columns(NamedTuple):
    """Columns of a table of claims.

    Attributes:
        names: width of the column of claims, in characters.
        heads: run -> heading of its column.
        parts: names of the fields of a cell that are shown.
        widths: widths of these parts.
        column: width of a column.
    """

    names: int
    heads: Mapping[str, str]
    parts: tuple[str, ...]
    widths: tuple[int, ...]
    column: int


_PARTS = (("word", "margin", "violations"), ("word", "margin", "violated"), ("margin", "violated"))
"""Parts of a cell beside its sign, the fullest first; `violated` are the violations where there are any."""


def _cell(row: Mapping[str, Any], console: Console) -> dict[str, str]:
    sign, plain, style = STYLES.get(row["verdict"], ("·", ".", ""))
    violated = _violations(row)
    return {
        "sign": plain if console.options.ascii_only else sign, "word": row["verdict"], "style": style,
        "margin": _number(row["margin"], "+.2g"), "violations": violated,
        "violated": violated if row["violations"] else "",
    }  # fmt: skip


def _fitting(stretch: Sequence[Group], widths: Mapping[str, str], console: Console) -> list[_Columns]:
    """Choose what the cells of a table show so that it fits the terminal; several tables if there are many runs."""
    rows = [row for group in stretch for claim in group.claims.values() for row in claim.values()]
    drawn = [_cell(row, console) for row in rows]
    names = 1 + max(len(text) for group in stretch for text in (group.name or _OTHER, *group.claims))
    heads = {run: widths.get(run, run) for run in stretch[0].runs}
    for parts in _PARTS:
        sizes = tuple(max(len(cell[part]) for cell in drawn) for part in parts)
        column = 2 + max(1 + sum(1 + size for size in sizes if size), min(16, max(map(len, heads.values()))))
        each = max(1, (console.width - names) // column)
        if each >= len(heads):
            break
    heads = {run: head if len(head) <= column - 2 else run for run, head in heads.items()}
    runs = list(heads)
    return [
        _Columns(names, {run: heads[run] for run in runs[first : first + each]}, parts, sizes, column)
        for first in range(0, len(runs), each)
    ]


def _render_stretch(stretch: Sequence[Group], columns: _Columns, console: Console, verbose: bool) -> None:
    """Print groups that have the same columns, the names of the runs beside the name of the first group."""
    several = len(stretch[0].runs) > 1
    for group in stretch:
        heads = "".join(f"  {_clipped(head, columns.column - 2)}" for head in columns.heads.values())
        title = (group.name or _OTHER).ljust(columns.names) + (heads if group is stretch[0] else "")
        _print(console, Text(title.rstrip(), style="bold"))
        for claim, found in group.claims.items():
            line = Text(f" {claim}".ljust(columns.names))
            for run in columns.heads:
                cell = _cell(found[run], console) if run in found else {}
                line.append("  ").append(_cell_text(cell, columns), style=cell.get("style", ""))
            line.rstrip()
            _print(console, line)
            for run in columns.heads:
                row = found.get(run)
                if row and row["reason"] and (verbose or row["verdict"] not in ("SUPPORTED", "CERTIFIED")):
                    _print_indented(console, f"{run}: {row['reason']}" if several else row["reason"], 4, 4)


def _cell_text(cell: Mapping[str, str], columns: _Columns) -> str:
    if not cell:
        return " " * (columns.column - 2)
    texts = [
        cell[part].ljust(size) if part == "word" else cell[part].rjust(size)
        for part, size in zip(columns.parts, columns.widths, strict=True)
        if size
    ]
    return " ".join((cell["sign"], *texts)).ljust(columns.column - 2)


def _clipped(text: str, width: int) -> str:
    """Shorten a text to a width, its end replaced by a dot, and pad it."""
    return (text if len(text) <= width else f"{text[: width - 1]}.").ljust(width)


def _render_slack(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the orders of magnitude lost in one run: a row per link of the proof, a column per method."""
    lost: dict[tuple[str, str], float] = {}
    partial: set[tuple[str, str]] = set()
    reasons: dict[str, str] = {}  # step of the proof -> reason of its first link without a number
    for row in rows:
        key = (_slack_label(row), row["method"])
        if row["lost"] is None:
            partial.add(key)
            reasons.setdefault(row["step"], row["reason"])
        else:
            lost[key] = lost.get(key, 0.0) + row["lost"]
    title = f"run {rows[0]['run']}: orders of magnitude between what the proof uses and what happened"
    _print(console, Text(title, style="bold"))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("step: link", overflow="fold")
    for method in methods:
        table.add_column(Text(method.replace("_", " ") or "draw"), justify="right", overflow="fold")
    for step in dict.fromkeys(map(_slack_label, rows)):
        texts = [_number(lost.get((step, method)), ".2f") + "*" * ((step, method) in partial) for method in methods]
        table.add_row(Text(step), *map(Text, texts))
    console.print(table)
    if partial:
        _print(console, Text("* a link has no number here (all reasons are in results.json):"))
        for reason in dict.fromkeys(reasons.values()):
            steps = ", ".join(step for step, why in reasons.items() if why == reason)
            _print(console, Text(f"  {steps}: {reason}"))


def _slack_label(row: Mapping[str, Any]) -> str:
    return f"{row['step']}: {row['what']}"


def _print(console: Console, text: Text) -> None:
    console.print(text, overflow="fold", highlight=False)


def _print_indented(console: Console, text: str, first: int, later: int) -> None:
    """Print a text in lines no longer than the terminal, the first line and later ones indented."""
    for paragraph in text.split("\n"):
        width = max(console.width - max(first, later), 8)
        for number, line in enumerate(Text(paragraph).wrap(console, width, overflow="fold")):
            line.rstrip()
            _print(console, Text(" " * (later if number else first)).append_text(line))
        first = later


def _violations(row: Mapping[str, Any]) -> str:
    """Format as violations/trials, or as -/trials for an exact law, whose draws cannot violate it one by one."""
    if row["violations"] is not None:
        return f"{row['violations']}/{row['trials']}"
    return "" if row["trials"] is None else f"-/{row['trials']}"


def _number(value: float | str | None, form: str) -> str:
    """Format a stored number; infinities are stored as words."""
    if value is None:
        return ""
    return value if isinstance(value, str) else format(value, form)
