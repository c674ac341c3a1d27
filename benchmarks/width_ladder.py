"""The ladder from proof to practice: the widths that each argument asks for, and the width that training needs.

    python benchmarks/width_ladder.py [--folder docs/figures]

One figure per dataset, docs/figures/widths-DATASET.png; docs/widths.md shows them. Every number is computed on the
spot, five minutes on two cores, but for the widths at which single networks are proved: certified_widths.py finds them.
"""

import argparse
import io
import json
from pathlib import Path

import matplotlib
import numpy as np
from certified_widths import DATA, FILE
from PIL import Image
from theory_plots import COLOURS, NAMES, STYLE, THREE

import nag_ntk
from nag_ntk.theorem import THEOREMS
from proofs_check.lemma import Inequality, Run
from proofs_check.lemmas.contraction import claimed
from proofs_check.running.widths import compared_widths, required_widths

matplotlib.use("Agg")
from matplotlib import pyplot

DELTA, SEEDS = 0.1, 16
GRID = tuple(2**k for k in range(2, 11))
ROWS = {
    "theorem": "Coq, explicit, with $n$",
    "theorem-norm": r"Coq, with the norm of $|K|$",
    "comparison": "comparison theorem",
    "comparison-antisymmetric": "comparison, pairs that cancel",
    "hoeffding": r"$H(0)$ near $H^\infty$: Hoeffding",
    "chernoff": r"$\lambda_{\min}(H(0))$: matrix Chernoff",
}
PROVED = {
    "initial": f"proved at initialisation, {SEEDS} of {SEEDS}",
    "run": f"proved by following the run, {SEEDS} of {SEEDS}",
}
STEPS = {"sphere-5x50": 40, "sphere-10x100": 40, "sphere-8x8": 100, "digits-10": 150, "digits-20": 250}
OBSERVED = f"seen to suffice, {SEEDS} seeds"


def observed_width(data: nag_ntk.Dataset, steps: int) -> int | None:
    """Find the least width of GRID from which on no seed violates Nesterov's bound, the sharp form; None for none."""
    method, least = nag_ntk.theorem_tuning("nesterov", data), None
    for width in reversed(GRID):
        run = Run("ladder", data, (method,), nag_ntk.simulate(data, method, width, SEEDS, steps), DELTA)
        found = claimed(run, THEOREMS["nesterov"])
        assert isinstance(found, Inequality), found
        if (found.relative_margin() < 0).any():
            return least
        least = width
    return least


def draw(data: nag_ntk.Dataset, steps: int, path: Path) -> None:
    """Draw the ladder of one dataset into a PNG of 128 colours, and print its numbers."""
    rows = (*required_widths(data, DELTA), *compared_widths(data, DELTA))
    widths: dict[tuple[str, str], float] = {(row.id, row.method): row.width for row in rows}
    proved = json.loads(FILE.read_text())[data.name]
    assert proved["seeds"] == SEEDS
    widths |= {(row, method): proved[row][method] for row in PROVED for method in THREE if proved[row][method]}
    seen = observed_width(data, steps)
    print(f"{path}: { ({' '.join(key): f'{width:.3g}' for key, width in widths.items()}) }, seen {seen}", flush=True)
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(6.4, 5.6), layout="constrained")
        names = {**ROWS, **PROVED}
        for place, name in enumerate(names):
            methods = ("",) if (name, "") in widths else THREE
            for k, method in enumerate(methods):
                if (name, method) not in widths:
                    continue  # not reached
                shift = 0.28 * (1 - k) if len(methods) > 1 else 0
                colour, marker = (COLOURS[method], "o^s"[k]) if method else ("0.25", "D")
                width = widths[name, method]
                axes.plot(width, shift - place, marker, color=colour, ms=5)
                axes.annotate(_rounded(width), (width, shift - place), (6, 0), textcoords="offset points", fontsize=7,
                              va="center", color=colour)  # fmt: skip
        if seen is not None:
            axes.plot(seen, -len(names), "s", color=COLOURS["nesterov"], ms=6, mfc="white")
            axes.annotate(f"{seen}", (seen, -len(names)), (7, 0), textcoords="offset points", fontsize=7, va="center",
                          color=COLOURS["nesterov"])  # fmt: skip
        axes.set_yticks(-np.arange(len(names) + 1), [*names.values(), OBSERVED])
        axes.set(xscale="log", xlabel="width $m$ (neurons)", xlim=(10, 1e27), ylim=(-len(names) - 0.5, 0.5))
        axes.set_xticks(10.0 ** np.arange(2, 27, 4))
        for k, method in enumerate(THREE):
            axes.plot([], [], "o^s"[k], color=COLOURS[method], label=NAMES[method])
        axes.legend(loc="lower right", handlelength=1)
        axes.set_title(f"{_name(data)}, $\\kappa$ = {data.spectrum.kappa:.3g}, $\\delta$ = {DELTA}", fontsize=9)
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=110)
        pyplot.close(figure)
    Image.open(buffer).convert("RGB").quantize(128).save(path, optimize=True)


def _name(data: nag_ntk.Dataset) -> str:
    source = "digits" if data.name.startswith("digits") else f"points on the sphere in $R^{{{data.dimension}}}$"
    return f"{data.size} {source}"


def _rounded(width: float) -> str:
    mantissa, exponent = f"{width:.1e}".split("e")
    return f"{width:,.0f}" if width < 1e4 else f"${mantissa}\\cdot 10^{{{int(exponent)}}}$"


def main() -> None:
    """Draw the ladders of the five datasets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / "docs/figures")
    folder = parser.parse_args().folder
    nag_ntk.enable_float64()
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in DATA.items():
        draw(data, STEPS[name], folder / f"widths-{name}.png")


if __name__ == "__main__":
    main()
