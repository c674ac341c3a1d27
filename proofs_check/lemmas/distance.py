"""distance: two bounds on the distance that any neuron moves, from the residuals of the steps before."""

import numpy as np

from nag_ntk import Method
from proofs_check.lemma import Claim, Control, Inequality, Lemma, NotApplicable, Run


def _bound(run: Run, *, momentum: bool = True, power: float = 0.5, last: bool = False) -> Inequality:
    trajectory = run.trajectory
    norms = trajectory.residual_norm
    eta, beta, gain = (np.array([m[f] for m in run.methods])[None, :, None] for f in (1, 2, 3))
    sums = norms[..., :-1] if last else np.cumsum(norms[..., :-1], axis=-1)
    path = np.concatenate([np.zeros_like(norms[..., :1]), sums], axis=-1)
    inflow = (1 + 2 * gain) * path + gain * norms[..., :1]
    scale = np.linalg.norm(run.data.kernel, 2) ** 0.5 / trajectory.width**power
    with np.errstate(divide="ignore"):  # momentum that grows to 1 has no such bound: infinite, not compared
        bound = eta / ((1 - beta) if momentum else 1.0) * scale * inflow
    bound = np.sqrt(bound**2 + trajectory.distance_square_error)  # of the recorded distance, the root of a sum
    where = np.isfinite(bound) & (np.arange(trajectory.steps + 1) > 0)
    return Inequality(trajectory.distance, bound, ("seed", "method", "step"), where=where)


def is_sharp(method: Method, start: str) -> bool:
    """Return True if the second bound holds of this method: constant numbers, gamma <= beta / (1 - beta), gamma <= 2."""
    most = 2.0 if start == "gradient" else np.inf
    return method.constant and method.gamma <= min(most, method.beta / (1 - method.beta))


def sharp(run: Run, *, factor: float = 1.0) -> Inequality | NotApplicable:
    """Compare the distance with eta / (1 - beta) sqrt(|K| / m) sum_{s<t} |xi(s)|."""
    trajectory = run.trajectory
    claimed = np.array([is_sharp(method, trajectory.start) for method in run.methods])
    if not claimed.any():
        return NotApplicable("no method of this run has constant numbers and gamma <= beta/(1-beta)")
    speed = [m.eta / (1 - m.beta) if ok else 0.0 for m, ok in zip(run.methods, claimed, strict=True)]
    norms = trajectory.residual_norm
    path = np.concatenate([np.zeros_like(norms[..., :1]), np.cumsum(norms[..., :-1], axis=-1)], axis=-1)
    scale = factor * (np.linalg.norm(run.data.kernel, 2) / trajectory.width) ** 0.5
    bound = np.sqrt((scale * np.array(speed)[None, :, None] * path) ** 2 + trajectory.distance_square_error)
    where = claimed[:, None] & (np.arange(trajectory.steps + 1) > 0)
    where = np.broadcast_to(where, trajectory.distance.shape)
    return Inequality(trajectory.distance, bound, ("seed", "method", "step"), where=where)


# few neurons, so that the one that moves most keeps pace with the bound
_FEW = {"dataset": {"source": "digits", "samples": 2}, "width": 8, "steps": 40}

DISTANCE = Lemma(
    id="distance",
    needs="family",
    title="Distance from initialisation",
    group="residual",
    statement="max_r |w_r(t) - w_r(0)| <= (eta/(1-beta)) sqrt(|K|/m) [(1+2 gamma) sum_{s<t} |xi(s)| + gamma |xi(0)|]. Part sharp: "
    "if gamma <= beta/(1-beta) and gamma <= 2, it is <= (eta/(1-beta)) sqrt(|K|/m) sum_{s<t} |xi(s)|.",
    tex=r"$$\max_r\Vert w_r(t) - w_r(0)\Vert \le \frac{\eta}{1-\beta}\sqrt{\frac{\Vert K\Vert }m} "
    r"\Bigl[(1+2\gamma)\sum_{s<t}\Vert \xi(s)\Vert + \gamma\Vert \xi(0)\Vert \Bigr].$$ Part sharp: if "
    r"$\gamma \le \beta/(1-\beta)$ and $\gamma \le 2$, it is $\le \frac{\eta}{1-\beta}\sqrt{\frac{\Vert K\Vert }m} "
    r"\sum_{s<t}\Vert \xi(s)\Vert$.",
    hypotheses="none: every step of every run; for the part sharp constant numbers, and gamma <= 2 for the gradient start only.",
    kind=Claim.EVERY_RUN,
    source="derived",
    provenance="derived",
    formal=("distance.distance", "sharp.sharp_distance"),
    formal_part="The first bound is proved for the gradient start, the sharp one for both starts.",
    decision="The recorded distance against the bound at every step of every run; one violation beyond rounding refutes.",
    check=lambda run: {"": _bound(run), "sharp": sharp(run)},
    controls=(
        Control("width", "1/m in place of 1/sqrt m", lambda run: _bound(run, power=1.0)),
        Control(
            "last",
            "only the last residual, |xi(t-1)|, in place of the sum",
            lambda run: _bound(run, last=True),
        ),
        Control("no-momentum", "without the factor 1/(1 - beta)", lambda run: _bound(run, momentum=False)),
        Control("sharp-half", "half of the second bound", lambda run: sharp(run, factor=0.5), study=_FEW),
    ),
    constants="The part sharp has 1 for 1 + 2 gamma and 0 for the other gamma, and is attained. 1/(1 - beta) is the whole geometric series of the momentum, approached once the run is longer than 1/(1 - beta); "
    "1 + 2 gamma adds the two gradients of a step without their signs, the main loss for Nesterov; sqrt|K| is attained "
    "where every sample is active and the residual lies along the top eigenvector of K.",
    trains=True,
)
