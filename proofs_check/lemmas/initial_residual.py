"""initial-residual: the second moment of the residual at initialisation, and a tail bound by Markov's inequality.

With antisymmetric pairs of neurons the residual is no random variable: xi(0) = -y.
"""

import numpy as np

from nag_ntk.precision import unit_roundoff
from proofs_check import statistics
from proofs_check.lemma import Claim, Control, Inequality, Law, Lemma, Run

_RESOLUTION = 0.05  # relative to n/2: the moment enters the widths only through a factor


def _moment(run: Run, network: float) -> Law:
    """Test E|f(X)|^2 = n/2, with the mean over the signs a taken exactly: E[|f|^2 | W] = sum_i mean_r relu(w_r.x_i)^2."""
    values = run.trajectory.mean_square.sum(axis=1)
    target = float(run.data.targets @ run.data.targets)

    def interval(level: float) -> tuple[float, float]:
        low, high = statistics.mean_interval(values, level)
        return float(low - network), float(high - network)

    return Law(
        p_value=float(statistics.mean_p_value(values, network)),
        interval=interval,
        resolution=_RESOLUTION * run.data.size / 2,
        deviation=float(values.mean() - network),
        trials=len(values),
        witness={"claimed": network + target, "estimated": float(values.mean()) + target},
        note="Student's t over seeds, each an average over neurons",
    )


def _tail(run: Run, scale: float) -> Inequality:
    square = run.trajectory.residual_norm[:, 0, 0] ** 2
    moment = run.data.size / 2 + float(run.data.targets @ run.data.targets)
    return Inequality(square, np.full_like(square, scale * moment), until=0)


def _pairs(run: Run) -> Inequality:
    """Compare |xi(0) + y| with the rounding of one evaluation of the network, and of y to the type of the run."""
    trajectory, targets = run.trajectory, run.data.targets
    outputs = np.linalg.norm(trajectory.residual[:, 0, 0] + targets, axis=1)
    bound = trajectory.residual_rounding + unit_roundoff(trajectory.dtype) * np.linalg.norm(targets)
    return Inequality(outputs, bound, until=0, claim=Claim.EVERY_RUN)


def _check(run: Run) -> dict[str, Law | Inequality]:
    if run.trajectory.init == "antisymmetric":
        return {"pairs": _pairs(run)}
    return {"moment": _moment(run, run.data.size / 2), "tail": _tail(run, 1 / run.delta)}


INITIAL_RESIDUAL = Lemma(
    id="initial-residual",
    title="Residual at initialisation",
    group="residual",
    statement="E|xi(0)|^2 = n/2 + |y|^2 (moment); |xi(0)|^2 <= (n/2 + |y|^2)/delta with probability >= 1 - delta (tail). "
    "With antisymmetric pairs of neurons instead: xi(0) = -y in every run (pairs).",
    tex=r"(moment) $E\Vert \xi(0)\Vert ^2 = \frac n2 + \Vert y\Vert ^2$; (tail) $\Vert \xi(0)\Vert ^2 \le (\frac n2 + "
    r"\Vert y\Vert ^2)/\delta$ with probability at least $1-\delta$. With antisymmetric pairs of neurons instead: (pairs) "
    r"$\xi(0) = -y$ in every run.",
    hypotheses="|x_i| = 1, w_r(0) ~ N(0, I), a_r fair signs, all independent; pairs: a_(r+1) = -a_r, w_(r+1) = w_r for even r.",
    kind=Claim.PROBABILITY,
    source="derived; the tail by Markov",
    provenance="derived",
    decision="Moment: Student's t over seeds, SUPPORTED when the interval lies within 5 % of n/2. Tail: exact binomial "
    "limit against delta. Pairs: one output above its rounding bound refutes.",
    check=_check,
    controls=(
        Control("doubled", "E|xi(0)|^2 = n + |y|^2", lambda run: _moment(run, float(run.data.size))),
        Control(
            "no-markov",
            "|xi(0)|^2 <= (n/2 + |y|^2)/2 with probability >= 1 - delta",
            lambda run: _tail(run, 0.5),
        ),
        Control("no-pairs", "xi(0) = -y for independent neurons", _pairs),
    ),
    constants="1/2 = E relu(N)^2 for a standard normal N: exact. 1/delta is Markov's inequality, which uses nothing but the mean; "
    "|xi(0)|^2 is concentrated, so a bound with ln(1/delta) would be far smaller.",
)
