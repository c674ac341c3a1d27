"""The table of verdicts for a terminal; the reason stands below each row, so it is never cut."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

# symbol and colour; the word itself is always printed, so neither is needed to read the table
_LOOK = {
    "CERTIFIED": ("■", "bold blue"),
    "SUPPORTED": ("✓", "green"),
    "REFUTED": ("✗", "bold red"),
    "INCONCLUSIVE": ("?", "yellow"),
    "VACUOUS": ("○", "dim"),
    "ERROR": ("!", "bold magenta"),
}
CAVEAT = "A run on finitely many networks never proves a statement about all of them."


def _number(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:.2g}"


def _counts(row: Mapping[str, Any]) -> str:
    if row.get("trials") is None:
        return "-"
    violations = row.get("violations")
    return f"{row['trials']:,}" if violations is None else f"{violations}/{row['trials']:,}"


def headline(rows: Sequence[Mapping[str, Any]]) -> str:
    """Counts of verdicts in a sentence, the gravest first.

    Example:
        >>> headline([{"verdict": "SUPPORTED"}, {"verdict": "REFUTED"}])
        '1 refuted, 1 supported'
    """
    counts = Counter(row["verdict"] for row in rows)
    order = ("REFUTED", "ERROR", "CERTIFIED", "SUPPORTED", "INCONCLUSIVE", "VACUOUS")
    return ", ".join(f"{counts[name]} {name.lower()}" for name in order if counts[name]) or "nothing was checked"


def render(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the table of verdicts.

    Args:
        rows: of results.json.
        console: where to; its width is respected.
    """
    for run in dict.fromkeys(row["run"] for row in rows):
        table = Table(title=f"run: {run}", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("verdict", "lemma"):
            table.add_column(name, no_wrap=True)
        for name in ("margin", "failed", "limit"):
            table.add_column(name, justify="right", no_wrap=True)
        console.print()
        body = [row for row in rows if row["run"] == run]
        for row in body:
            symbol, style = _LOOK[row["verdict"]]
            table.add_row(
                Text(f"{symbol} {row['verdict']}", style=style),
                row["lemma"],
                _number(row.get("margin")),
                _counts(row),
                _number(row.get("limit")),
            )
        console.print(table)
        for row in body:
            symbol, style = _LOOK[row["verdict"]]
            line = Text.assemble((f"{symbol} {row['lemma']}", style), ": ", row["reason"])
            console.print(line, soft_wrap=not console.is_terminal)
    console.print()
    console.print(f"[bold]{headline(rows)}[/bold]")
    console.print(CAVEAT)
    console.print("margin: (bound - observed)/|bound| at the worst entry; failed: seeds in which the claim failed;")
    console.print("limit: confidence limit on the failure probability (half the interval, for an exact law).")
