"""width-scaling: flips, distance and |H(0) - H_inf| shrink like m^(-1/2), m the width."""

from collections.abc import Callable, Sequence

import numpy as np

from proofs_check import statistics
from proofs_check.lemma import Claim, Control, Evidence, Law, Lemma, NotApplicable, Run

SLOPE, TOLERANCE = -0.5, 0.05
_POSITIONS = 4


def _comparable(runs: Sequence[Run]) -> list[Run]:
    """Select the largest set of runs that differ in their width alone, sorted by width."""
    groups: dict[tuple, list[Run]] = {}
    for run in runs:
        t = run.trajectory
        data = run.data.inputs.tobytes(), run.data.targets.tobytes()
        same = (*data, run.methods, t.steps, t.start, t.init, len(t.seeds))
        groups.setdefault(same, []).append(run)
    widest = max(groups.values(), key=len, default=[])
    return sorted(widest, key=lambda run: run.trajectory.width)


def _law(runs: Sequence[Run], values: Callable[[Run], np.ndarray], slope: float) -> Evidence:
    """Test the slope of all methods at once; values (s, k) per run are positive."""
    if len(runs) < _POSITIONS:
        return NotApplicable(f"needs at least {_POSITIONS} runs that differ in their width alone, got {len(runs)}")
    with np.errstate(divide="ignore"):
        curves = np.log10(np.stack([values(run) for run in runs], axis=-1))  # (s, k, p)
    if not np.isfinite(curves).all():
        return NotApplicable("some run shows no flip, or does not move: wider runs than this need more seeds or steps")
    log_widths = np.log10([float(run.trajectory.width) for run in runs])
    count = curves.shape[1]
    slopes = [float(np.mean(statistics.least_squares_slope(log_widths, curves[:, k]))) for k in range(count)]
    p_values = [statistics.replicated_slope_p_value(log_widths, curves[:, k], slope, TOLERANCE) for k in range(count)]
    worst = int(np.argmax(np.abs(np.array(slopes) - slope)))

    def interval(level: float) -> tuple[float, float]:
        ends = [statistics.replicated_slope_interval(log_widths, curves[:, k], level / count) for k in range(count)]
        return min(low for low, _ in ends) - slope, max(high for _, high in ends) - slope

    names = [m.name for m in runs[0].methods]
    text = ", ".join(f"{name} {value:.4f}" for name, value in zip(names, slopes, strict=count == len(names)))
    return Law(
        p_value=float(statistics.bonferroni(p_values)),
        interval=interval,
        resolution=TOLERANCE,
        deviation=slopes[worst] - slope,
        trials=curves.shape[0] * len(runs),
        witness={} if count == 1 else {"method": names[worst]},
        note=f"slopes {text if count > 1 else format(slopes[0], '.4f')} over widths {runs[0].trajectory.width:,} to "
        f"{runs[-1].trajectory.width:,}",
    )


def _concentration(run: Run) -> np.ndarray:
    return np.linalg.norm(run.trajectory.initial_gram - run.data.gram_limit, axis=(1, 2))[:, None]


_QUANTITIES: dict[str, Callable[[Run], np.ndarray]] = {
    "flips": lambda run: run.trajectory.flip_fraction[:, :, -1],
    "distance": lambda run: run.trajectory.distance.max(axis=2),
    "gram": _concentration,
}


def _check(runs: Sequence[Run], slope: float = SLOPE, names: Sequence[str] = tuple(_QUANTITIES)) -> dict[str, Evidence]:
    if len(runs) < _POSITIONS:  # a study of fewer runs was not made for this question
        return {}
    group = _comparable(runs)
    return {name: _law(group, _QUANTITIES[name], slope) for name in names}


_WIDTHS = tuple(2**k for k in range(7, 18))

WIDTH_SCALING = Lemma(
    id="width-scaling",
    needs="family",
    title="Scaling with the width",
    group="scaling",
    statement="The share of flipped activations at the end (flips), the largest distance from initialisation (distance) and "
    "|H(0) - H_inf|_F (gram) grow like m^(-1/2): log-log slopes -0.5 within 0.05.",
    tex=r"The share of flipped activations at the end (flips), the largest distance from initialisation (distance) and "
    r"$\Vert H(0) - H^\infty\Vert _F$ (gram) grow like $m^{-1/2}$: slopes $-0.5$ within 0.05 on log-log axes.",
    hypotheses="runs that differ in their width alone, at least 4 of them, over a range in which training is lazy.",
    kind=Claim.SCALING,
    source="derived: the bounds of distance, flip-fraction and gram-concentration have this order",
    provenance="derived",
    rests_on=("gram-concentration", "flip-fraction", "distance"),
    decision="Least-squares slope on log-log axes with a Student interval for the scatter over seeds and about the line; SUPPORTED "
    "when the interval lies within 0.05 of -0.5, REFUTED when it misses that range.",
    check=_check,
    controls=(
        Control("linear", "slopes -1: everything shrinks like 1/m", lambda runs: _check(runs, -1.0)),
        Control("constant", "slopes 0: the width does not matter", lambda runs: _check(runs, 0.0)),
    ),
    scope="study",
    constants="-1/2: each neuron moves by a bounded multiple of m^(-1/2), the share of neurons within R of a boundary is "
    "proportional to R, and a mean over m neurons fluctuates by m^(-1/2). 0.05 is the resolution asked for.",
    study={
        "dataset": {"source": "digits", "samples": 4},
        "methods": ["gradient_descent", "heavy_ball", "nesterov"],
        "seeds": 8,
        "steps": 40,
        "runs": {f"width-{m}": {"width": m} for m in _WIDTHS},
    },
)
