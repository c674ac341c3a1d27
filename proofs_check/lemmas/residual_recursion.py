"""residual-recursion: the exact recursion of the residual xi, in which the flips phi are the only remainder.

xi(t+1) = xi(t) + beta (xi(t) - xi(t-1)) - eta (1+gamma) H(t) xi(t) + eta gamma H(t,t-1) xi(t-1) + phi(t)
"""

import numpy as np

from proofs_check.lemma import Claim, Control, Inequality, Lemma, Run


def _defect(run: Run, *, stale: bool = False, no_gamma: bool = False, no_remainder: bool = False) -> Inequality:
    trajectory, xi = run.trajectory, run.trajectory.residual
    terms = trajectory.recursion
    if terms is None:
        raise ValueError("the run did not record the terms of the recursion")
    eta, beta, gain = (c[None, :, :, None] for c in run.coefficients)
    if no_gamma:
        gain = 0.0 * gain
    previous = np.concatenate([xi[:, :, :1], xi[:, :, :-2]], axis=2)
    cross = terms.cross_gram_residual[:, :, :-1]
    if stale:
        cross = np.concatenate([cross[:, :, :1], terms.gram_residual[:, :, :-2]], axis=2)
    remainder = terms.forward[:, :, 1:] + beta * terms.backward[:, :, :-1]
    now = xi[:, :, :-1]
    predicted = (
        now + beta * (now - previous)
        - eta * (1 + gain) * terms.gram_residual[:, :, :-1] + eta * gain * cross
        + (0.0 if no_remainder else remainder)
    )  # fmt: skip
    defect = np.abs(xi[:, :, 1:] - predicted)
    bound = np.broadcast_to(trajectory.recursion_rounding(), defect.shape)
    return Inequality(defect, bound, ("seed", "method", "step", "sample"))


RESIDUAL_RECURSION = Lemma(
    id="residual-recursion",
    needs="family",
    title="Exact recursion of the residual",
    group="residual",
    statement="xi(t+1) = xi(t) + beta (xi(t) - xi(t-1)) - eta (1+gamma) H(t) xi(t) + eta gamma H(t,t-1) xi(t-1) + phi(t), "
    "phi(t) made only of neurons that change sign.",
    tex=r"$$\xi(t+1) = \xi(t) + \beta(\xi(t) - \xi(t-1)) - \eta(1+\gamma)H(t)\xi(t) + \eta\gamma H(t,t-1)\xi(t-1) + "
    r"\varphi(t)$$ with $\varphi(t)$ made only of neurons whose sign changes.",
    hypotheses="none: every step of every run, both starts.",
    kind=Claim.EVERY_RUN,
    source="derived",
    provenance="derived",
    formal=("recursion.recursion_with_pattern", "recursion.residual_recursion"),
    formal_part="The whole lemma is proved for the gradient start.",
    decision="The defect at every step and sample against a bound on its rounding error; one violation refutes.",
    check=_defect,
    controls=(
        Control(
            "stale-gram",
            "H(t-1, t-1) in place of the cross-Gram H(t, t-1)",
            lambda run: _defect(run, stale=True),
        ),
        Control("no-gamma", "gamma = 0 for Nesterov", lambda run: _defect(run, no_gamma=True)),
        Control("no-flips", "without the remainder phi", lambda run: _defect(run, no_remainder=True)),
    ),
    constants="None but those of the method: an identity. The constants of its rounding bound are rounded up, not optimised.",
    trains=True,
    records_recursion=True,
)
