"""Figures over the steps of a run: recorded quantities, and measured values with bounds, with bands over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from proofs_check.report.drawing import PAPER, Figure, canvas, finish_figure, legend_below, method_styles, panels
from proofs_check.report.numbers import number, power_of_ten, words
from proofs_check.store import Series

POINTS = 160
"""Largest number of points of a line; the file of the data has all of them."""

BOTH_SIDES = "both sides of the inequality (1)"
DERIVED = {"relative_residual": "‖ξ(t)‖/‖ξ(0)‖ (1)", "loss": "loss ½‖ξ(t)‖² (1)"}
# name of a recorded quantity: (title, label of the axis, True if the axis is logarithmic)
RECORDED = {
    "residual_norm": ("Residual", "‖ξ(t)‖, norm of the residual (1)", True),
    "flip_fraction": ("Changed activations", "share of (neuron, sample) pairs (1)", False),
    "distance": ("Distance from initialisation", "largest ‖w(t) − w(0)‖ of a neuron (1)", False),
}
_BRIEF = {
    "flip_fraction": "changed activations\n(share of all, 1)",
    "distance": "largest distance\n‖w(t) − w(0)‖ (1)",
}


def recorded(series: Series, name: str) -> Figure:
    """Draw a recorded quantity of all methods of a run.

    Args:
        series: from the store.
        name: of the files.
    """
    return _draw_figure(series, name, f"{RECORDED[series.name][0]}, run {series.run}", "")


def compared(series: Series, name: str, title: str, row: Mapping[str, Any]) -> Figure:
    """Draw the quantity that a lemma bounds, and its bound.

    Args:
        series: from the store, with a bound.
        name: of the files.
        title: of the lemma.
        row: the finding, for the worst entry.
    """
    worst = ""
    if row.get("margin") is not None:
        where = ", ".join(f"{axis} {words(str(value))}" for axis, value in row["witness"].items())
        worst = f" Closest to the bound, or furthest beyond it: margin {number(row['margin'], '+.3g')} at {where}."
    heading = f"{title}: {series.name}, run {series.run}"
    return _draw_figure(series, name, heading, worst)


def movement(flips: Series, distance: Series, name: str) -> Figure:
    """Draw the share of changed activations and the largest distance of a neuron of all methods of a run.

    Args:
        flips: the series "flip_fraction", from the store.
        distance: the series "distance" of the same run.
        name: of the files.
    """
    figure, axes = panels(3.6, 2)
    for one, axis in zip((flips, distance), axes, strict=True):
        draw(axis, one)
        axis.set_ylabel(_BRIEF[one.name], fontsize=8.5)
    axes[0].set_xlabel("")
    for line in axes[1].get_lines():
        line.set_label("_")  # the legend names each method once
    legend_below(figure, 3, left=0.17)
    figure.subplots_adjust(hspace=0.1)
    figure.align_ylabels(axes)
    parts = [f"{RECORDED[one.name][0]}: {_describe(one)}" for one in (flips, distance)]
    (header, table), (_, beside) = _table(flips), _table(distance)
    columns = [*header[:2], *(f"{one.name}_{column}" for one in (flips, distance) for column in header[2:])]
    rows = [[*left, *right[2:]] for left, right in zip(table, beside, strict=True)]
    title = f"Changed activations and distance, run {flips.run}"
    note = "Line: median; bands: the middle eight tenths, and all seeds."
    return finish_figure(figure, name, title, " ".join(parts), columns, rows, note)


def _draw_figure(series: Series, name: str, title: str, worst: str) -> Figure:
    figure, axes = canvas(3.5 if len(series.methods) > 1 else 3.2)
    draw(axes, series)
    legend_below(figure, 2)
    return finish_figure(figure, name, title, _describe(series) + worst, *_table(series))


def draw(axes: Any, series: Series) -> None:
    """Draw the lines of a series, with bands over the seeds, on axes of matplotlib.

    Args:
        axes: matplotlib's; the vertical one becomes logarithmic if the series is of that kind and has a value above 0.
        series: from the store.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    _, axis, logarithmic = RECORDED.get(series.name, ("", DERIVED.get(series.name, BOTH_SIDES), True))
    sides = [side for side in (series.observed, series.bound) if side is not None]
    shown = np.unique(np.linspace(0, len(series.steps) - 1, POINTS).round().astype(int))
    positive = np.concatenate([side[np.isfinite(side) & (side > 0)] for side in sides])
    logarithmic = logarithmic and positive.size > 0
    floor = positive.min() if logarithmic else -np.inf
    styles = method_styles(series.methods)
    for k, method in enumerate(series.methods):
        _lines(axes, series, k, words(method), shown, floor, *styles[k])
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(power_of_ten))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("training step t")
    axes.set_ylabel(axis)


