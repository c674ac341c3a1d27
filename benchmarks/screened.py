"""The screened engine against the dense one, and its cost against the width: figures of docs/performance.md.

    python benchmarks/screened.py                # everything: about half an hour on two cores
    python benchmarks/screened.py --widths 1e4 1e5 1e6 --skip-dense

Every cell runs in a process of its own (peak memory is that of the process): once to compile, then three times; the
fastest counts. Ratios are of cells measured one after the other in this one call. Writes
docs/performance-screened.json, the table between the markers in docs/performance.md, and
docs/figures/screened-widths.png.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
METHODS = ("gradient_descent", "heavy_ball", "nesterov")
BEGIN, END = "<!-- screened: begin -->", "<!-- screened: end -->"


def cell(data: str, n: int, width: int, steps: int, engine: str, repeats: int) -> dict:
    """Times of one configuration in this process: total with drawing, per step without, compilation, peak memory."""
    import nag_ntk

    nag_ntk.enable_float64()
    source = nag_ntk.digits(n) if data == "digits" else nag_ntk.sphere(n, n, 0)
    methods = [nag_ntk.theorem_tuning(name, source) for name in METHODS]
    totals, paces, run = [], [], None
    for _ in range(repeats + 1):
        marks = []
        begun = time.perf_counter()
        run = nag_ntk.simulate(
            source, methods, width, 1, steps, engine=engine, chunk=max(steps // 8, 1),
            progress=lambda *_, marks=marks: marks.append(time.perf_counter()),
        )  # fmt: skip
        totals.append(time.perf_counter() - begun)
        paces.append((marks[-1] - marks[0]) / (len(marks) - 1) / max(steps // 8, 1))
    repeated = totals[1:] or totals
    return {
        "data": data, "n": n, "width": width, "steps": steps, "engine": engine,
        "seconds": min(repeated), "spread": max(repeated) / min(repeated), "first": totals[0],
        "seconds_per_step": min(paces[1:] or paces),
        "at_risk": None if run.screening is None else int(run.screening.at_risk[0]),
        "held": None if run.screening is None else float(run.screening.held.max()),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "final_residual": run.residual_norm[0, :, -1].tolist(), "flips": run.flips[0, :, -1].tolist(),
    }  # fmt: skip


def measured(**arguments) -> dict:
    """The same in a fresh process."""
    command = [sys.executable, __file__, "--cell", json.dumps(arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout)
    print(
        f"{found['data']} n={found['n']} m={found['width']:.0e} {found['engine']}: {found['seconds']:.3g} s, "
        f"{1e3 * found['seconds_per_step']:.3g} ms a step, {found['peak_bytes'] / 2**30:.2f} GiB",
        flush=True,
    )
    return found


def slope(cells: list[dict]) -> float:
    """Exponent of the time per step in the width, by least squares of the logarithms."""
    widths, times = ([np.log(c[key]) for c in cells] for key in ("width", "seconds_per_step"))
    return float(np.polyfit(widths, times, 1)[0])


def table(found: dict) -> str:
    """Markdown."""
    lines = [
        f"Measured {found['date']} on {found['machine']} with `{found['command']}`, three methods, one seed, drawing",
        "included; the fastest of up to three calls after one that compiles (one if dense, of digits, or m = 10^8).",
        "",
        "| data | n | m | steps | engine | seconds | ms per step | at risk | peak GiB | times faster |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    dense = {(c["data"], c["width"], c["steps"]): c["seconds"] for c in found["cells"] if c["engine"] != "screened"}
    for c in found["cells"]:
        there = dense.get((c["data"], c["width"], c["steps"]), 0)
        ratio = there / c["seconds"] if c["engine"] == "screened" else 0
        lines.append(
            f"| {c['data']} | {c['n']} | {c['width']:,} | {c['steps']} | {c['engine']} | {c['seconds']:.3g} | "
            f"{1e3 * c['seconds_per_step']:.3g} | {c['at_risk'] or ''} | {c['peak_bytes'] / 2**30:.2f} | "
            f"{f'{ratio:.1f}' if ratio else ''} |"
        )
    lines += [
        "",
        "![Time per step against the width](figures/screened-widths.png)",
        "",
        f"Time per step grows like the width to the power {found['slope']:.2f} (screened, all widths above).",
        "",
    ]
    return "\n".join(lines)


def plot(found: dict, path: Path) -> None:
    """Time per step against the width, both engines."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for engine, marker in (("preactivations", "s"), ("screened", "o")):
        cells = [c for c in found["cells"] if c["engine"] == engine and c["data"] == "sphere"]
        if cells:
            x, y = ([c[key] for c in cells] for key in ("width", "seconds_per_step"))
            axes.loglog(x, [1e3 * value for value in y], marker=marker, label=engine)
    cells = [c for c in found["cells"] if c["engine"] == "screened" and c["data"] == "sphere"]
    x = np.array([c["width"] for c in cells], float)
    axes.loglog(x, 1e3 * cells[-1]["seconds_per_step"] * np.sqrt(x / x[-1]), "k:", label=r"$\propto \sqrt{m}$")
    axes.set_xlabel("width m")
    axes.set_ylabel("milliseconds per step of three methods")
    axes.set_title("n = d = 8, one seed, two cores")
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    parser.add_argument("--widths", type=float, nargs="+", default=[1e4, 1e5, 1e6, 1e7, 1e8])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--skip-dense", action="store_true")
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(cell(**json.loads(options.cell))))
        return
    cells = []
    for width in sorted(int(w) for w in options.widths):
        usual = {"data": "sphere", "n": 8, "width": width, "steps": options.steps}
        cells.append(measured(**usual, engine="screened", repeats=1 if width > 10**7 else 3))
        if width <= 10**6 and not options.skip_dense:
            cells.append(measured(**usual, engine="preactivations", repeats=1))
    if not options.skip_dense:
        for steps in (500, 2000):
            for engine in ("screened", "preactivations"):
                fifty = {"data": "digits", "n": 50, "width": 20_000, "steps": steps}
                cells.append(measured(**fifty, engine=engine, repeats=1))
    found = {
        "date": time.strftime("%Y-%m-%d"), "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "command": "python benchmarks/screened.py" + "".join(f" {a}" for a in sys.argv[1:]),
        "slope": slope([c for c in cells if c["engine"] == "screened" and c["data"] == "sphere"]), "cells": cells,
    }  # fmt: skip
    docs = ROOT / "docs"
    (docs / "performance-screened.json").write_text(json.dumps(found, indent=1) + "\n")
    show(found, docs)


def show(found: dict, docs: Path) -> None:
    """The table between the markers of the page, and the figure."""
    page = docs / "performance.md"
    head, rest = page.read_text().split(BEGIN)
    page.write_text(f"{head}{BEGIN}\n{table(found)}{END}{rest.split(END)[1]}")
    plot(found, docs / "figures" / "screened-widths.png")


if __name__ == "__main__":
    main()
