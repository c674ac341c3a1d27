"""Table of claims for the terminal: a line per claim and a column per run, no wider than the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.text import Text

from proofs_check.report.claims import Group, Headings, alike, grouped, headings, reasons

# Verdicts differ by word and sign first; the colours avoid the pair red and green.
STYLES = {
    "CERTIFIED": ("◆", "*", "bold blue"),
    "SUPPORTED": ("✓", "+", "cyan"),
    "REFUTED": ("✗", "x", "bold magenta"),
    "INCONCLUSIVE": ("?", "?", "yellow"),
    "VACUOUS": ("○", "o", "dim"),
    "ERROR": ("!", "!", "bold reverse"),
}
"""Verdict -> its sign, its sign in ASCII, and its style."""
_OTHER = "other"
"""Heading of claims whose step of the proof is not known."""
_PARTS = (
    ("word", "margin", "violations"),
    ("word", "margin", "violated"),
    ("margin", "violated"),
    ("violated",),
)
"""Parts of a cell beside its sign, the fullest first; `violated` are the violations where there are any."""
_LONGEST = 16
"""A heading may make its column so wide, in characters."""


class Line(NamedTuple):
    """Line of the table, or a sentence below a claim.

    Attributes:
        text: without a line feed.
        indent: of its first and its further lines if it is a sentence, else None: then it fits the terminal.
    """

    text: Text
    indent: int | None = None


class _Columns(NamedTuple):
    """Columns of a table of claims.

    Attributes:
        names: width of the column of claims, in characters.
        heads: run -> texts above its column.
        parts: names of the fields of a cell that are shown.
        widths: widths of these parts.
        column: width of a column, with the gap before it.
        gap: number of spaces between columns.
    """

    names: int
    heads: Mapping[str, tuple[str, ...]]
    parts: tuple[str, ...]
    widths: tuple[int, ...]
    column: int
    gap: int = 2


def lines(
    rows: Sequence[Mapping[str, Any]], lemmas: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]],
    width: int, ascii_only: bool = False, verbose: bool = False,
) -> Iterator[Line]:  # fmt: skip
    """Iterate over the lines of the table of claims, grouped by step of the proof.

    Cells show as much as fits: verdict, margin and violations; then signs and violations; then several tables.

    Args:
        rows: findings, as in results.json.
        lemmas: descriptions of the lemmas, as in results.json.
        runs: summaries of the runs, as in results.json.
        width: of the terminal, in characters.
        ascii_only: True for signs in ASCII.
        verbose: True for the reasons of all verdicts.

    Example:
        >>> cell = {"lemma": "distance", "run": "a", "verdict": "SUPPORTED", "reason": "", "margin": 0.25,
        ...         "violations": 0, "trials": 64}
        >>> for line in lines([cell], [], [], 80):
        ...     print(line.text)
        other      a
         distance  ✓ SUPPORTED +0.25 0/64
    """
    for stretch in alike(grouped(rows, lemmas)):
        above = headings(stretch[0].runs, runs)
        cells = [row for group in stretch for claim in group.claims.values() for row in claim.values()]
        drawn = {id(row): _cell(row, ascii_only) for row in cells}
        for columns in _fitting(stretch, above, list(drawn.values()), width):
            yield from _stretch(stretch, above, columns, drawn, verbose)


def _cell(row: Mapping[str, Any], ascii_only: bool) -> dict[str, str]:
    sign, plain, style = STYLES.get(row["verdict"], ("·", ".", ""))
    violated = violations(row)
    return {
        "sign": plain if ascii_only else sign, "word": row["verdict"], "style": style,
        "margin": number(row["margin"], "+.2g"), "violations": violated,
        "violated": violated if row["violations"] else "",
    }  # fmt: skip


def _fitting(
    stretch: Sequence[Group], above: Headings, cells: Sequence[Mapping[str, str]], width: int
) -> list[_Columns]:
    """Choose what the cells of a table show so that it fits the terminal; several tables if there are many runs."""
    titles = [text for group in stretch for text in (group.name or _OTHER, *group.claims)]
    names = 1 + max(map(len, [*titles, *(f" {axis}" for axis in above.axes)]))
    heads = above.columns
    column, gap, each = width, 2, 1
    sizes: tuple[int, ...] = ()
    for parts in _PARTS if above.axes else _PARTS[:-1]:
        if parts == _PARTS[-1]:
            gap, heads = 1, {run: tuple(map(_short, head)) for run, head in heads.items()}
        sizes = tuple(max(len(cell[part]) for cell in cells) for part in parts)
        longest = max(len(text) for head in heads.values() for text in head)
        column = gap + max(1 + sum(1 + size for size in sizes if size), min(_LONGEST, longest))
        each = max(1, (width - names) // column)
        if each >= len(heads):
            break
    if not above.axes:  # a width that does not fit is left out
        heads = {run: head if len(head[0]) <= column - gap else (run,) for run, head in heads.items()}
    runs = list(heads)
    return [
        _Columns(names, {run: heads[run] for run in runs[first : first + each]}, parts, sizes, column, gap)
        for first in range(0, len(runs), each)
    ]


def _short(text: str) -> str:
    """Shorten a number of five digits or more to thousands or millions.

    Example:
        >>> _short("131,072"), _short("1,048,576"), _short("8,192"), _short("digits-8")
        ('131k', '1.05M', '8192', 'digits-8')
    """
    plain = text.replace(",", "")
    if not plain.isdecimal():
        return text
    value = int(plain)
    if value < 10_000:
        return plain
    return f"{value / 1e6:.3g}M" if value >= 999_500 else f"{value / 1e3:.0f}k"


def _stretch(
    stretch: Sequence[Group], above: Headings, columns: _Columns, drawn: Mapping[int, Mapping[str, str]], verbose: bool
) -> Iterator[Line]:
    """Make the lines of groups that have the same columns; the headings are above or beside the first group's name."""

    def headed(title: str, place: int) -> Line:
        room, gap = columns.column - columns.gap, " " * columns.gap
        above_them = "".join(gap + _clipped(head[place], room) for head in columns.heads.values())
        return Line(Text((title.ljust(columns.names) + above_them).rstrip(), style="bold"))

    for place, axis in enumerate(above.axes):
        yield headed(axis.rjust(columns.names - 1), place)
    for group in stretch:
        title = group.name or _OTHER
        yield headed(title, 0) if group is stretch[0] and not above.axes else Line(Text(title, style="bold"))
        told = {
            claim: list(reasons(found, above, list(columns.heads), verbose)) for claim, found in group.claims.items()
        }
        says = [([row["verdict"] for row in group.claims[claim].values()], told[claim]) for claim in told]
        alike_so_far = 0
        for (claim, found), own, after in zip(group.claims.items(), says, [*says[1:], None], strict=True):
            line = Text(f" {claim}".ljust(columns.names))
            for run in columns.heads:
                cell = drawn[id(found[run])] if run in found else {}
                line.append(" " * columns.gap).append(_cell_text(cell, columns), style=cell.get("style", ""))
            line.rstrip()
            yield Line(line)
            alike_so_far += bool(told[claim])
            if own == after and told[claim]:  # the same words are told below the last of these claims
                continue
            these = f"these {alike_so_far}: " if alike_so_far > 1 else ""
            for named, reason in told[claim]:
                yield Line(Text(these + (f"{named}: {reason}" if len(stretch[0].runs) > 1 else reason)), 4)
            alike_so_far = 0


def _cell_text(cell: Mapping[str, str], columns: _Columns) -> str:
    room = columns.column - columns.gap
    if not cell:
        return " " * room
    texts = [
        cell[part].ljust(size) if part == "word" else cell[part].rjust(size)
        for part, size in zip(columns.parts, columns.widths, strict=True)
        if size
    ]
    return " ".join((cell["sign"], *texts)).ljust(room)


def _clipped(text: str, width: int) -> str:
    """Shorten a text to a width, its end replaced by a dot, and pad it."""
    return (text if len(text) <= width else f"{text[: width - 1]}.").ljust(width)


def violations(row: Mapping[str, Any]) -> str:
    """Format as violations/trials, or as -/trials for an exact law, whose draws cannot violate it one by one."""
    if row["violations"] is not None:
        return f"{row['violations']}/{row['trials']}"
    return "" if row["trials"] is None else f"-/{row['trials']}"


def number(value: float | str | None, form: str) -> str:
    """Format a stored number; infinities are stored as words."""
    if value is None:
        return ""
    return value if isinstance(value, str) else format(value, form)
