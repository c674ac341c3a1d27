"""How often are the verdicts wrong? Simulates studies whose truth is known; see docs/calibration.md.

    python benchmarks/calibration.py [--studies 10000] [--seeds 128 1000] [--figure docs/figures/calibration.png]

Prints a table and draws a row of panels for each number of seeds. Where the confidence limit of an error rate
at the default level stays above that level, ten times as many studies are simulated, printed and drawn.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads cost more than such small products

import level as calibration
import numpy as np

import nag_ntk
from proofs_check import statistics
from proofs_check.lemmas import CATALOGUE
from proofs_check.running.prepare import RunSetup
from proofs_check.running.runner import execute
from proofs_check.study.load import parse_study

DEFAULT_LEVEL = 1e-3
LEVELS = (DEFAULT_LEVEL, 0.003, 0.01, 0.03, 0.05, 0.1, 0.2)
STUDY = """
dataset: {source: digits, samples: 8}
methods: [gradient_descent, heavy_ball, nesterov]
width: 512
seeds: 16
steps: 20
"""
Rows = list[tuple[calibration.Scenario, list[int]]]


def measure(run, claims, seeds: int, studies: int, key: int) -> Rows:
    """Number of studies with a wrong verdict, per scenario and level; drawn in blocks that fit into memory."""
    totals = np.zeros((len(calibration.SCENARIOS), len(LEVELS)), int)
    for block in range(0, studies, 10_000):
        rng = np.random.default_rng([key, seeds, block])
        size = min(10_000, studies - block)
        laws = calibration.draw_laws(run, CATALOGUE, claims.laws, size, rng)
        for i, scenario in enumerate(calibration.SCENARIOS):
            drawn = calibration.sample(claims, laws, scenario, seeds, size, rng)
            totals[i] += [drawn.errors(level) for level in LEVELS]
    return list(zip(calibration.SCENARIOS, totals.tolist(), strict=True))


def table(rows: Rows, studies: int, seeds: int) -> bool:
    """Prints Markdown; True if every limit at the default level is at most that level."""
    print(f"\n{studies:,} studies of {seeds} seeds: studies with a wrong verdict at each level\n")
    print("| wrong verdict | claims are | " + " | ".join(f"{a:g}" for a in LEVELS) + " | rate at 0.001, 95 % limit |")
    print("|---|---|" + "---:|" * (len(LEVELS) + 1))
    settled = True
    for scenario, errors in rows:
        limit = float(statistics.binomial_upper(errors[0], studies, 0.05))
        settled &= limit <= DEFAULT_LEVEL
        cells = " | ".join(f"{x:,}" for x in errors)
        print(f"| {scenario.wrong} | {scenario.name} | {cells} | {errors[0] / studies:.2g}, <= {limit:.3g} |")
    print(f"| | allowed on average | {' | '.join(f'{a * studies:,.0f}' for a in LEVELS)} | |")
    return settled


def exact_bound(claims: calibration.Family, seeds: int, level: float) -> float:
    """Bound of the rate of false REFUTED when all claims are true, whatever their dependence: Bonferroni's sum.

    Each binomial claim adds the largest tail that does not exceed its share of the level, each law the share.
    """
    share = level / (len(claims.failures) + len(claims.laws))
    tails = [statistics.excess_p_value(np.arange(seeds + 1), seeds, failure) for failure in claims.failures]
    return sum(float(np.max(p, where=p <= share, initial=0.0)) for p in map(np.asarray, tails)) + share * len(
        claims.laws
    )


def draw(results: list[tuple[Rows, int, int]], path: Path) -> None:
    """Rate against level with 95 % limits: a row of panels per (rows, studies, seeds), a panel per wrong verdict."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(
        len(results), 2, figsize=(9, 3.9 * len(results)), sharex=True, sharey=True, layout="constrained", squeeze=False
    )
    for panels, (rows, studies, seeds) in zip(grid, results, strict=True):
        for panel, wrong in zip(panels, ("REFUTED", "SUPPORTED"), strict=True):
            panel.plot([5e-4, 0.4], [5e-4, 0.4], color="0.7", lw=0.8, label="rate = level")
            # the points of a level stand side by side; its mark spans them all
            panel.hlines(LEVELS, np.array(LEVELS) / 1.2, np.array(LEVELS) * 1.2, color="k", lw=1.5, label="allowed")
            shown = [(scenario, errors) for scenario, errors in rows if scenario.wrong == wrong]
            for k, ((scenario, errors), marker) in enumerate(zip(shown, "os^D", strict=True)):
                rate = np.array(errors) / studies
                low, high = statistics.binomial_interval(errors, studies, 0.05)
                at = np.array(LEVELS) * 1.1 ** (k - 1.5)
                bars = np.maximum([rate - low, high - rate], 0)
                panel.errorbar(at, rate, bars, fmt=marker, ms=3.5, lw=1, capsize=1.5, label=scenario.name)
            panel.set(xscale="log", yscale="log", xlim=(7e-4, 0.3), ylim=(1e-5, 0.4))
            about = "true claims called REFUTED" if wrong == "REFUTED" else "false claims called SUPPORTED"
            panel.set_title(f"{about}\n{studies:,} studies of {seeds:,} seeds", fontsize=10)
            panel.grid(which="major", color="0.92")
        panels[0].set_ylabel("share of studies with such an error")
    for panel in grid[-1]:
        panel.set_xlabel("stated level")
    grid[0][0].legend(fontsize=7, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    print(f"\n{path}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[128, 1000])
    parser.add_argument("--key", type=int, default=0)
    parser.add_argument("--figure", type=Path, default=Path(__file__).parents[1] / "docs/figures/calibration.png")
    options = parser.parse_args()
    nag_ntk.enable_float64()
    study = parse_study(STUDY, name="calibration", base=Path())
    run = execute(study.runs[0], RunSetup.of(study.runs[0], CATALOGUE, study.delta), study.delta)
    claims = calibration.family(run, CATALOGUE)
    print(f"{len(claims.probable)} probabilistic claims: {', '.join(claims.probable)}")
    print(f"{len(claims.universal)} about every run: {', '.join(claims.universal)}")
    print(f"{len(claims.laws)} laws: {', '.join(claims.laws)}")
    results = []
    for seeds in options.seeds:
        studies, key = options.studies, options.key
        for attempt in range(2):
            begun = time.perf_counter()
            rows = measure(run, claims, seeds, studies, key + attempt)
            settled = table(rows, studies, seeds)
            print(f"\nfalse REFUTED, if all is true: {exact_bound(claims, seeds, DEFAULT_LEVEL):.3g} by exact sums")
            print(f"\n{time.perf_counter() - begun:.0f} s")
            if settled or attempt:
                break
            studies *= 10
        results.append((rows, studies, seeds))
    draw(results, options.figure)


if __name__ == "__main__":
    main()
