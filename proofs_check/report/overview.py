"""Sentences about a study: its data, and how far and how fast the residual fell with each method."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from proofs_check.report.losses import by_run, summed
from proofs_check.report.numbers import words

_MOST_RUNS = 2
"""Up to so many trained runs have sentences of their own; of more, the widest has."""


def data_in_words(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Describe the datasets: a sentence for each of at most three, with lambda_0 and kappa, or one for all.

    Args:
        runs: summaries, as in results.json.

    Example:
        >>> facts = {"name": "digits-20", "samples": 20, "dimension": 64, "lambda_0": 0.06891, "kappa": 103.64}
        >>> data_in_words([{"data": facts}, {"data": facts}])
        ['digits-20: 20 samples in R^64, lambda_0 = 0.0689, kappa = 103.6']
    """
    texts = list(dict.fromkeys(_data(run["data"]) for run in runs))
    if len(texts) <= 3:
        return texts
    kappas = [run["data"]["kappa"] for run in runs if _finite(run["data"]["kappa"])]
    between = f", kappa from {min(kappas):.4g} to {max(kappas):.4g}" if kappas else ""
    return [f"{len(texts)} datasets{between}"]


def _data(facts: Mapping[str, Any]) -> str:
    spectrum = "lambda_0 = 0 up to rounding"
    if _finite(facts["kappa"]):
        spectrum = f"lambda_0 = {float(facts['lambda_0']):.3g}, kappa = {facts['kappa']:.4g}"
    return f"{facts['name']}: {facts['samples']} samples in R^{facts['dimension']}, {spectrum}"


def shown_runs(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Select the trained runs that `run_in_words` is asked about: all if there are few, else `main_run`."""
    trained = [run for run in runs if run["steps"] and all("fall" in row for row in run["methods"])]
    chosen = main_run(trained)
    return trained if chosen is None or len(trained) <= _MOST_RUNS else [chosen]


def main_run(runs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Select the run with the most methods that have their theorem's tuning, or None without runs.

    Of several it is the widest, then the longest, then the one whose numbers are nearest to the theorem's.

    Example:
        >>> runs = [{"run": name, "width": 8, "steps": steps, "methods": [{"tuned": True}]}
        ...         for name, steps in (("short", 5), ("long", 50))]
        >>> main_run(runs)["run"]
        'long'
    """

    def order(run: Mapping[str, Any]) -> tuple[int, int, int, float]:
        tuned = sum(bool(row.get("tuned")) for row in run["methods"])
        return tuned, run["width"], run["steps"], -sum(map(detuned, run["methods"]))

    return max(runs, key=order, default=None)


def detuned(row: Mapping[str, Any]) -> float:
    """Measure how far step size and momentum are from the theorem's, on logarithmic axes; 0 where it states none."""
    own = row.get("tuning", {}).get("theorem")
    if not own:
        return 0.0
    return math.hypot(math.log(row["eta"] / own["eta"]), math.log((1 - row["beta"]) / (1 - own["beta"])))


def run_in_words(run: Mapping[str, Any]) -> list[str]:
    """Describe a run: a sentence for each method, and one about the widths from which its theorems are proved.

    Residuals and rates are medians over the seeds, the rate is fitted to the second half of the steps; shares of
    activations and distances are the largest of all seeds and steps.

    Args:
        run: a summary, as in results.json.
    """
    return [*(_method(run, row) for row in run["methods"]), *_proved(run)]


def _method(run: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    fall, reached, rate = (_middle(row[key]) for key in ("fall", "steps_to_thousandth", "observed_rate"))
    if fall is None:
        text = "the residual overflowed"
    else:
        verb = "fell" if fall < 1 else "grew"
        text = f"the residual {verb} to {fall:.2g} of its start"
    if reached is not None:
        text += f" (a thousandth at step {int(reached):,})"
    if rate is not None:
        theory = [
            f"{name} {row[key]:.4f}"
            for name, key in (("theorem", "claimed_rate"), ("linear model", "linear_rate"))
            if _finite(row.get(key))
        ]
        text += f", late on times {rate:.4f} a step" + (f" ({', '.join(theory)})" if theory else "")
    flips, distance = row["flip_fraction"][-1], row["distance"][-1]
    if _finite(flips) and _finite(distance):
        text += f". No seed flipped over {flips:.2%} of the activations, or moved a neuron over {distance:.2g}"
    return f"{words(row['method'])}: {text}."


def _proved(run: Mapping[str, Any]) -> list[str]:
    """Say from which widths on the theorems are proved for these data."""
    asked = {row["method"]: row["width"] for row in run["asked"] if row["id"] == "comparison" and _finite(row["width"])}
    found = [
        (words(row["method"]), asked[row["name"]]) for row in run["methods"] if row["tuned"] and row["name"] in asked
    ]
    if not found:
        return []
    widths = ", ".join(f"{float(width):.1e} ({name})" for name, width in found)
    inside = [name for name, width in found if run["width"] >= float(width)]
    where = f"at {run['width']:,} the rates are observed, not implied"
    if inside:
        alone = "" if len(inside) == len(found) else f" for {', '.join(inside)} alone"
        where = f"width {run['width']:,} is inside its hypotheses{alone}"
    return [f"The theorem is proved from width {widths} on: {where}."]


def loosest(slack: Sequence[Mapping[str, Any]]) -> str:
    """Name the three steps of the proof that lose most, with their methods, in the first run that has losses, or "".

    Args:
        slack: rows, as in results.json.

    Example:
        >>> row = {"run": "a", "method": "nesterov", "step": "distance", "what": "first", "lost": 1.5}
        >>> loosest([row, {**row, "what": "second"}, {**row, "step": "rate", "lost": 0.25}])
        'distance 10^3.0 (nesterov), rate 10^0.2 (nesterov)'
    """
    sums = summed(next(iter(by_run(slack).values()), ()))
    worst = {
        step: max(losses.items(), key=lambda item: (item[1].lost, item[1].partial)) for step, losses in sums.items()
    }
    ordered = sorted(worst.items(), key=lambda item: -item[1][1].lost)[:3]
    return ", ".join(
        f"{step} 10^{loss.lost:.1f}{' at least' if loss.partial else ''}" + (f" ({words(method)})" if method else "")
        for step, (method, loss) in ordered
        if loss.lost > 0
    )


def _middle(levels: Sequence[Any]) -> float | None:
    value = levels[len(levels) // 2]
    return float(value) if _finite(value) else None


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(float(value))
