"""SVG of matplotlib figures for a page: unique ids, the page's colours, a description for screen readers."""

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from proofs_check.report.numbers import number, power_of_ten

# Okabe and Ito's palette, told apart by people with any kind of colour vision; a marker and a dash go with each.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")
# An order, such as that of widths: light to dark in lightness alone, the same for any kind of colour vision.
SCALE = ("#8fbcdf", "#6a9fcc", "#4a82b4", "#2f6699", "#1b4a7a", "#0b2f58")
INK, PAPER, RULE = "#000000", "#ffffff", "#cccccc"
_IN_PAGE = {INK: "var(--ink)", PAPER: "var(--paper)", RULE: "var(--rule)"} | {
    colour: f"var(--{kind}-{position})"
    for kind, colours in (("series", COLOURS), ("scale", SCALE))
    for position, colour in enumerate(colours)
}
ORDER = ("gradient_descent", "heavy_ball", "nesterov")
"""Methods in the order of their colours and markers, which are the same in all figures."""
WIDTH = 5.0
"""Inches; small enough that the letters are still read on a phone, where the figure shrinks."""
_LINE, _HANDLE, _LETTER = 0.19, 0.67, 0.064
"""Inches of a legend: height of a row, width of a column without its text, mean width of a letter."""


@dataclass(frozen=True)
class Figure:
    """Finished figure with its description and its data.

    Attributes:
        name: of its files.
        title: a few words.
        description: its contents in words, with the numbers.
        inline: the SVG for the page.
        alone: the SVG as a file of its own.
        header, rows: the data as a table.
        note: a sentence or two that stand beside the title.
    """

    name: str
    title: str
    description: str
    inline: Markup
    alone: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@contextmanager
def style() -> Iterator[None]:
    """Set matplotlib up for the block: text stays text, ids are the same in every run."""
    import matplotlib

    settings: Any = {
        "svg.fonttype": "none", "svg.hashsalt": "nag-ntk", "font.family": "sans-serif", "font.size": 9,
        "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": INK, "axes.grid": True,
        "grid.color": RULE, "grid.linewidth": 0.5, "axes.axisbelow": True, "legend.frameon": False,
        "path.simplify_threshold": 0.5, "text.parse_math": False, "legend.fontsize": 8.5, "lines.linewidth": 1.4,
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        yield


def method_styles(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Return colour and marker of each method: those of ORDER have their own, others the first that are free.

    Args:
        labels: names of methods, parameters in parentheses after them.

    Example:
        >>> method_styles(["nesterov", "adam"]) == [(COLOURS[2], MARKERS[2]), (COLOURS[0], MARKERS[0])]
        True
    """
    places: list[int | None] = []
    for label in labels:
        name = label.partition("(")[0]
        own = ORDER.index(name) if name in ORDER else None
        places.append(None if own in places else own)
    free = [place for place in range(len(COLOURS)) if place not in places] or [0]
    taken = [free[places[:k].count(None) % len(free)] if own is None else own for k, own in enumerate(places)]
    return [(COLOURS[place], MARKERS[place]) for place in taken]


def legend_below(figure: Any, columns: int, left: float = 0.14) -> None:
    """Put the legend below the axes, in so many columns or as many as fit, and make the figure higher for more rows."""
    labels = [label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]]
    fitting = fitting_columns(labels, columns)
    rows = math.ceil(len(labels) / fitting)
    height = figure.get_figheight() + _LINE * (rows - math.ceil(len(labels) / columns))
    figure.set_figheight(height)
    figure.legend(loc="lower center", ncol=fitting, handlelength=3.2)
    figure.subplots_adjust(left=left, right=0.98, top=1 - 0.1 / height, bottom=(0.54 + _LINE * rows) / height)


def fitting_columns(labels: Sequence[str], columns: int) -> int:
    """Return the largest number of columns, up to a given one, in which the labels of a legend fit into the figure.

    Example:
        >>> fitting_columns(["gradient descent", "heavy ball", "nesterov"], 3), fitting_columns(["x" * 40] * 2, 2)
        (3, 1)
    """
    for count in range(columns, 1, -1):
        rows = math.ceil(len(labels) / count)
        longest = [max(map(len, labels[first : first + rows])) for first in range(0, len(labels), rows)]
        if sum(_HANDLE + _LETTER * length for length in longest) <= WIDTH:
            return count
    return 1


def canvas(height: float) -> tuple[Any, Any]:
    """Make an empty figure and its axes, without a window."""
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(WIDTH, height))
    return figure, figure.add_subplot()


def panels(height: float, count: int) -> tuple[Any, list[Any]]:
    """Make an empty figure with panels above each other that share their horizontal axis."""
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(WIDTH, height))
    return figure, list(figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0])


def set_logarithmic(axes: Any, which: str, ticks: Sequence[float] = ()) -> None:
    """Make the "x" or "y" axis logarithmic, with ticks at powers of ten, between them if these are few, or as given.

    Call it when everything is drawn and the limits are set.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    low, high = getattr(axes, f"get_{which}lim")()
    marks = list(ticks) or steps_of_ten(low, high)
    axis.set_minor_formatter(NullFormatter())
    axis.set_minor_locator(NullLocator())
    if marks:
        axis.set_major_locator(FixedLocator(marks))
    axis.set_major_formatter(FuncFormatter((lambda value, _: number(value)) if marks else power_of_ten))


def steps_of_ten(low: float, high: float) -> list[float]:
    """Return ticks at 1, 2, 5 (or 1, 3) times powers of ten if less than three powers of ten fit; else [].

    Example:
        >>> steps_of_ten(0.08, 0.6), steps_of_ten(2.0, 200.0), steps_of_ten(1e-6, 1.0)
        ([0.1, 0.2, 0.5], [3.0, 10.0, 30.0, 100.0], [])
    """
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    powers = [exponent for exponent in exponents if low <= 10.0**exponent <= high]
    if len(powers) > 2:
        return []
    leads = (1, 2, 5) if high / low < 12 else (1, 3)
    marks = [float(f"{lead}e{exponent}") for exponent in exponents for lead in leads]
    return [mark for mark in marks if low <= mark <= high]


def finish_figure(
    figure: Any, name: str, title: str, description: str, header: Sequence[str], rows: Sequence[Sequence[Any]],
    note: str = "",
) -> Figure:  # fmt: skip
    """Export a figure as SVG with title and description, for the page and as a file."""
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    # a hundredth of a point cannot be seen; what is written keeps its digits
    text = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d+\.\d\d)\d+", r"\1", tag[0]), text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 system-ui, sans-serif", text)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    label = Markup('<title id="{0}-title">{1}</title><desc id="{0}-desc">{2}</desc>').format(name, title, description)
    start = text.index(">") + 1
    opened = text[: start - 1] + f' role="img" aria-labelledby="{name}-title {name}-desc">'
    alone = opened + str(label) + text[start:]
    inline = re.sub("|".join(_IN_PAGE), lambda match: _IN_PAGE[match[0]], alone)
    # what has no colour of its own is black, also on a dark page
    inline = inline.replace("<text ", '<text fill="var(--ink)" ').replace(' version="1.1"', ' class="figure"')
    return Figure(name, title, description, Markup(inline), f'<?xml version="1.0"?>\n{alone}', header, rows, note)
