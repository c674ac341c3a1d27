"""Figures over the width, of runs that differ in their width alone, and the widths that theory requires."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from proofs_check.report.drawing import (
    COLOURS,
    INK,
    MARKERS,
    PAPER,
    RULE,
    SCALE,
    Figure,
    canvas,
    finish_figure,
    method_styles,
    panels,
    set_logarithmic,
)
from proofs_check.report.numbers import number, power_of_ten, words
from proofs_check.report.rates import LEAST, POINTS
from proofs_check.store import Series

# name of the series: axis, whether it shrinks like m^(-1/2) by theory, whether the axis is logarithmic over steps
QUANTITIES = {
    "loss": ("loss ½‖ξ‖² (1)", False, True),
    "flip_fraction": ("share of changed\npatterns (1)", True, True),
    "distance": ("largest ‖w(t) − w(0)‖\nof a neuron (1)", True, True),
}
_BESIDE = ("width", "seeds", "at", "engine", "chunk", "dtype")
"""Fields of a run that runs of one ladder may differ in; all but the width leave the claims as they are."""


def rungs(configured: Mapping[str, Mapping[str, Any]], steps: bool = True) -> list[str]:
    """Find the longest list of runs that differ in their width alone, by width; [] for less than three widths.

    Args:
        configured: the runs of the manifest's study.
        steps: list only runs that train.

    Returns:
        The names of the runs.
    """
    groups: dict[str, dict[int, str]] = {}
    for name, run in configured.items():
        if run["steps"] or not steps:
            same = json.dumps({key: value for key, value in run.items() if key not in _BESIDE}, sort_keys=True)
            groups.setdefault(same, {}).setdefault(run["width"], name)
    longest = max(groups.values(), key=len, default={})
    return [longest[width] for width in sorted(longest)] if len(longest) >= LEAST else []


def over_steps(series: Mapping[str, Mapping[str, Series]], method: str, name: str) -> Figure:
    """Draw loss, share of changed patterns and largest distance of one method over the steps, a line per width.

    Args:
        series: by run, in the order of their widths, then by quantity.
        method: name of the method.
        name: of the files.
    """
    figure, axes = panels(6.6, len(QUANTITIES))
    runs = list(series)
    drawn = [runs[round(k)] for k in np.linspace(0, len(runs) - 1, min(len(runs), len(SCALE)))]
    rows: list[list[Any]] = []
    for panel, (quantity, (label, _, _)) in zip(axes, QUANTITIES.items(), strict=True):
        for place, run in enumerate(drawn):
            one = series[run][quantity]
            values = one.observed[one.methods.index(method), len(one.levels) // 2]
            shown = np.unique(np.linspace(0, len(one.steps) - 1, POINTS).round().astype(int))
            every = max(1, len(shown) // 6)
            shade = round(place * (len(SCALE) - 1) / max(len(drawn) - 1, 1))
            panel.plot(one.steps[shown], np.where(values[shown] > 0, values[shown], np.nan), color=SCALE[shade],
                       marker=MARKERS[place], markersize=4, markevery=(place * every // len(drawn), every),
                       label=f"m = {one.width:,}" if quantity == "loss" else None)  # fmt: skip
        set_logarithmic(panel, "y")
        panel.set_ylabel(label)
    for run in runs:
        several = [series[run][quantity] for quantity in QUANTITIES]
        k = several[0].methods.index(method)
        rows += [
            [run, several[0].width, int(step), *(float(value) for one in several for value in one.observed[k, :, t])]
            for t, step in enumerate(several[0].steps)
        ]
    axes[-1].set_xlabel("training step t")
    figure.legend(loc="lower center", ncol=3, handlelength=2.6)
    lines = math.ceil(len(drawn) / 3)
    height = figure.get_figheight()
    figure.subplots_adjust(left=0.17, right=0.98, top=0.985, bottom=(0.52 + 0.19 * lines) / height, hspace=0.1)
    figure.align_ylabels(axes)
    first = series[runs[0]]["loss"]
    sentences = "; ".join(
        f"{label.replace(chr(10), ' ')}: {_last(series[runs[0]][quantity], method)} at m = {first.width:,}, "
        f"{_last(series[runs[-1]][quantity], method)} at m = {series[runs[-1]][quantity].width:,}"
        for quantity, (label, _, _) in QUANTITIES.items()
    )
    left = f" Lines for {len(drawn)} of {len(runs)} widths, data for all." if len(drawn) < len(runs) else ""
    description = f"Medians over {first.seeds} seeds. At step {first.steps[-1]}, {sentences}.{left}"
    levels = [round(100 * level) for level in first.levels]
    header = ["run", "width", "step", *(f"{quantity}_q{level}" for quantity in QUANTITIES for level in levels)]
    return finish_figure(figure, name, f"Widths over the steps, {words(method)}", description, header, rows)


def against_width(series: Mapping[str, Mapping[str, Series]], methods: Sequence[str], name: str) -> Figure:
    """Draw the same quantities at the last step against the width, on log-log axes, with the slope -1/2.

    Args:
        series: by run, in the order of their widths, then by quantity.
        methods: names of the methods.
        name: of the files.
    """
    figure, axes = panels(6.6, len(QUANTITIES))
    widths = np.array([one["loss"].width for one in series.values()], float)
    rows: list[list[Any]] = []
    sentences: list[str] = []
    for panel, (quantity, (label, shrinks, _)) in zip(axes, QUANTITIES.items(), strict=True):
        slopes = []
        for method in methods:
            ((colour, marker),) = method_styles([method])
            ends = [one[quantity].observed[one[quantity].methods.index(method), :, -1] for one in series.values()]
            values = np.array(ends)
            values = np.where(values > 0, values, np.nan)
            middle = values[:, values.shape[1] // 2]
            panel.fill_between(widths, values[:, 0], values[:, -1], color=colour, alpha=0.15, linewidth=0)
            panel.plot(widths, middle, color=colour, marker=marker, markersize=4.5,
                       label=words(method) if quantity == "loss" else None)  # fmt: skip
            finite = np.isfinite(middle)
            if finite.sum() >= LEAST:
                slope = float(np.polyfit(np.log(widths[finite]), np.log(middle[finite]), 1)[0])
                slopes.append(f"{words(method)} {number(slope, '.3f')}")
            rows += [
                [method, run, int(width), quantity, *map(float, one)]
                for run, width, one in zip(series, widths, ends, strict=True)
            ]
            if shrinks and method == methods[-1] and np.isfinite(middle[0]):
                reference = np.nanmin(values[0]) / 1.6 * (widths / widths[0]) ** -0.5
                panel.plot(widths, reference, color=INK, linestyle=(0, (4, 2)), linewidth=1,
                           label="slope −1/2" if quantity == "flip_fraction" else None)  # fmt: skip
        set_logarithmic(panel, "y")
        panel.set_ylabel(label)
        sentences.append(f"{label.replace(chr(10), ' ')}: {', '.join(slopes) or 'none'}")
    set_logarithmic(axes[-1], "x", widths[:: math.ceil(len(widths) / 5)].tolist())
    axes[-1].set_xlabel("width m (neurons)")
    handles = [pair for panel in axes for pair in zip(*panel.get_legend_handles_labels(), strict=True)]
    figure.legend([handle for handle, _ in handles], [text for _, text in handles], loc="lower center", ncol=2,
                  handlelength=3.2)  # fmt: skip
    height = figure.get_figheight()
    lines = math.ceil(len(handles) / 2)
    figure.subplots_adjust(left=0.17, right=0.98, top=0.985, bottom=(0.52 + 0.19 * lines) / height, hspace=0.1)
    figure.align_ylabels(axes)
    first = next(iter(series.values()))["loss"]
    description = (
        f"At step {first.steps[-1]}, medians and range over {first.seeds} seeds. Slopes of the medians on log-log "
        f"axes: {'; '.join(sentences)}. Theory has the order −1/2 for patterns and distance, and none for the loss."
    )
    levels = [round(100 * level) for level in first.levels]
    header = ["method", "run", "width", "quantity", *(f"value_q{level}" for level in levels)]
    note = f"Slopes against m: {'; '.join(sentences)}."
    return finish_figure(figure, name, "The width at the end of training", description, header, rows, note)


def _last(series: Series, method: str) -> str:
    return number(float(series.observed[series.methods.index(method), len(series.levels) // 2, -1]))


# (claim, method): the statement in words
_CLAIMS = {
    ("hoeffding", ""): "‖H(0) − H∞‖_F ≤ λ₀/4 (Hoeffding)",
    ("chernoff", ""): "λ_min(H(0)) ≥ ¾ λ₀ (matrix Chernoff)",
    ("theorem", "gradient_descent"): "rate of gradient descent",
    ("theorem", "heavy_ball"): "rate of heavy ball",
    ("theorem", "nesterov"): "rate of Nesterov",
}


def observed_width(runs: Sequence[Mapping[str, Any]], claim: str, method: str) -> tuple[float | None, int]:
    """Find the least width from which on a claim held in all seeds, None if it failed at the largest.

    Args:
        runs: summaries, by width.
        claim: "hoeffding", "chernoff" or "theorem".
        method: of the theorem, else "".

    Returns:
        It, and the number of widths at which the claim was checked.
    """
    failed = [
        (run["width"], row["violations"])
        for run in runs
        for row in run["claims"]
        if (row["claim"], row["method"]) == (claim, method)
    ]
    least = None
    for width, violations in reversed(failed):
        if violations:
            break
        least = width
    return least, len(failed)


def required_and_observed(runs: Sequence[Mapping[str, Any]], name: str) -> Figure | None:
    """Draw the width that theory requires, and the least from which on the claim held in all seeds.

    Args:
        runs: summaries of runs that differ in their width alone, by width.
        name: of the files.

    Returns:
        The figure; None without any claim.
    """
    rows, sentences = [], []
    for (claim, method), statement in _CLAIMS.items():
        least, checked = observed_width(runs, claim, method)
        required = {row["id"]: float(row["width"]) for row in runs[0]["asked"] if row["method"] == method}
        if checked and math.isfinite(required.get(claim, math.inf)):
            compared = required.get("comparison", required.get("comparison-antisymmetric", math.inf))
            others = required.get("theorem-norm", math.nan), compared if math.isfinite(compared) else math.nan
            rows.append((claim, method, statement, least, required[claim], *others))
    if not rows:
        return None
    widths = [run["width"] for run in runs]
    figure, axes = canvas(1.15 + 0.62 * len(rows))
    for place, (_, _, label, least, required, norm, compared) in enumerate(rows):
        y = -place
        shown = widths[-1] * 2.5 if least is None else least
        axes.plot([shown, required], [y, y], color=RULE, linewidth=2, zorder=1)
        axes.plot([required], [y], color=COLOURS[1], marker="s", markersize=6, linestyle="none", zorder=2)
        if math.isfinite(norm):
            axes.plot([norm], [y], color=COLOURS[1], marker="s", markersize=6, markerfacecolor=PAPER, linestyle="none")
        if math.isfinite(compared):
            axes.plot([compared], [y], color=COLOURS[2], marker="D", markersize=6, linestyle="none", zorder=2)
        axes.plot([shown], [y], color=COLOURS[0], marker="o" if least else ">", markersize=6, linestyle="none",
                  markerfacecolor=COLOURS[0] if least else PAPER, zorder=3)  # fmt: skip
        axes.text(0.01, y + 0.27, label, fontsize=8.5, transform=axes.get_yaxis_transform())
        seen = (
            f"not even at {widths[-1]:,}" if least is None
            else f"observed from {least:,} on{', the smallest run' if least == widths[0] else ''}"
        )  # fmt: skip
        norms = f" ({number(norm, '.2g')} with the norm of |K| for n)" if math.isfinite(norm) else ""
        proved = f", proved for these data from {number(compared, '.2g')} on" if math.isfinite(compared) else ""
        sentences.append(f"{label}: {seen}, asked for {number(required, '.2g')}{norms}{proved}")
    set_logarithmic(axes, "x")
    exponents = range(2, math.ceil(math.log10(max(row[4] for row in rows))) + 2, 4)
    axes.set_xticks([10.0**exponent for exponent in exponents])
    axes.set_xticklabels([power_of_ten(10.0**exponent) for exponent in exponents])
    axes.set_xlim(min(widths[0] / 3, 100.0), max(row[4] for row in rows) * 30)
    axes.axvspan(widths[0], widths[-1], color=RULE, alpha=0.35, linewidth=0, zorder=0)
    axes.set_ylim(-len(rows) + 0.55, 0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("width m (neurons); shaded: widths that were run")
    handles = {
        "held in all seeds from here on": {"color": COLOURS[0], "marker": "o"},
        "theory asks (theorem: with n)": {"color": COLOURS[1], "marker": "s"},
    }
    if any(math.isfinite(row[5]) for row in rows):
        handles["with the norm of |K| for n"] = {"color": COLOURS[1], "marker": "s", "markerfacecolor": PAPER}
    if any(math.isfinite(row[6]) for row in rows):
        handles["proved for these data (comparison)"] = {"color": COLOURS[2], "marker": "D"}
    if any(row[3] is None for row in rows):
        handles["did not hold at the widest"] = {"color": COLOURS[0], "marker": ">", "markerfacecolor": PAPER}
    for text, look in handles.items():
        axes.plot([], [], linestyle="none", label=text, **look)
    figure.legend(loc="lower center", ncol=2, handlelength=1.2)
    lines, height = math.ceil(len(handles) / 2), figure.get_figheight()
    figure.subplots_adjust(left=0.03, right=0.97, top=1 - 0.06 / height, bottom=(0.54 + 0.19 * lines) / height)
    seeds = min(run["seeds"] for run in runs)
    description = (
        f"{runs[0]['data']['name']}, κ = {number(runs[0]['data']['kappa'])}, {seeds} seeds or more at each of "
        f"{len(widths)} widths from {widths[0]:,} to {widths[-1]:,}. The theorem's widths are sufficient for every "
        f"dataset with this λ₀, κ and n. {'; '.join(sentences)}."
    )
    header = ["claim", "method", "observed_from", "smallest_run", "largest_run", "asked", "asked_with_norm_of_K"]
    header.append("proved_by_comparison")
    table = [
        [claim, method, least, widths[0], widths[-1], required, norm, compared]
        for claim, method, _, least, required, norm, compared in rows
    ]
    return finish_figure(figure, name, "Widths that theory asks for, and those observed", description, header, table)
