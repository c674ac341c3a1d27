"""Summary of a run in numbers: its spectrum, the claimed and the observed rates, the widths that theory requires.

The figures that compare runs are drawn from these summaries; results.json holds them under "runs".
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nag_ntk import radius_interval, spectral_radius
from nag_ntk.run.labelled import labels
from nag_ntk.theorem import THEOREMS, theorem_tuning
from proofs_check.judging.finding import SEED_LEVELS, plain
from proofs_check.lemma import Inequality
from proofs_check.lemma.selection import select
from proofs_check.lemmas import contraction, gram_concentration
from proofs_check.running import widths

if TYPE_CHECKING:
    from proofs_check.lemma import Run

FLOOR = 1e-9
"""Share of the first residual above which rates are fitted: far below it the residual is rounding."""


def observed_rate(norms: np.ndarray) -> np.ndarray:
    """Fit the factor by which |xi(t)|, the norm of the residual, changes per step in the second half of the steps.

    It is exp of the least-squares slope of ln |xi(t)| over t in [T/2, T], where T is the last step before |xi(t)| falls
    below FLOOR |xi(0)|.

    Args:
        norms: (s, t+1), |xi(t)| of every seed.

    Returns:
        (s,); NaN where fewer than three steps are left or a residual is not finite.

    Example:
        >>> observed_rate(np.array([[2.0, 1.0, 0.5, 0.25, 0.125]])).round(12).tolist()
        [0.5]
    """
    rates = np.full(len(norms), np.nan)
    for seed, values in enumerate(norms):
        with np.errstate(invalid="ignore"):
            below = ~(values >= FLOOR * values[0])
        last = int(np.argmax(below)) - 1 if below.any() else len(values) - 1
        steps = np.arange(last // 2, last + 1)
        if len(steps) >= 3 and np.isfinite(values[steps]).all() and values[steps].min() > 0:
            rates[seed] = math.exp(np.polyfit(steps, np.log(values[steps]), 1)[0])
    return rates


def summary(run: "Run") -> dict[str, Any]:
    """Summarise a run as values that JSON can hold.

    Returns:
        A dictionary with the keys run, width, steps, seeds and
        data: numbers of the dataset, from widths.facts.
        methods: a row per method: its parameters; `tuned`, true if it has the theorem's tuning; then the rates of the
            linear model and of the theorem (both 1 - .../kappa^p), their fractions and their power of kappa, and the
            theorem's prefactor for |xi(t)|/|xi(0)| (sharp form; |V(0)| = sqrt 2 |xi(0)| with momentum); `tuning`, its
            numbers beside the linear model and the theorem (`_tuning`); and, as quantiles over seeds: the observed
            rate; fall, |xi(T)|/|xi(0)|; the steps until |xi(t)| <= |xi(0)|/1000; the largest share of flipped
            activations and the largest distance of a neuron from its start.
        claims: number of seeds in which each claim failed at this width.
        asked: widths that theory requires.
    """
    data, trajectory = run.data, run.trajectory
    facts = widths.facts(data)
    return plain({
        "run": run.name,
        "width": trajectory.width,
        "steps": trajectory.steps,
        "seeds": len(trajectory.seeds),
        "data": facts,
        "methods": [_method(run, k, label, facts["kappa"]) for k, label in enumerate(labels(run.methods))],
        "claims": [row for row in _claims(run) if row is not None],
        "asked": [
            row.to_row() for row in (*widths.required_widths(data, run.delta, trajectory.init), *_compared(run))
        ],
    })  # fmt: skip


def _compared(run: "Run") -> tuple[widths.RequiredWidth, ...]:
    """Return the widths by comparison of methods with their theorem's tuning, for the law of the run's neurons."""
    init = run.trajectory.init
    methods = [name for name in THEOREMS if run.index(name) is not None and not run.untuned(name)]
    if not run.trajectory.steps or init == "given":
        return ()
    return widths.compared_widths(run.data, run.delta, [init], methods, rough=True)


def _method(run: "Run", k: int, label: str, kappa: float | None) -> dict[str, Any]:
    method, trajectory = run.methods[k], run.trajectory
    tuned = method.name in THEOREMS and k == run.index(method.name) and not run.untuned(method.name)
    row: dict[str, Any] = {
        "method": label,
        "name": method.name,
        "eta": method.eta,
        "beta": method.beta,
        "tuned": tuned,
    }
    if tuned and kappa is not None:
        theorem = THEOREMS[method.name]
        prefactor, claimed = theorem.bound(kappa)
        row |= {
            "linear_rate": theorem.linear_model(kappa),
            "claimed_rate": claimed,
            "claimed_prefactor": prefactor * math.sqrt(2) if method.has_memory else prefactor,
            "theorem": {name: str(getattr(theorem, name)) for name in ("order", "linear_rate", "rate")},
        }
    if method.constant:
        row["tuning"] = _tuning(run, k)
    if trajectory.steps:
        norms = np.asarray(trajectory.residual_norm[:, k], float)
        row["observed_rate"] = _levels(observed_rate(norms))
        with np.errstate(divide="ignore", invalid="ignore"):
            row["fall"] = _levels(norms[:, -1] / norms[:, 0])
        low = norms <= norms[:, :1] / 1000
        row["steps_to_thousandth"] = _levels(np.where(low.any(axis=1), low.argmax(axis=1), np.nan))
        row["flip_fraction"] = _levels(np.asarray(trajectory.flip_fraction[:, k], float).max(axis=1))
        row["distance"] = _levels(np.asarray(trajectory.distance[:, k], float).max(axis=1))
    return row


def _tuning(run: "Run", k: int) -> dict[str, Any]:
    """Compare the numbers of a method with the linear model of H_inf and with the theorem of its name.

    Returns:
        spectral_radius: of the linear model.
        stable_below: step sizes below it make the linear model stable with this momentum.
        theorem: absent where the theorem has no rate for these data or for this method; else the theorem's own `eta`
            and `beta`; its `rate`; `between`, the step sizes for which the linear model is as fast or faster with this
            momentum, None if there are none; and after training `violations`, the number of seeds in which the
            theorem's bound was exceeded at some step above the rounding floor, whatever the tuning.
    """
    method, data = run.methods[k], run.data
    values = np.linalg.eigvalsh(data.gram_limit)
    facts: dict[str, Any] = {
        "spectral_radius": spectral_radius(method, values),
        "stable_below": radius_interval(method.beta, method.gamma)[1] / values[-1],
    }
    if method.name in THEOREMS and not run.singular:
        theorem, own = THEOREMS[method.name], theorem_tuning(method.name, data)
        rate = theorem.bound(data.spectrum.kappa)[1]
        low, high = np.array(radius_interval(method.beta, method.gamma, rate)) / values[[0, -1]]
        facts["theorem"] = {
            "eta": own.eta, "beta": own.beta, "rate": rate, "between": [low, high] if low <= high else None,
        }  # fmt: skip
        if run.trajectory.steps:
            evidence = contraction.claimed(select(run, methods=[k]), theorem, any_tuning=True)
            counted = _count_violations("theorem", method.name, evidence)
            assert counted is not None
            facts["theorem"]["violations"] = counted["violations"]
    return facts


def _levels(values: np.ndarray) -> list[float]:
    """Return the quantiles over the seeds, (s,), at SEED_LEVELS; NaN counts as the largest."""
    ordered = np.sort(values)
    return [ordered[int(level * (len(ordered) - 1))] for level in SEED_LEVELS]


def _claims(run: "Run") -> list[dict[str, Any] | None]:
    if run.singular:
        return []
    rows = [_count_violations(name, "", inequality) for name, inequality in gram_concentration.claimed(run).items()]
    for method, theorem in THEOREMS.items():
        if run.trajectory.steps and run.index(method) is not None:
            rows.append(_count_violations("theorem", method, contraction.claimed(run, theorem)))
    return rows


def _count_violations(claim: str, method: str, evidence: Any) -> dict[str, Any] | None:
    """Count the seeds in which a claim failed; None where it is not applicable."""
    if not isinstance(evidence, Inequality):
        return None
    margin = evidence.relative_margin()
    failed = margin.reshape(len(margin), -1).min(axis=1) < 0
    return {"claim": claim, "method": method, "violations": int(failed.sum()), "seeds": len(margin)}
