"""From a matplotlib figure to an SVG that a page can hold: own ids, the page's colours, a text for the blind."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

# Okabe and Ito's palette, told apart by people with any kind of colour vision; a marker and a dash go with each.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")
INK, PAPER, RULE = "#000000", "#ffffff", "#cccccc"
_IN_PAGE = {INK: "var(--ink)", PAPER: "var(--paper)", RULE: "var(--rule)"} | {
    colour: f"var(--series-{position})" for position, colour in enumerate(COLOURS)
}
WIDTH = 5.0
"""Inches; small enough that the letters are still read on a phone, where the figure shrinks."""


@dataclass(frozen=True)
class Figure:
    """A figure with its text and its data.

    Attributes:
        name: of its files.
        title: a few words.
        description: what is to be seen, with the numbers.
        inline: the SVG for the page.
        alone: the SVG as a file of its own.
        header, rows: the data.
    """

    name: str
    title: str
    description: str
    inline: Markup
    alone: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


@contextmanager
def style() -> Iterator[None]:
    """Settings of matplotlib for the block: text stays text, ids are the same in every run."""
    import matplotlib

    settings: Any = {
        "svg.fonttype": "none", "svg.hashsalt": "nag-ntk", "font.family": "sans-serif", "font.size": 9,
        "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": INK, "axes.grid": True,
        "grid.color": RULE, "grid.linewidth": 0.5, "axes.axisbelow": True, "legend.frameon": False,
        "path.simplify_threshold": 0.5, "legend.fontsize": 8.5, "lines.linewidth": 1.4,
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        yield


def canvas(height: float) -> tuple[Any, Any]:
    """An empty figure and its axes, without the machinery for windows."""
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(WIDTH, height))
    return figure, figure.add_subplot()


def finished(
    figure: Any, name: str, title: str, description: str, header: Sequence[str], rows: Sequence[Sequence[Any]]
) -> Figure:
    """The figure as SVG with title and description, for the page and as a file."""
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = re.sub(r"(\d+\.\d\d)\d+", r"\1", text)  # a hundredth of a point cannot be seen
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 system-ui, sans-serif", text)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    label = Markup('<title id="{0}-title">{1}</title><desc id="{0}-desc">{2}</desc>').format(name, title, description)
    start = text.index(">") + 1
    opened = text[: start - 1] + f' role="img" aria-labelledby="{name}-title {name}-desc">'
    alone = opened + str(label) + text[start:]
    inline = re.sub("|".join(_IN_PAGE), lambda found: _IN_PAGE[found[0]], alone)
    # what has no colour of its own is black, also on a dark page
    inline = inline.replace("<text ", '<text fill="var(--ink)" ').replace(' version="1.1"', ' class="figure"')
    return Figure(name, title, description, Markup(inline), f'<?xml version="1.0"?>\n{alone}', header, rows)
