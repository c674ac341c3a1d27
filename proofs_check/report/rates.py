"""Figures of the rates: the residual of a run with its theoretical bounds, and observed rates against kappa."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_check.report.drawing import (
    INK,
    ORDER,
    Figure,
    canvas,
    finish_figure,
    legend_below,
    method_styles,
    set_logarithmic,
)
from proofs_check.report.numbers import number, words
from proofs_check.store import Series

POINTS = 160
LEAST = 3
"""Least number of values of kappa, or of widths, in a figure over them."""
GROWING = "nesterov_increasing"
"""The method without a linear rate; its variants are called after their delays."""
_BOUND, _LINEAR = (0, (5, 2)), (0, (1, 1.6))


def tuned(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the methods of a run that have the tuning of their theorem and its rates."""
    return [row for row in run["methods"] if "theorem" in row]


def residual(series: Series, run: Mapping[str, Any], name: str) -> Figure:
    """Draw |xi(t)|/|xi(0)| of all methods, with the theorem's bound and the rate of the linear model.

    Args:
        series: the relative residual.
        run: its summary.
        name: of the files.
    """
    tuned_methods = {row["method"]: row for row in tuned(run)}
    levels = [round(100 * level) for level in series.levels]
    shown = np.unique(np.linspace(0, len(series.steps) - 1, POINTS).round().astype(int))
    figure, axes = canvas(3.6)
    sentences, rows = [], []
    lowest = highest = 1.0
    styles = method_styles(series.methods)
    for k, method in enumerate(series.methods):
        (colour, marker), middle = styles[k], series.observed[k]
        every = max(1, len(shown) // 8)
        axes.fill_between(series.steps[shown], _floored(middle[0, shown]), _floored(middle[-1, shown]), color=colour,
                          alpha=0.2, linewidth=0)  # fmt: skip
        median = middle[len(levels) // 2]
        axes.plot(series.steps[shown], _floored(median[shown]), color=colour, marker=marker, markersize=4,
                  markevery=(k * every // 3, every), label=words(method))  # fmt: skip
        positive = median[np.isfinite(median) & (median > 0)]
        lowest = min(lowest, float(positive.min()) if positive.size else 1.0)
        highest = max(highest, _largest(middle))
        bound = linear = np.full(len(series.steps), np.nan)
        sentence = f"{words(method)}: median {number(float(median[-1]))} at step {series.steps[-1]}"
        if method in tuned_methods:
            row = tuned_methods[method]
            bound = row["claimed_prefactor"] * row["claimed_rate"] ** series.steps.astype(float)
            linear = row["linear_rate"] ** series.steps.astype(float)
            highest = max(highest, _largest(bound))
            axes.plot(series.steps[shown], bound[shown], color=colour, linestyle=_BOUND, linewidth=1.1)
            axes.plot(series.steps[shown], linear[shown], color=colour, linestyle=_LINEAR, linewidth=1.1)
            sentence += (
                f", the theorem's bound {number(float(bound[-1]))} (rate {row['claimed_rate']:.5g}), the linear "
                f"model's rate {row['linear_rate']:.5g}, observed {_rates(row)}"
            )
        sentences.append(sentence)
        rows += [
            [method, int(step), *map(float, middle[:, t]), float(bound[t]), float(linear[t])]
            for t, step in enumerate(series.steps)
        ]
    axes.set_yscale("log")
    axes.set_ylim(max(lowest / 10, 1e-17), 3 * highest)
    set_logarithmic(axes, "y")
    axes.set_xlabel("training step t")
    axes.set_ylabel("residual ‖ξ(t)‖/‖ξ(0)‖ (1)")
    if tuned_methods:
        axes.plot([], [], color=INK, linestyle=_BOUND, linewidth=1.1, label="bound of the theorem, prefactor included")
        axes.plot([], [], color=INK, linestyle=_LINEAR, linewidth=1.1, label="slowest rate of the linear model")
    legend_below(figure, 2)
    kappa = number(run["data"]["kappa"])
    description = (
        f"{run['data']['name']}, n = {run['data']['samples']}, κ = {kappa or 'none'}, width {series.width:,}; "
        f"medians and range over {series.seeds} seeds. For momentum the bound is that of |V(t)|, V = [ξ(t); ξ(t−1)]. "
        f"{'; '.join(sentences)}."
    )
    header = ["method", "step", *(f"residual_q{level}" for level in levels), "bound", "linear_model"]
    note = "Line: median; band: all seeds."
    proved = [float(row["width"]) for row in run["asked"] if row["id"].startswith("comparison")]
    proved = [width for width in proved if math.isfinite(width)]
    if tuned_methods and proved:
        note += f" The bounds are proved from width {number(min(proved), '.1e')} on, this run has {series.width:,}."
    title = f"Residual against steps, run {series.run}"
    return finish_figure(figure, name, title, description, header, rows, note)


def powers(series: Series, run: Mapping[str, Any], name: str) -> Figure:
    """Draw |xi(t)|/|xi(0)| with both axes logarithmic: a power of t is a line there, and a linear rate bends down.

    Args:
        series: the relative residual, of at least two steps.
        run: its summary.
        name: of the files.
    """
    levels = [round(100 * level) for level in series.levels]
    shown = np.unique(np.geomspace(1, len(series.steps) - 1, POINTS).round().astype(int))
    figure, axes = canvas(3.6)
    sentences, rows = [], []
    styles = method_styles(series.methods)
    for k, method in enumerate(series.methods):
        (colour, marker), values = styles[k], series.observed[k][:, shown]
        median = values[len(levels) // 2]
        every = max(1, len(shown) // 8)
        axes.fill_between(shown, _floored(values[0]), _floored(values[-1]), color=colour, alpha=0.2, linewidth=0)
        axes.plot(shown, _floored(median), color=colour, marker=marker, markersize=4,
                  markevery=(k * every // 3, every), label=words(method))  # fmt: skip
        late = (shown >= shown[-1] / 10) & (median > 0)
        slope = _slope(shown[late].astype(float), median[late])
        sentences.append(f"{words(method)} {'none' if slope is None else number(slope, '.2f')}")
        rows += [[method, int(t), *map(float, one)] for t, one in zip(shown, values.T, strict=True)]
    # faster methods leave the picture below
    growing = [series.observed[k] for k, method in enumerate(series.methods) if method.startswith(GROWING)]
    lowest = min((float(value) for values in growing for value in values[values > 0]), default=1e-17)
    axes.plot(shown, 1.0 / shown, color=INK, linestyle=_LINEAR, linewidth=1.1, label="1/t")
    axes.set_yscale("log")
    axes.set_ylim(max(lowest / 30, 1e-17), 3 * max(1.0, _largest(series.observed)))
    set_logarithmic(axes, "y")
    set_logarithmic(axes, "x")
    axes.set_xlabel("training step t")
    axes.set_ylabel("residual ‖ξ(t)‖/‖ξ(0)‖ (1)")
    legend_below(figure, 2)
    description = (
        f"{run['data']['name']}, width {series.width:,}; medians and range over {series.seeds} seeds. Slopes of the "
        f"medians from a tenth of the steps to the last: {'; '.join(sentences)}."
    )
    header = ["method", "step", *(f"residual_q{level}" for level in levels)]
    note = "A power of t is a straight line, a linear rate bends down."
    return finish_figure(
        figure, name, f"Residual, both axes logarithmic, run {series.run}", description, header, rows, note
    )


def against_kappa(runs: Sequence[Mapping[str, Any]], name: str) -> Figure | None:
    """Draw 1 - rate per step against kappa, observed and theoretical; None for less than three values of kappa.

    Args:
        runs: summaries; of runs with one kappa the widest is shown.
        name: of the files.
    """
    widest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for run in sorted(runs, key=lambda run: (run["width"], run["steps"])):
        for row in tuned(run):
            if None not in row.get("observed_rate", (None,)):
                widest[row["name"], format(run["data"]["kappa"], ".6g")] = {**run, "row": row}
    by_kappa = sorted(widest.items(), key=lambda item: (ORDER.index(item[0][0]), item[1]["data"]["kappa"]))
    kappas = sorted({run["data"]["kappa"] for _, run in by_kappa})
    if len({kappa for _, kappa in widest}) < LEAST:
        return None
    figure, axes = canvas(4.3)
    rows, sentences = [], []
    for method in ORDER:
        points = [run for (named, _), run in by_kappa if named == method]
        if not points:
            continue
        ((colour, marker),) = method_styles([method])
        x = np.array([run["data"]["kappa"] for run in points])
        # a rate above 1, of a residual that grows, has no place on the axis
        gaps = 1 - np.array([run["row"]["observed_rate"] for run in points], float)
        gaps = np.where(gaps > 0, gaps, np.nan)
        middle = gaps[:, gaps.shape[1] // 2]
        axes.vlines(x, gaps[:, -1], gaps[:, 0], color=colour, linewidth=1.2)
        axes.plot(x, middle, color=colour, marker=marker, markersize=5, linestyle="none", label=words(method))
        line = np.geomspace(kappas[0], kappas[-1], 40)
        stated = {key: Fraction(value) for key, value in points[0]["row"]["theorem"].items()}
        for key, dash in (("linear_rate", _LINEAR), ("rate", _BOUND)):
            gap = float(stated[key]) / line ** float(stated["order"])
            axes.plot(line, gap, color=colour, linestyle=dash, linewidth=1.1)
        slope = _slope(x, middle)
        fitted = "" if slope is None else f", slope {number(slope, '.2f')} on log-log axes"
        model, claim = (_gap_in_words(stated[key], stated["order"]) for key in ("linear_rate", "rate"))
        sentences.append(
            f"{words(method)}: from {number(float(middle[0]))} at κ = {number(float(x[0]))} to "
            f"{number(float(middle[-1]))} at κ = {number(float(x[-1]))}{fitted}; linear model {model}, theorem {claim}"
        )
        rows += [
            [method, run["run"], run["width"], run["seeds"], run["data"]["kappa"], *run["row"]["observed_rate"],
             run["row"]["linear_rate"], run["row"]["claimed_rate"]]
            for run in points
        ]  # fmt: skip
    set_logarithmic(axes, "x")
    set_logarithmic(axes, "y")
    axes.set_xlabel("condition number κ (1)")
    axes.set_ylabel("1 − rate per step (1)")
    axes.plot([], [], color=INK, linestyle=_LINEAR, linewidth=1.1, label="linear model, at least")
    axes.plot([], [], color=INK, linestyle=_BOUND, linewidth=1.1, label="the theorem, at least")
    legend_below(figure, 2)
    description = (
        f"Points: median over seeds of the rate in the second half of the steps, bars: all seeds; higher is faster. "
        "The linear model of heavy ball and the theorem of Nesterov have one curve. "
        f"{'; '.join(sentences)}."
    )
    header = ["method", "run", "width", "seeds", "kappa", *(f"rate_q{level}" for level in (0, 10, 50, 90, 100)),
              "linear_rate", "claimed_rate"]  # fmt: skip
    return finish_figure(figure, name, "Rate against κ", description, header, rows)


def _rates(row: Mapping[str, Any]) -> str:
    rates = [rate for rate in row.get("observed_rate", ()) if rate is not None]
    return f"{rates[len(rates) // 2]:.5g}" if rates else "none"


def _gap_in_words(gap: Fraction, order: Fraction) -> str:
    """Write gap / kappa^order.

    Example:
        >>> _gap_in_words(Fraction(2, 3), Fraction(1, 2)), _gap_in_words(Fraction(1), Fraction(1))
        ('2/(3√κ)', '1/κ')
    """
    power = "κ" if order == 1 else "√κ"
    return f"{gap.numerator}/{power}" if gap.denominator == 1 else f"{gap.numerator}/({gap.denominator}{power})"


def _slope(kappas: "np.ndarray", values: "np.ndarray") -> float | None:
    """Fit the slope on log-log axes by least squares; None for less than three points."""
    finite = np.isfinite(values)
    return float(np.polyfit(np.log(kappas[finite]), np.log(values[finite]), 1)[0]) if finite.sum() >= LEAST else None


def _largest(values: "np.ndarray") -> float:
    """Return the largest finite value, 0 if there is none."""
    return float(values[np.isfinite(values)].max(initial=0.0))


def _floored(values: "np.ndarray") -> "np.ndarray":
    """Move zeros far below a logarithmic axis."""
    return np.where(np.isnan(values), np.nan, np.maximum(values, 1e-300))
