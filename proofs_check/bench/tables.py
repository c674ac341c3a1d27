"""Tables of a benchmark for a terminal and in Markdown, made from a Report alone."""

from collections.abc import Iterator
from typing import NamedTuple

from rich.console import Console
from rich.table import Table as RichTable

from proofs_check.bench.record import CONTESTANTS, OPTAX, OPTAX_MAP, Cell, Comparison, Machine, Ratio, Report
from proofs_check.study.text import make_visible, visible

SHARE_GOAL, DOUBLING_GOAL = 0.45, 2.05
RATIOS = "Ratios are to ours in the same round: median (least–greatest)."


class Table(NamedTuple):
    """A heading, column names, rows of text, and sentences below."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    below: str = ""


def _ratio(ratio: Ratio | None) -> str:
    return "–" if ratio is None else f"{ratio.median:.3g} ({ratio.low:.3g}–{ratio.high:.3g})"


def _cell(cell: Cell) -> tuple[str, str]:
    return f"{cell.n} × {cell.d} × {cell.m:,}", f"{cell.seeds} × {cell.steps}"


SHAPE = ("n × d × m", "seeds × steps")


def target_text(comparison: Comparison, quick: bool) -> str:
    """Write the target of a cell, and "met" or "missed" by the median ratio; quick cells have no target."""
    ratio = comparison.ratio(OPTAX)
    if comparison.target is None or quick or ratio is None:
        return "–"
    return f"{comparison.target:g}: {'met' if ratio.median >= comparison.target else 'missed'}"


def _goals(report: Report) -> Iterator[Table]:
    if not report.goals:
        return
    rows = []
    for one in report.goals:
        for timing in one.timings:
            name = f"{timing.contestant} ({timing.engine})" if timing.engine else timing.contestant
            compiling = "–" if timing.compile_seconds is None else f"{timing.compile_seconds:.2g}"
            mine, goal = timing is one.timings[0], timing.contestant == OPTAX
            ratio = "1" if mine else _ratio(one.ratio(timing.contestant))
            target = target_text(one, report.quick) if goal else ""
            shape = _cell(one.cell) if mine else ("", "")
            rows.append((*shape, name, f"{timing.median:.3g}", ratio, target, compiling))
    columns = (*SHAPE, "program", "seconds", "times ours", "target", "compiling")
    below = f"Seconds are medians over the rounds, {report.rounds}. {RATIOS} Drawing is included, compiling is not."
    if report.quick:
        below += " Quick: narrower and shorter than the cells with targets."
    yield Table("Against other programs", columns, rows, below)


def _shapes(report: Report) -> Iterator[Table]:
    if not report.shapes:
        return
    rows = [
        (
            *_cell(one.cell), one.timings[0].engine or "", f"{1e3 * one.timings[0].median:.3g}",
            _ratio(one.ratio(OPTAX)), _ratio(one.ratio(OPTAX_MAP)),
        )
        for one in report.shapes
    ]  # fmt: skip
    sentences = [RATIOS]
    for name in (OPTAX, OPTAX_MAP):
        ratios = [ratio.median for one in report.shapes if (ratio := one.ratio(name)) is not None]
        if ratios:
            slower = sum(each < 1 for each in ratios)
            sentences.append(f"Slower than {name} at {slower} of {len(ratios)} shapes, least ratio {min(ratios):.3g}.")
    columns = (*SHAPE, "engine", "ours, ms", OPTAX, OPTAX_MAP)
    yield Table("Random shapes", columns, rows, " ".join(sentences))


def _limits(report: Report) -> Iterator[Table]:
    if report.ceiling is not None:
        rows = [
            *((f"product of order {report.ceiling.order:,}", name, f"{rate / 1e9:.3g} Gflop/s")
              for name, rate in report.ceiling.products.items()),
            *(("copy", name, f"{rate / 1e9:.3g} GB/s") for name, rate in report.ceiling.copies.items()),
        ]  # fmt: skip
        yield Table("Ceilings of this machine, float64", ("what", "by", "best"), rows)
    if report.dense is not None:
        dense, cell = report.dense, report.dense.cell
        goals = ("–", "–") if report.quick else (
            f"{SHARE_GOAL:.0%}: {'met' if dense.share >= SHARE_GOAL else 'missed'}",
            f"{DOUBLING_GOAL:g}: {'met' if dense.doubling.median <= DOUBLING_GOAL else 'missed'}",
        )  # fmt: skip
        rows = [
            ("2 m n² of each step, share of the product's rate", f"{dense.share:.1%}", goals[0]),
            (f"{cell.seeds} seeds over {dense.half_seeds} seeds, time", _ratio(dense.doubling), goals[1]),
        ]
        more = cell.steps - dense.short_steps
        below = (
            f"n = {cell.n}, m = {cell.m:,}. The share is that of {more} steps, by which two runs differ, "
            f"beside products at {max(dense.products) / 1e9:.3g} Gflop/s in the same rounds."
        )
        yield Table("The dense engine", ("what", "measured", "target"), rows, below)


def _growth(report: Report) -> Iterator[Table]:
    if not report.growth:
        return
    rows = [
        (
            one.axis, one.contestant, ", ".join(f"{value:,}" for value in one.values),
            ", ".join(f"{timing.best:.3g}" for timing in one.timings),
            f"{one.exponent:.2f} [{one.low:.2f}, {one.high:.2f}]",
            ", ".join(dict.fromkeys(timing.engine for timing in one.timings if timing.engine)) or "–",
        )
        for one in report.growth
    ]  # fmt: skip
    below = "Exponent b of the fit seconds ~ value^b with its 95 % interval; best of the rounds, drawing included."
    yield Table("Growth", ("along", "program", "values", "seconds", "exponent", "engine"), rows, below)


def _peaks(report: Report) -> Iterator[Table]:
    if not report.peaks:
        return
    names = [name for name in CONTESTANTS if any(p.contestant == name for p in report.peaks)]
    needed = {(one.cell, one.contestant): f"{one.needed / 2**20:,.0f}" for one in report.peaks}
    cells = dict.fromkeys(one.cell for one in report.peaks)
    rows = [(*_cell(cell), *(needed.get((cell, name), "–") for name in names)) for cell in cells]
    below = "MiB beyond what the process held with everything loaded, compilation included; a process each."
    yield Table("Peak memory", (*SHAPE, *names), rows, below)


def tables(report: Report) -> list[Table]:
    """Make the tables of all parts that were measured."""
    return [table for part in (_goals, _shapes, _limits, _growth, _peaks) for table in part(report)]


def provenance(report: Report) -> str:
    """Write a paragraph with command, machine, date and versions."""
    machine: Machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    load = "" if machine.load is None else f", load average {machine.load:g} at the start"
    return (
        f"`{report.command}`, {report.began}, {report.seconds:.0f} s. {machine.processor}, {machine.cores} cores, "
        f"{machine.memory / 2**30:.0f} GiB, {machine.system}; JAX on {machine.devices}{load}. {versions}."
    )


def render(report: Report, console: Console) -> None:
    """Print the tables to a terminal."""
    for table in tables(report):
        title, columns, rows, below = make_visible(tuple(table))
        shown = RichTable(title=title, title_justify="left", caption=below, caption_justify="left")
        for index, column in enumerate(columns):
            shown.add_column(column, justify="left" if index == 0 else "right")
        for row in rows:
            shown.add_row(*row)
        console.print(shown)
    console.print(visible(provenance(report)), markup=False, highlight=False)


def markdown(report: Report) -> str:
    """Write the tables in Markdown, to be put between the markers of a page."""
    parts = [provenance(report)]
    for table in tables(report):
        lines = [f"### {table.title}", "", _line(table.columns), "|".join(["", *["---"] * len(table.columns), ""])]
        lines += [_line(row) for row in table.rows]
        parts.append("\n".join(lines))
        if table.below:
            parts.append(table.below)
    return "\n\n".join(parts) + "\n"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
