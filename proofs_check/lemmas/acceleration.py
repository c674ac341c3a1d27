"""acceleration: steps to a given accuracy grow like kappa for gradient descent and like sqrt(kappa) with momentum."""

from collections.abc import Mapping, Sequence

import numpy as np

from nag_ntk.theorem import THEOREMS
from proofs_check import statistics
from proofs_check.lemma import Claim, Control, Evidence, Law, Lemma, NotApplicable, Run

TARGET = 1e-6
"""Steps are counted until the residual has fallen to this share of its start, for good."""
EXPONENTS = {name: float(theorem.order) for name, theorem in THEOREMS.items()}
LINEAR_TOLERANCE, TOLERANCE = 0.02, 0.1
_POSITIONS, _RANGE = 4, 5.0
_KAPPAS = np.geomspace(10.0, 1e6, 21)


def linear_steps(method: str, kappas: np.ndarray) -> np.ndarray:
    """Count the steps of the linear model along its slowest eigenvector after which |V(t)| stays below TARGET |V(0)|.

    V(t) = [xi(t); xi(t-1)] with V(0) = (1, 1), the method has the theorem's tuning at each kappa, and lambda_max = 1.
    All kappa are computed together, in O(sqrt(max kappa)) array operations.

    Example:
        >>> linear_steps("nesterov", np.array([10.0, 1000.0])).tolist()
        [63.0, 686.0]
    """
    theorem = THEOREMS[method]
    z, beta = float(theorem.step) / kappas, theorem.momentum(np.sqrt(kappas))
    gamma = theorem.gradient_momentum * beta
    if theorem.order == 1:
        return np.ceil(np.log(TARGET) / np.log1p(-z))
    trace, determinant = 1 + beta - (1 + gamma) * z, beta - gamma * z
    now, before, last = np.ones_like(z), np.ones_like(z), np.zeros_like(z)
    # after so many steps the powers of the linear model are below the target
    factors, rates = np.array([(theorem.bound(kappa)[0], theorem.linear_model(kappa)) for kappa in kappas]).T
    end = int(np.max(np.log(factors / TARGET) / -np.log(rates))) + 2
    for t in range(1, end):
        now, before = trace * now - determinant * before, now
        last = np.where(np.hypot(now, before) > TARGET * np.sqrt(2), t, last)
    return last + 1


def _linear(method: str, exponent: float) -> Law:
    log_kappas, log_steps = np.log10(_KAPPAS), np.log10(linear_steps(method, _KAPPAS))
    slope = float(statistics.least_squares_slope(log_kappas, log_steps))

    def interval(level: float) -> tuple[float, float]:
        low, high = statistics.slope_interval(log_kappas, log_steps, level)
        return low - exponent, high - exponent

    return Law(
        p_value=statistics.slope_p_value(log_kappas, log_steps, exponent, LINEAR_TOLERANCE),
        interval=interval,
        resolution=LINEAR_TOLERANCE,
        deviation=slope - exponent,
        trials=len(log_kappas),
        note=f"slope {slope:.4f} over kappa from 10 to 1e6, linear model: no chance here, the interval is that of the fit",
    )


def _count_exits(run: Run, method: str) -> int:
    """Count the seeds in which lambda_min(H(t)) fell below lambda_0/2 at a recorded step."""
    path = run.trajectory.gram_path
    if path is None:
        return 0
    least = path.least_eigenvalue[:, run.position(method)].min(axis=1)
    return int(np.sum(~(least >= run.data.spectrum.lambda_0 / 2)))


def _network(runs: Sequence[Run], method: str, exponent: float) -> Evidence:
    chosen: dict[float, tuple[Run, np.ndarray]] = {}
    excluded = []
    groups: dict[tuple[int, int, int, str], list[Run]] = {}
    for run in runs:
        if run.index(method) is not None and run.trajectory.steps > 0 and not run.untuned(method):
            key = (run.trajectory.width, len(run.trajectory.seeds), run.data.size, run.trajectory.init)
            groups.setdefault(key, []).append(run)
    for run in max(groups.values(), key=len, default=[]):
        kappa, steps, exits = run.data.spectrum.kappa, run.steps_to(method, TARGET), _count_exits(run, method)
        if exits or not np.isfinite(steps).all():
            late = int(np.sum(~np.isfinite(steps)))
            excluded.append(f"kappa {kappa:.4g} ({exits} seeds left the lazy regime, {late} did not arrive)")
        else:
            chosen[kappa] = (run, steps)
    kappas = np.array(sorted(chosen))
    aside = f"; left out: {'; '.join(excluded)}" if excluded else ""
    if len(kappas) < _POSITIONS or kappas[-1] < _RANGE * kappas[0]:
        spread = f", kappa from {kappas[0]:.4g} to {kappas[-1]:.4g}" if len(kappas) else ""
        return NotApplicable(
            f"needs at least {_POSITIONS} lazy runs of {method} that arrive, with the theorem's tuning, kappa over a "
            f"factor of {_RANGE:g}; got {len(kappas)}{spread}{aside}"
        )
    log_kappas, log_steps = np.log10(kappas), np.log10(np.stack([chosen[kappa][1] for kappa in kappas], axis=1))
    slope = float(np.mean(statistics.least_squares_slope(log_kappas, log_steps)))

    def interval(level: float) -> tuple[float, float]:
        low, high = statistics.replicated_slope_interval(log_kappas, log_steps, level)
        return low - exponent, high - exponent

    low, high = statistics.replicated_slope_interval(log_kappas, log_steps, 0.05)
    return Law(
        p_value=statistics.replicated_slope_p_value(log_kappas, log_steps, exponent, TOLERANCE),
        interval=interval,
        resolution=TOLERANCE,
        deviation=slope - exponent,
        trials=log_steps.size,
        note=f"slope {slope:.3f}, 95 % in [{low:.3f}, {high:.3f}], kappa from {kappas[0]:.4g} to {kappas[-1]:.4g}, "
        f"{len(kappas)} datasets{aside}",
    )


