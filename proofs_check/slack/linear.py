"""Losses in the linear model V(t+1) = M V(t), M the companion matrix of a method: its prefactor and its rate."""

import math

import numpy as np

from nag_ntk import Method, spectral_radius
from nag_ntk.theorem import THEOREMS, Theorem, theorem_tuning
from proofs_check.lemma import Run
from proofs_check.slack.chain import Link, SlackRow, Value, rows


def theorem(run: Run, method: Method) -> Theorem | str:
    """Return the constants of the method's theorem, or the reason why none applies."""
    if method.name not in THEOREMS:
        return f"no theorem states a linear rate for {method.name}"
    if run.data.spectrum.lambda_0 <= 0:
        return f"lambda_0 = {run.data.spectrum.lambda_0:.3g}: the theorem has no condition number"
    if not method.close_to(theorem_tuning(method.name, run.data)):
        return "the theorem speaks of its own tuning, this run has another"
    return THEOREMS[method.name]


def _block(method: Method, eigenvalues: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = method.eta * np.asarray(eigenvalues)
    return 1 + method.beta - (1 + method.gamma) * z, method.beta - method.gamma * z


def power_norms(method: Method, eigenvalues: np.ndarray, powers: int) -> np.ndarray:
    """Compute |M^k| for k = 0..powers as nag_ntk.companion_power_norms does, but without compiling for every shape.

    Example:
        >>> from nag_ntk import nesterov
        >>> power_norms(nesterov(0.5, 0.5), np.array([1.0, 0.1]), 3).round(3).tolist()
        [1.0, 1.785, 2.264, 2.407]
    """
    a, c = _block(method, eigenvalues)
    step = np.stack([np.stack([a, -c], -1), np.broadcast_to([1.0, 0.0], (*a.shape, 2))], -2)
    power = np.broadcast_to(np.eye(2), step.shape)
    norms = []
    for _ in range(powers + 1):
        norms.append(np.linalg.norm(power, 2, axis=(-2, -1)).max())
        power = step @ power
    return np.array(norms)


def prefactor(run: Run, method: Method) -> tuple[SlackRow, ...]:
    """Compare sup_k |M^k| rho^-k with the prefactors, for k up to the run's length and rho of the working spectrum."""
    links = [
        Link("papers' form / derived", "the constant of the paper against that of the invariant form", True),
        Link("derived / exact C", "one constant for every kappa", True),
        Link("C / powers on the working spectrum", "the invariant form against the norms of the powers", True),
        Link("working spectrum / H_inf", "lambda_0 and lambda_max a quarter of lambda_0 worse than they are", True),
        Link("worst V(0) / actual V(0)", "xi(-1) = xi(0), spread over all eigenvectors", True),
    ]
    constants = theorem(run, method)
    names = ("the paper's", "the derived", "the exact C", "the powers", "the powers", "the powers on V(0)")
    figures: list
    if isinstance(constants, str) or not method.has_memory:
        reason = constants if isinstance(constants, str) else "gradient descent has prefactor 1, attained at step 0"
        figures = [reason] * 6
    else:
        spectrum, limit = run.data.spectrum, run.data.gram_limit
        working = np.array([spectrum.lambda_min, spectrum.lambda_max])
        values, vectors = np.linalg.eigh(limit)
        rho = float(spectral_radius(method, working))
        # for larger k, rho^k underflows; the suprema are reached at k of order sqrt(kappa)
        last = min(run.trajectory.steps, int(-290 * math.log(10) / math.log(rho)))
        growth = rho ** -np.arange(last + 1.0)
        a, c = _block(method, working)
        powers = [power_norms(method, v, last) for v in (np.union1d(working, values), values)]
        figures = [
            constants.bound(spectrum.kappa, constants.paper_prefactor)[0],
            constants.bound(spectrum.kappa)[0],
            2 * (1 + float(c.max())) / math.sqrt(float((4 * c - a * a).min())),
            *(float(np.max(power * growth)) for power in powers),
            np.max(_model(method, values, run.trajectory.residual[:, 0, 0] @ vectors, last) * growth, axis=1),
        ]
    return rows(run.name, method.name, "prefactor", [Value(*p) for p in zip(names, figures, strict=True)], links)


def _model(method: Method, eigenvalues: np.ndarray, modes: np.ndarray, steps: int) -> np.ndarray:
    """Compute |M^k V(0)| / |V(0)|, (s, k+1), for V(0) = [xi(0); xi(0)] with xi(0) in the eigenbasis, (s, n)."""
    a, c = _block(method, eigenvalues)
    current = previous = modes
    norms = []
    for _ in range(steps + 1):
        norms.append(np.hypot(np.linalg.norm(current, axis=1), np.linalg.norm(previous, axis=1)))
        current, previous = a * current - c * previous, current
    return np.stack(norms, axis=1) / norms[0][:, None]


def rate(run: Run, method: Method) -> tuple[SlackRow, ...]:
    """Compare the steps per factor e, -1/ln(rate), of the theorem, of the linear model and of the run.

    The number of the run is t / ln(|V(0)|/|V(t)|), at the last step t at which |V(t)| exceeds the rounding error of the
    residual. It includes the fast first steps, so the last link also contains the gain from the residual's small
    component along the slowest eigenvector.
    """
    links = [
        Link("theorem / linear model", "half of the rate is kept for the remainder", True),
        Link("form of the rate / exact rho", "1 - const/sqrt(kappa) for the spectral radius", True),
        Link("working spectrum / H_inf", "kappa with lambda_0 and lambda_max a quarter of lambda_0 worse", True),
        Link("H_inf / H(0)", "the drawn spectrum; negative where H(0) is worse conditioned", False),
        Link("rho at H(0) / the run", "the slowest eigenvector against the actual residual", False),
    ]
    names = ("the theorem's rate", "the linear rate", "rho", "rho at H_inf", "rho at H(0)", "the run's rate")
    constants = theorem(run, method)
    if isinstance(constants, str):
        stated: list = [constants] * 3
    else:
        kappa = run.data.spectrum.kappa
        working = np.array([run.data.spectrum.lambda_min, run.data.spectrum.lambda_max])
        stated = [
            _steps(constants.bound(kappa)[1]),
            _steps(constants.linear_model(kappa)),
            _steps(spectral_radius(method, working)),
        ]
    if not method.constant:
        exact: list = ["the numbers change with the step, so no power of one matrix describes the linear model"] * 2
    else:
        matrices = (run.data.gram_limit, run.trajectory.initial_gram)
        exact = [_steps(spectral_radius(method, np.linalg.eigvalsh(h))) for h in matrices]
    values = [Value(*pair) for pair in zip(names, [*stated, *exact, _observed(run)], strict=True)]
    return rows(run.name, method.name, "rate", values, links)


def _steps(rho) -> np.ndarray:
    """Compute -1/ln(rho), the steps per factor e: 0 for rho = 0, NaN for rho >= 1."""
    rho = np.asarray(rho, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rho < 1, -1 / np.log(np.maximum(rho, 0)), np.nan)


def _observed(run: Run) -> np.ndarray:
    """Measure the steps per factor e of |V| (|xi| for gradient descent), (s,); NaN if it did not decrease."""
    trajectory = run.trajectory
    norms = trajectory.state_norm[:, 0]
    above = norms > 10 * trajectory.residual_rounding[:, None]  # NaN counts as below
    last = np.where(above.all(axis=1), norms.shape[1], np.argmin(above, axis=1)) - 1
    reduction = norms[:, 0] / norms[np.arange(len(norms)), last]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((reduction > 1) & (last > 0), last / np.log(reduction), np.nan)
