"""The theorem: linear convergence of the residual for the three methods, in the papers' form and in a sharper form.

V(t) = [xi(t); xi(t-1)], xi the residual; kappa is the condition number of the working spectrum.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from nag_ntk.theorem import THEOREMS, Theorem
from proofs_check.lemma import Claim, Control, Inequality, Lemma, NotApplicable, Run
from proofs_check.lemma.proved import hypotheses


def _inequality(run: Run, method: str, factor: float, rate: float) -> Inequality:
    """Compare |V(t)| with factor rate^t |V(0)|; for gradient descent, |xi(t)| with factor rate^t |xi(0)|."""
    trajectory = run.trajectory
    norms = trajectory.state_norm[:, run.position(method)]
    steps = np.arange(norms.shape[1])
    bound = factor * max(rate, 0.0) ** steps * norms[:, :1]
    where = (bound > trajectory.residual_rounding[:, None]) & (steps > 0)
    last = int(where.any(axis=0).nonzero()[0].max(initial=0))
    compared = f"compared up to step {last}" + (", the rounding floor" if last < trajectory.steps else "")
    note = "; ".join(filter(None, (compared, run.namesakes(method))))
    return Inequality(norms, bound, ("seed", "step"), where=where, note=note)


def claimed(run: Run, theorem: Theorem, *, any_tuning: bool = False) -> Inequality | NotApplicable:
    """Return the sharp form without the condition on the width, to measure where it holds.

    Args:
        run: has a method of the theorem's name.
        theorem: the theorem.
        any_tuning: True to compare with its bound also where eta, beta or the start are not the theorem's.
    """
    return _form(theorem, theorem.prefactor, any_tuning=any_tuning)(run)


def _form(theorem: Theorem, prefactor: Fraction, *, any_tuning: bool = False):
    """Make the check of the theorem with this prefactor."""

    def check(run: Run) -> Inequality | NotApplicable:
        untuned = "" if any_tuning else run.untuned(theorem.method)
        if untuned:
            return NotApplicable(untuned)
        return _inequality(run, theorem.method, *theorem.bound(run.data.spectrum.kappa, prefactor))

    return check


def _claim(theorem: Theorem):
    """Make the check of all forms of the theorem, with one part for each form if there are several.

    Each says whether the hypotheses hold, the width included: the sharp form is proved there, and so every weaker one.
    """

    def known(run: Run, prefactor: Fraction) -> Inequality | NotApplicable:
        evidence = _form(theorem, prefactor)(run)
        if isinstance(evidence, NotApplicable):
            return evidence
        hold, words = hypotheses(run, theorem.method)
        return replace(evidence, proved=hold, note=f"{evidence.note}; {words}")

    def check(run: Run):
        parts = {name: known(run, prefactor) for name, prefactor in theorem.forms.items()}
        return parts[""] if "" in parts else parts

    return check


def _fast(theorem: Theorem) -> Control:
    power = "kappa" if theorem.order == 1 else "sqrt(kappa)"
    return Control("fast", f"rate 1 - 3/{power}", _form(replace(theorem, rate=Fraction(3)), theorem.paper_prefactor))


def _constant(method: str):
    """Make the check of prefactor 1 at the rate 1 - 1/(2 sqrt kappa)."""
    return lambda run: _inequality(run, method, 1.0, 1 - 0.5 / run.data.spectrum.kappa**0.5)


_DECISION = (
    "One trial per seed, which fails if any step does; compared down to the rounding floor; exact binomial limit against "
    "delta at this width. The reason says whether the theorem is proved at this width (comparison theorem): a violation there "
    "that would refute it contradicts a proof and is an ERROR, below it the verdict speaks of this width only."
)
_HYPOTHESES = "m large enough, tuning of the theorem, gradient start"
# the residual is the least eigenvector here: one pair at a small angle with opposite labels
_SLOW = {
    "dataset": {"source": "pairs", "pairs": 1, "angle": 0.02, "dimension": 2, "key": 2},
    "width": 4096,
    "steps": 400,
}


# Just past the stability of the linear model the claims with a large prefactor survive: the residual grows, the network
# leaves the lazy regime, flattens and still converges (measured at 4 and 5 times the step size). Far past it neurons die.
def _unstable(theorem: Theorem, scale: float, words: str) -> Control:
    study = {"methods": [{"name": theorem.method, "scale": scale}]}
    return Control("unstable", words, _form(theorem, theorem.paper_prefactor, any_tuning=True), study)


_GD, _HEAVY_BALL, _NESTEROV = (THEOREMS[name] for name in ("gradient_descent", "heavy_ball", "nesterov"))


GD_CONTRACTION = Lemma(
    id="gd-contraction",
    needs="theorem",
    title="Gradient descent: linear rate",
    group="convergence",
    statement="|xi(t)| <= (1 - 1/(2 kappa))^t |xi(0)| for all t.",
    tex=r"$$\Vert \xi(t)\Vert \le \Bigl(1 - \frac1{2\kappa}\Bigr)^t\Vert \xi(0)\Vert$$ for all $t$.",
    hypotheses=_HYPOTHESES,
    kind=Claim.PROBABILITY,
    source="form of Du, Zhai, Poczos, Singh 2019, arXiv 1810.02054; Wu, Du, Ward 2019, arXiv 1902.07111",
    provenance="form of",
    formal=(
        "bootstrap.bootstrap",
        "contraction.gradient_descent_contraction",
        "explicit.gradient_descent_explicit_width",
    ),
    formal_part="The bound for all t, given the spectrum of H(0), |S_i(R)| <= 4 m R, a bound of |xi(0)| and an explicit width.",
    rests_on=("gd-matrix", "remainder-bound", "distance", "gram-concentration", "flip-count", "initial-residual"),
    decision=_DECISION,
    check=_claim(_GD),
    controls=(_fast(_GD), _unstable(_GD, 2.5, "the claim at 2.5 times the step size, past stability")),
    constants="The linear model has rate 1 - 1/kappa and prefactor 1, both attained at the working spectrum; half of the rate pays "
    "for flips and for H(t) - H(0). kappa is of the working spectrum, which is worse than that of H_inf.",
    method="gradient_descent",
    trains=True,
)


HEAVY_BALL_CONTRACTION = Lemma(
    id="heavy-ball-contraction",
    needs="theorem",
    title="Heavy ball: accelerated linear rate",
    group="convergence",
    statement="|V(t)| <= 8 sqrt(kappa) (1 - 1/(4 sqrt kappa))^t |V(0)| for all t (paper-form), with prefactor 4 "
    "sqrt(kappa) (sharp); V(t) = [xi(t); xi(t-1)].",
    tex=r"$$\Vert V(t)\Vert \le 8\sqrt\kappa\Bigl(1 - \frac1{4\sqrt\kappa}\Bigr)^t\Vert V(0)\Vert$$ for all $t$ "
    r"(paper-form), with prefactor $4\sqrt\kappa$ (sharp); $V(t) = [\xi(t); \xi(t-1)]$.",
    hypotheses=_HYPOTHESES,
    kind=Claim.PROBABILITY,
    source="form of Wang, Lin, Abernethy 2021, arXiv 2010.01618; sharp prefactor derived",
    provenance="form of",
    formal=(
        "conditional.conditional_contraction",
        "bootstrap.bootstrap",
        "contraction.heavy_ball_contraction",
        "explicit.heavy_ball_explicit_width",
    ),
    formal_part="The sharp form for all t, given the spectrum of H(0), |S_i(R)| <= 4 m R, a bound of |xi(0)| and an explicit width.",
    rests_on=(
        "heavy-ball-matrix",
        "remainder-bound",
        "distance",
        "gram-concentration",
        "flip-count",
        "initial-residual",
    ),
    decision=_DECISION,
    check=_claim(_HEAVY_BALL),
    controls=(
        _fast(_HEAVY_BALL),
        Control("prefactor", "prefactor 1 at rate 1 - 1/(2 sqrt kappa)", _constant("heavy_ball"), _SLOW),
        _unstable(_HEAVY_BALL, 20.0, "the claim at 20 times the step size, far past stability"),
    ),
    constants="The linear model has rate 1 - 1/(2 sqrt kappa) = sqrt(beta) and a prefactor of at most 4 sqrt(kappa), proved for all "
    "kappa; its powers reach about 2 sqrt(kappa). 8 is recalled as the paper's; half of the rate pays for the remainder. For "
    "V(0) = [xi(0); xi(0)] no run needed a prefactor near it.",
    method="heavy_ball",
    trains=True,
)

NESTEROV_CONTRACTION = Lemma(
    id="nesterov-contraction",
    needs="theorem",
    title="Nesterov: accelerated linear rate",
    group="convergence",
    statement="|V(t)| <= 24 sqrt(kappa) (1 - 1/(2 sqrt kappa))^t |V(0)| for all t (paper-form), with prefactor 12 "
    "sqrt(kappa) (sharp); V(t) = [xi(t); xi(t-1)].",
    tex=r"$$\Vert V(t)\Vert \le 24\sqrt\kappa\Bigl(1 - \frac1{2\sqrt\kappa}\Bigr)^t\Vert V(0)\Vert$$ for all $t$ "
    r"(paper-form), with prefactor $12\sqrt\kappa$ (sharp); $V(t) = [\xi(t); \xi(t-1)]$.",
    hypotheses=_HYPOTHESES,
    kind=Claim.PROBABILITY,
    source="form of Liu, Pan, Tao 2021, arXiv 2107.01832; sharp prefactor derived",
    provenance="form of",
    formal=(
        "conditional.conditional_contraction",
        "bootstrap.bootstrap",
        "contraction.nesterov_contraction",
        "explicit.nesterov_explicit_width",
    ),
    formal_part="The sharp form for all t, given the spectrum of H(0), |S_i(R)| <= 4 m R, a bound of |xi(0)| and an explicit width.",
    rests_on=("nesterov-matrix", "remainder-bound", "distance", "gram-concentration", "flip-count", "initial-residual"),
    decision=_DECISION,
    check=_claim(_NESTEROV),
    controls=(
        _fast(_NESTEROV),
        Control("prefactor", "prefactor 1", _constant("nesterov"), _SLOW),
        _unstable(_NESTEROV, 20.0, "the claim at 20 times the step size, far past stability"),
    ),
    constants="The linear model has rate 1 - 2/(3 sqrt kappa) and a prefactor of at most 12 sqrt(kappa), proved for all kappa: 11 at "
    "kappa = 1, 6 sqrt 2 as kappa grows, and within a hundredth of the powers there. 24 is recalled as the paper's; a quarter of "
    "the rate pays for the remainder. For V(0) = [xi(0); xi(0)] no run needed a prefactor near it.",
    method="nesterov",
    trains=True,
)
