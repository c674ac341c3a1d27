"""What the figures of the theory share: their style, the runs they are drawn from, and a register by lemma."""

import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from proofs_check.lemma import Inequality, Run
from proofs_check.lemmas import CATALOGUE
from proofs_check.running.prepare import RunSetup
from proofs_check.running.runner import execute
from proofs_check.study.load import parse_study

matplotlib.use("Agg")
from matplotlib import pyplot

LEMMAS = {lemma.id: lemma for lemma in CATALOGUE}
THREE = ("gradient_descent", "heavy_ball", "nesterov")
NAMES: dict[str, str] = dict(zip(THREE, ("gradient descent", "heavy ball", "Nesterov"), strict=True))
# Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print
COLOURS: dict[str, str] = dict(zip(THREE, ("#0072B2", "#D55E00", "#009E73"), strict=True))
BLUE, ORANGE, GREEN = COLOURS.values()
PINK, YELLOW, GREY = "#CC79A7", "#E69F00", "0.55"
DIGITS = {"source": "digits", "samples": 20}
STYLE = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "0.92",
    "axes.axisbelow": True, "legend.frameon": False, "legend.fontsize": 8, "lines.linewidth": 1.4, "figure.dpi": 110,
}  # fmt: skip
FIGURES: dict[str, tuple[Callable, int]] = {}


def figure(name: str, panels: int = 1):
    """Registers a function that draws into `panels` axes."""

    def register(draw: Callable) -> Callable:
        FIGURES[name] = (draw, panels)
        return draw

    return register


@cache
def _executed(text: str, names: tuple[str, ...]) -> Run:
    study = parse_study(text, name="figure", base=Path())
    setup = RunSetup.of(study.runs[0], [LEMMAS[name] for name in names], study.delta)
    return execute(study.runs[0], setup, study.delta)


def run(*names: str, **fields) -> Run:
    """A run that records what the named lemmas need; 20 digits, width 2,048, 16 seeds, 300 steps unless said."""
    base = {"dataset": DIGITS, "methods": list(THREE), "width": 2048, "seeds": 16, "steps": 300}
    return _executed(json.dumps(base | fields), names)


def training() -> Run:
    """The run that most figures share."""
    return run("residual-recursion", "remainder-bound", "output-deviation", "flip-fraction")


def compared(name: str, subject: Run, part: str = "", control: str = "") -> Inequality:
    """What a lemma, or one of its controls, compares on a run."""
    lemma = LEMMAS[name]
    check = next(c.check for c in lemma.controls if c.id == control) if control else lemma.check
    evidence = check(subject)
    found = evidence[part] if isinstance(evidence, dict) else evidence
    assert isinstance(found, Inequality), found
    return found


def band(axes, at, values, colour: str, label: str, style: str = "-") -> None:
    """Median over seeds (axis 0) with the range."""
    axes.plot(at, np.median(values, axis=0), style, color=colour, label=label)
    axes.fill_between(at, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.2, lw=0)


def against_bound(axes, name: str, subject: Run, part: str = "", first: int = 1, bound: str = "bound") -> None:
    """Every method over time: the worst seed's value, and the least bound of all seeds dashed."""
    found = compared(name, subject, part)
    observed, bounds = np.broadcast_arrays(found.observed, found.bound)
    if observed.ndim == 4:  # the largest over samples
        observed, bounds = observed.max(axis=-1), bounds.max(axis=-1)
    at = np.arange(observed.shape[2])
    for k, method in enumerate(THREE):
        axes.plot(at[first:], observed[:, k, first:].max(axis=0), color=COLOURS[method], label=NAMES[method])
        label = f"{bound} (dashed)" if k == 2 else None
        axes.plot(at[first:], bounds[:, k, first:].min(axis=0), "--", color=COLOURS[method], label=label)
    axes.set(xlabel="step $t$", yscale="log")


def above(axes, columns: int) -> None:
    """The legend over the axes, where it hides nothing."""
    axes.legend(ncols=columns, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def save(name: str, path: Path) -> None:
    """Draws a lemma's figure into a PNG of 128 colours."""
    draw, panels = FIGURES[name]
    with pyplot.rc_context(STYLE):
        size = (5.2 if panels == 1 else 8.2, 3.3)
        shown, axes = pyplot.subplots(1, panels, figsize=size, layout="constrained", squeeze=False)
        draw(*axes[0])
        buffer = io.BytesIO()
        shown.savefig(buffer, dpi=110)
        pyplot.close(shown)
    Image.open(buffer).convert("RGB").quantize(128).save(path, optimize=True)
