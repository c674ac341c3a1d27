"""Table of findings for the terminal, with the reason of each verdict and a headline, from stored rows alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
_WIDE = 150
"""Least width of a terminal, in characters, at which the reasons have a column of their own."""

COLUMNS = ("verdict", "lemma", "run", "margin", "violations", "limit")
NO_PROOF = "A run on finitely many networks never proves a statement about all of them."


def render(
    rows: Sequence[Mapping[str, Any]],
    *,
    console: Console,
    study: str,
    level: float,
    slack: Sequence[Mapping[str, Any]] = (),
    links: bool = False,
) -> None:
    """Print the findings: a row per lemma and run, then the slack of the proof, then the headline.

    Args:
        rows: as in results.json.
        console: the terminal; a wide one has a column of reasons, a narrow one a line for each.
        study: name of the study.
        level: family-wise error level of the verdicts.
        slack: rows of results.json: orders of magnitude between what the proof uses and what happened.
        links: True to print a row for every link (one inequality) of the proof, not only the sum of each of its steps.
    """
    rows, slack = make_visible(list(rows)), make_visible(list(slack))
    if console.width >= _WIDE:
        _render_table(rows, console)
    else:
        _render_lines(rows, console)
    for run in dict.fromkeys(row["run"] for row in slack):
        _render_slack([row for row in slack if row["run"] == run], console, links)
    render_headline(rows, console=console, study=study, level=level)


def render_headline(rows: Sequence[Mapping[str, Any]], *, console: Console, study: str, level: float) -> None:
    """Print the number of verdicts of each kind, and the caveat NO_PROOF."""
    _print(console, Text(f"{visible(study)}: {headline(rows)}", style="bold"))
    _print(console, Text(f"{NO_PROOF} The error level {level:g} holds for all verdicts together."))


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


def _render_table(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    for name in COLUMNS[:3]:
        table.add_column(name, no_wrap=True)
    for name in COLUMNS[3:]:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("reason", ratio=1, overflow="fold")
    for row in rows:
        table.add_row(_verdict(row, console), *map(Text, cells(row)[1:]), Text(row["reason"]))
    console.print(table)


def _render_lines(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print findings below each other, grouped by run: verdict and lemma, the numbers, the reason."""
    for run in dict.fromkeys(row["run"] for row in rows):
        _print(console, Text(f"run: {run}", style="bold underline"))
        for row in (row for row in rows if row["run"] == run):
            _print(console, Text.assemble(_verdict(row, console, pad=True), " ", (row["lemma"], "bold")))
            numbers = [f"margin {_number(row['margin'], '+.3g')}"] if row["margin"] is not None else []
            numbers += [f"{_violations(row)} violations"] if row["violations"] is not None else []
            numbers += [f"limit {_number(row['limit'], '.3g')}"] if row["limit"] is not None else []
            for text in filter(None, (", ".join(numbers), row["reason"])):
                for line in Text(text).wrap(console, max(console.width - 4, 8), overflow="fold"):
                    line.rstrip()
                    _print(console, Text("    ").append_text(line))
        console.print()


def _render_slack(rows: Sequence[Mapping[str, Any]], console: Console, links: bool) -> None:
    """Print the orders of magnitude lost in one run: a row per link or step of the proof, a column per method."""
    lost: dict[tuple[str, str], float] = {}
    partial: set[tuple[str, str]] = set()
    reasons: dict[str, str] = {}  # step of the proof -> reason of its first link without a number
    for row in rows:
        key = (_slack_label(row, links), row["method"])
        if row["lost"] is None:
            partial.add(key)
            reasons.setdefault(row["step"], row["reason"])
        else:
            lost[key] = lost.get(key, 0.0) + row["lost"]
    hint = "" if links else "; --slack shows each link"
    title = f"run {rows[0]['run']}: orders of magnitude between what the proof uses and what happened{hint}"
    _print(console, Text(title, style="bold"))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("step: link" if links else "step", overflow="fold")
    for method in methods:
        table.add_column(Text(method.replace("_", " ") or "draw"), justify="right", overflow="fold")
    for step in dict.fromkeys(_slack_label(row, links) for row in rows):
        texts = [_number(lost.get((step, method)), ".2f") + "*" * ((step, method) in partial) for method in methods]
        table.add_row(Text(step), *map(Text, texts))
    console.print(table)
    if partial:
        _print(console, Text("* a link has no number here (all reasons are in results.json):"))
        for reason in dict.fromkeys(reasons.values()):
            steps = ", ".join(step for step, why in reasons.items() if why == reason)
            _print(console, Text(f"  {steps}: {reason}"))


def _slack_label(row: Mapping[str, Any], links: bool) -> str:
    return f"{row['step']}: {row['what']}" if links else row["step"]


def _print(console: Console, text: Text) -> None:
    console.print(text, overflow="fold", highlight=False)


def _verdict(row: Mapping[str, Any], console: Console, *, pad: bool = False) -> Text:
    sign, plain, style = STYLES.get(row["verdict"], ("·", ".", ""))
    word = f"{row['verdict']:<12}" if pad else row["verdict"]
    return Text(f"{plain if console.options.ascii_only else sign} {word}", style=style)


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