def _check(runs: Sequence[Run], exponents: Mapping[str, float] = EXPONENTS) -> dict[str, Evidence]:
    parts: dict[str, Evidence] = {f"linear-{name}": _linear(name, e) for name, e in exponents.items()}
    # a study of fewer runs was not made for this question
    compared = [name for name in exponents if sum(run.index(name) is not None for run in runs) >= _POSITIONS]
    return parts | {f"network-{name}": _network(runs, name, exponents[name]) for name in compared}


_ANGLES = (0.4, 0.32, 0.26, 0.21, 0.17, 0.14, 0.11, 0.09, 0.07)


def _study(width: int, seeds: int, angles: Sequence[float]) -> dict:
    def pair(angle: float) -> dict:
        return {"source": "pairs", "pairs": 1, "angle": angle, "dimension": 2, "key": 1, "labels": "paired"}

    runs = {}
    for angle in angles:
        kappa = 6 / angle  # roughly, and rather more than less
        runs[f"descent-{angle:g}".replace(".", "-")] = {
            "dataset": pair(angle), "methods": ["gradient_descent"], "steps": int(20 * kappa),
        }  # fmt: skip
        runs[f"momentum-{angle:g}".replace(".", "-")] = {
            "dataset": pair(angle), "methods": ["heavy_ball", "nesterov"], "steps": int(60 * kappa**0.5),
        }  # fmt: skip
    return {"width": width, "seeds": seeds, "chunk": 128, "runs": runs}


ACCELERATION = Lemma(
    id="acceleration",
    needs="family",
    title="Momentum turns kappa into its square root",
    group="scaling",
    statement="Steps until |xi| <= 1e-6 |xi(0)| grow like kappa^1 for gradient descent and kappa^(1/2) for heavy ball and Nesterov: "
    "log-log slopes within 0.02 on the linear model, kappa from 10 to 1e6, and within 0.1 on networks in the lazy regime.",
    tex=r"Steps until $\Vert \xi\Vert \le 10^{-6}\Vert \xi(0)\Vert$ grow like $\kappa^1$ for gradient descent and like "
    r"$\kappa^{1/2}$ for heavy ball and Nesterov: slopes on log-log axes within 0.02 on the linear model, $\kappa$ "
    r"from 10 to $10^6$, and within 0.1 on networks in the lazy regime.",
    hypotheses="tunings of the theorems; networks: at least 4 datasets over which kappa varies, all seeds arrive and keep "
    "lambda_min(H(t)) >= lambda_0/2 (see lazy-exit); other runs are left out and named.",
    kind=Claim.SCALING,
    source="form of Liu, Pan, Tao 2021, arXiv 2107.01832; Wang, Lin, Abernethy 2021, arXiv 2010.01618",
    provenance="form of",
    rests_on=("gd-contraction", "heavy-ball-contraction", "nesterov-contraction"),
    decision="Least-squares slope on log-log axes with a Student interval: about the line for the linear model, over seeds and "
    "about the line for networks. SUPPORTED when the interval lies within the tolerance, REFUTED when it misses it.",
    check=_check,
    controls=(
        Control(
            "no-acceleration",
            "momentum does not help: slope 1 for Nesterov and heavy ball",
            lambda runs: _check(runs, {"heavy_ball": 1.0, "nesterov": 1.0}),
        ),
        Control(
            "free-lunch",
            "gradient descent needs sqrt(kappa) steps as well",
            lambda runs: _check(runs, {"gradient_descent": 0.5}),
        ),
    ),
    scope="study",
    records_gram_path=True,
    constants="1 and 1/2 are the orders of the rates; the prefactors move the slopes of the linear model by less than 0.01. 0.02 and "
    "0.1 are the resolutions asked for.",
    study=_study(16384, 24, _ANGLES),
)
