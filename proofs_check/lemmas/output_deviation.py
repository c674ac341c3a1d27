"""output-deviation: what a step can add to the deviation psi of the outputs from the linear model of H(0)."""

import numpy as np

from nag_ntk.schedule import coefficients
from proofs_check.lemma import Claim, Control, Inequality, Lemma, Run
from proofs_check.lemmas.filters import deviation, rounding


def _bound(run: Run, *, factor: float | np.ndarray = 1.0) -> Inequality:
    """Compare |psi(t) - psi(t-1)| with B(t) mu(t), rounding of both psi added; at step 0 both sides are 0."""
    recorded = deviation(run)
    psi = np.asarray(recorded.direct, float)
    observed = np.abs(np.diff(psi, axis=2, prepend=psi[:, :, :1]))
    bound = factor * np.asarray(recorded.bound, float) * (1 + run.trajectory.movement_rounding)
    return Inequality(observed, bound + 2 * rounding(run.trajectory), ("seed", "method", "step", "sample"))


def _without_momentum(run: Run) -> np.ndarray:
    """Compute sum_i eta (1+gamma) |xi_i(t-1)| / sum_i mu_i(t), (s, k, t+1, 1): what mu is without its momentum, in size."""
    trajectory = run.trajectory
    size = np.abs(trajectory.residual).sum(-1)[:, :, :-1]
    push = np.array([coefficients(method, trajectory.steps)[:, 0] for method in run.methods])[None] * size
    added = np.diff(trajectory.reach, axis=-1)
    shares = np.divide(push, added, out=np.ones_like(added), where=added > 0)
    return np.pad(shares, ((0, 0), (0, 0), (1, 0)), constant_values=1.0)[..., None]


# a bound that a single neuron attains is nearly attained by few
_FEW = {"dataset": {"source": "digits", "samples": 2}, "width": 8, "steps": 40}

OUTPUT_DEVIATION = Lemma(
    id="output-deviation",
    needs="family",
    title="Deviation of a step from the linear model",
    group="residual",
    statement="|psi(t) - psi(t-1)| <= B(t) mu(t), psi(t) = f(t) - f(0) + H(0) S(t); B_ij = |K_ij|/m times the number of neurons r "
    "with (r,i) or (r,j) in F(t) and both in F(t) or active in step 0; mu(t+1) = Q(t) + eta (1+gamma) |xi(t)|, "
    "Q(t+1) = beta Q(t) + eta |beta (1+gamma) - gamma| |xi(t)|.",
    tex=r"$$|\psi(t) - \psi(t-1)| \le B(t)\mu(t),\qquad \psi(t) = f(t) - f(0) + H(0)S(t);$$ $B_{ij} = |K_{ij}|/m$ times the number "
    r"of neurons $r$ with $(r,i)$ or $(r,j)$ in $F(t)$ and both in $F(t)$ or active in step $0$; "
    r"$$\mu(t+1) = Q(t) + \eta(1+\gamma)|\xi(t)|,\qquad Q(t+1) = \beta Q(t) + \eta|\beta(1+\gamma) - \gamma||\xi(t)|.$$",
    hypotheses="none: every step of every run, both starts.",
    kind=Claim.EVERY_RUN,
    source="derived",
    provenance="derived",
    formal=("deviation.output_deviation",),
    formal_part="The whole lemma is proved for both starts and numbers that do not change with the step.",
    rests_on=("output-decomposition",),
    decision="Entry by entry at every step of every run, with the pairs that flipped so far; one violation beyond rounding refutes.",
    check=_bound,
    controls=(
        Control("width", "1/m^(3/2) in place of 1/m", lambda run: _bound(run, factor=run.trajectory.width**-0.5)),
        Control(
            "no-momentum",
            "mu scaled down to the size of eta (1+gamma) |xi(t-1)|",
            lambda run: _bound(run, factor=_without_momentum(run)),
        ),
        Control("half", "half of the bound", lambda run: _bound(run, factor=0.5), study=_FEW),
    ),
    constants="All are 1 and attained by a single neuron. The losses are the triangle inequality over neurons, whose signs a_r "
    "differ, |K| for K, and every movement as large as the residuals so far allow.",
    trains=True,
    records_deviation=True,
)