def _lines(
    axes: Any, series: Series, k: int, method: str, shown: "np.ndarray", floor: float, colour: str, marker: str
) -> None:
    """Draw one method: the range of the seeds, the middle four fifths, the median, and the bound."""
    steps = series.steps[shown]
    low, tenth, median, ninth, high = (_above(series.observed[k, _level(series, q), shown], floor)
                                       for q in (0.0, 0.1, 0.5, 0.9, 1.0))  # fmt: skip
    every = max(1, len(shown) // 8)
    axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.fill_between(steps, tenth, ninth, color=colour, alpha=0.25, linewidth=0)
    suffix = f", {method}" if method else ""
    offset = k * every // max(len(series.methods), 1)
    marks = {"color": colour, "marker": marker, "markersize": 4, "markevery": (offset, every)}
    if series.bound is None:
        axes.plot(steps, median, label=method or "median", **marks)
        return
    axes.plot(steps, median, label=f"measured{suffix}", **marks)
    bound = np.where(np.isfinite(series.bound[k]), series.bound[k], np.nan)
    least = bound[_level(series, 0.0), shown]
    axes.plot(steps, least, label=f"bound{suffix}", linestyle=(0, (5, 2)), markerfacecolor=PAPER, **marks)


def _above(values: "np.ndarray", floor: float) -> "np.ndarray":
    """Raise values to the lower end of a logarithmic axis, which has no zero."""
    return np.where(np.isnan(values), np.nan, np.maximum(values, floor))


def _level(series: Series, level: float) -> int:
    """Return the position of the stored quantile that is closest to a level."""
    return min(range(len(series.levels)), key=lambda q: abs(series.levels[q] - level))


def _describe(series: Series) -> str:
    """Describe the numbers of the figure in words."""
    parts = [f"Median and range over {series.seeds} seeds, width {series.width:,}."]
    for k, method in enumerate(series.methods):
        finite = np.flatnonzero(np.isfinite(series.observed[k, _level(series, 0.5)]))
        label = f"{words(method)}: " if method else ""
        if not len(finite):
            parts.append(f"{label}nothing was compared.")
            continue
        sentences = [
            f"at step {series.steps[t]} median {_at(series.observed, series, k, 0.5, t)} "
            f"(from {_at(series.observed, series, k, 0.0, t)} to {_at(series.observed, series, k, 1.0, t)})"
            + ("" if series.bound is None else f", least bound {_at(series.bound, series, k, 0.0, t)}")
            for t in dict.fromkeys((int(finite[0]), int(finite[-1])))
        ]
        parts.append(f"{label}{'; '.join(sentences)}.")
    return " ".join(parts)


def _at(side: "np.ndarray", series: Series, k: int, level: float, t: int) -> str:
    return number(float(side[k, _level(series, level), t]))


def _table(series: Series) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Return header and rows of the figure's data, a row per method and step."""
    sides = [("observed", series.observed)] + ([] if series.bound is None else [("bound", series.bound)])
    header = ["method", "step", *(f"{side}_q{round(100 * q)}" for side, _ in sides for q in series.levels)]
    rows = [
        [method, int(step), *(float(values[k, q, t]) for _, values in sides for q in range(len(series.levels)))]
        for k, method in enumerate(series.methods)
        for t, step in enumerate(series.steps)
    ]
    return header, rows
