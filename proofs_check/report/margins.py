"""Figures of the margins of all findings, as shares of their bounds, and of the losses of the proof."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from proofs_check.report.drawing import COLOURS, INK, RULE, Figure, canvas, finish_figure
from proofs_check.report.numbers import number, power_of_ten, words

MOST = 60
"""Largest number of findings in the figure of margins: those closest to their bounds."""
_COLOUR = {"SUPPORTED": COLOURS[0], "REFUTED": COLOURS[1]}


def margins(rows: Sequence[Mapping[str, Any]], name: str) -> Figure | None:
    """Draw the seeds' margins of every finding that has them, as observed / bound = 1 - margin; None if none has.

    Args:
        rows: findings, as stored.
        name: of the files.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    having = [row for row in rows if row.get("margins")]
    if len(having) > MOST:
        closest = sorted(having, key=lambda row: float(row["margins"][0]))[:MOST]
        having = [row for row in having if row in closest]
    if not having:
        return None
    used = [[1 - float(margin) for margin in reversed(row["margins"])] for row in having]
    finite = [value for values in used for value in values if 0 < value < math.inf]
    low, high = min(finite, default=0.1) / 2, max([2.0, *finite]) * 2
    figure, axes = canvas(0.9 + 0.33 * len(having))
    for place, (row, values) in enumerate(zip(having, used, strict=True)):
        least, ninth, median, tenth, most = (min(max(value, low), high) for value in values)
        colour, y = _COLOUR.get(row["verdict"], INK), -place
        axes.plot([least, most], [y, y], color=colour, linewidth=1)
        axes.plot([tenth, ninth], [y, y], color=colour, linewidth=4, solid_capstyle="butt")
        axes.plot([median], [y], marker="o" if row["verdict"] != "REFUTED" else "X", color=colour, markersize=6)
        axes.text(0.0, y + 0.28, f"{row['lemma']} @ {row['run']}", fontsize=7.5,
                  transform=axes.get_yaxis_transform())  # fmt: skip
    axes.axvline(1.0, color=INK, linestyle=(0, (4, 2)), linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(-len(having) + 0.4, 0.9)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(FuncFormatter(power_of_ten))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("observed / bound where a seed is closest (1); dashed: the bound")
    figure.subplots_adjust(left=0.03, right=0.97, top=1 - 0.05 / figure.get_figheight(),
                           bottom=0.5 / figure.get_figheight())  # fmt: skip
    sentences = "; ".join(
        f"{row['lemma']} in {row['run']}: median {number(values[2])}, at most {number(values[4])}"
        for row, values in zip(having, used, strict=True)
    )
    header = ("lemma", "run", "verdict", "margin_q0", "margin_q10", "margin_q50", "margin_q90", "margin_q100")
    data = [(row["lemma"], row["run"], row["verdict"], *row["margins"]) for row in having]
    description = f"Share of the bound that is used, over the seeds; above 1 the claim fails. {sentences}."
    return finish_figure(figure, name, "How much of its bound each claim uses", description, header, data)


def chain(slack: Sequence[Mapping[str, Any]], run: str, name: str) -> Figure | None:
    """Draw the loss of each step of the proof in a run, a bar per method, divided into the links of the step.

    Args:
        slack: losses, as stored.
        run: name of the run.
        name: of the files.
    """
    losses = [row for row in slack if row["run"] == run]
    bars = list(dict.fromkeys((row["step"], row["method"]) for row in losses))
    if not any(row["lost"] is not None for row in losses):
        return None
    figure, axes = canvas(0.75 + 0.3 * len(bars))
    sentences = []
    for place, key in enumerate(bars):
        links = [row for row in losses if (row["step"], row["method"]) == key and row["lost"] is not None]
        end = 0.0
        for position, row in enumerate(links):
            axes.barh(-place, row["lost"], left=end, height=0.62, color=COLOURS[position % len(COLOURS)],
                      edgecolor=INK, linewidth=0.6)  # fmt: skip
            end += row["lost"]
        label = " ".join(filter(None, (key[0], words(key[1]))))
        total = number(end, ".2f") if links else "no number"
        sentences.append(f"{label} {total}")
        axes.text(max(end, 0.0), -place, f" {total}", va="center", fontsize=8)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set_yticks([-place for place in range(len(bars))])
    axes.set_yticklabels([" ".join(filter(None, (step, words(method)))) for step, method in bars])
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("orders of magnitude lost (log10)")
    axes.margins(x=0.12)
    axes.tick_params(axis="y", color=RULE)
    figure.subplots_adjust(left=0.4, right=0.97, top=1 - 0.08 / figure.get_figheight(),
                           bottom=0.48 / figure.get_figheight())  # fmt: skip
    columns = ("step", "method", "what", "lost", "least", "most", "claimed", "actual", "seeds", "proved")
    description = f"Orders of magnitude lost, summed over the links of a step: {'; '.join(sentences)}."
    data = [[row[column] for column in columns] for row in losses]
    return finish_figure(figure, name, f"What the proof loses, run {run}", description, columns, data)
