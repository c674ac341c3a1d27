"""gram-concentration: two explicit widths from which on H(0) has its spectrum in the working spectrum."""

import math

import numpy as np

from proofs_check.lemma import Claim, Control, Inequality, Lemma, NotApplicable, Run

_CHERNOFF = 0.25 + 0.75 * math.log(0.75)  # exponent of the matrix Chernoff bound at a quarter below the mean


def hoeffding_width(size: int, lambda_0: float, delta: float) -> float:
    """Compute the width 8 n^2 ln(2 n^2 / delta) / lambda_0^2, from which |H(0) - H_inf|_F <= lambda_0/4 (Hoeffding)."""
    return 8 * size**2 / lambda_0**2 * math.log(2 * size**2 / delta)


def chernoff_width(size: int, lambda_0: float, norm: float, delta: float) -> float:
    """Compute the width from which lambda_min(H(0)) >= 3/4 lambda_0: (|K|/lambda_0) ln(n/delta) / (1/4 + 3/4 ln 3/4)."""
    return norm / lambda_0 * math.log(size / delta) / _CHERNOFF


def _widths(run: Run) -> tuple[float, ...]:
    lambda_0, size = run.data.spectrum.lambda_0, run.data.size
    norm = float(np.linalg.norm(run.data.kernel, 2))
    # both count independent neurons
    independent = hoeffding_width(size, lambda_0, run.delta), chernoff_width(size, lambda_0, norm, run.delta)
    return tuple(run.trajectory.multiplicity * width for width in independent)


def _too_narrow(run: Run, needed: float, which: str) -> NotApplicable:
    return NotApplicable(f"{which} asks for width >= {math.ceil(needed):,}, this run has {run.trajectory.width:,}")


def _frobenius(run: Run, factor: float) -> Inequality:
    distance = np.linalg.norm(factor * run.trajectory.initial_gram - run.data.gram_limit, axis=(1, 2))
    bound = np.full_like(distance, run.data.spectrum.lambda_0 / 4)
    return Inequality(distance, bound, until=0)


def _least(run: Run) -> Inequality:
    least = np.linalg.eigvalsh(run.trajectory.initial_gram)[:, 0]
    # lambda_min >= 3/4 lambda_0, written as observed <= bound for the shortfall below lambda_0
    lambda_0 = run.data.spectrum.lambda_0
    return Inequality(lambda_0 - least, np.full_like(least, lambda_0 / 4), until=0)


def claimed(run: Run) -> dict[str, Inequality]:
    """Return both claims without the condition on the width, to measure the width from which on they hold."""
    return {"hoeffding": _frobenius(run, 1.0), "chernoff": _least(run)}


def _check(run: Run, shrink: float = 1.0) -> dict[str, Inequality | NotApplicable]:
    if run.singular:
        nothing = NotApplicable(
            "lambda_0 is 0 up to rounding (gram-positive decides it exactly), so no width is enough; "
            f"{run.data.why_singular}"
        )
        return {"hoeffding": nothing, "chernoff": nothing}
    hoeffding, chernoff = (width / shrink for width in _widths(run))
    width = run.trajectory.width
    return {
        "hoeffding": _frobenius(run, 1.0) if width >= hoeffding else _too_narrow(run, hoeffding, "Hoeffding"),
        "chernoff": _least(run) if width >= chernoff else _too_narrow(run, chernoff, "matrix Chernoff"),
    }


GRAM_CONCENTRATION = Lemma(
    id="gram-concentration",
    title="H(0) is close to H_inf",
    group="Gram matrix",
    statement="With probability >= 1 - delta: (hoeffding) m >= 8 n^2 lambda_0^-2 ln(2 n^2/delta) gives |H(0) - H_inf|_F <= "
    "lambda_0/4; (chernoff) m >= (|K|/lambda_0) ln(n/delta)/(1/4 + 3/4 ln 3/4) gives lambda_min(H(0)) >= 3/4 lambda_0.",
    tex=r"With probability at least $1-\delta$: (hoeffding) $m \ge 8n^2\lambda_0^{-2}\ln(2n^2/\delta)$ gives $\Vert "
    r"H(0) - H^\infty\Vert _F \le \frac{\lambda_0}4$; (chernoff) $m \ge \frac{\Vert K\Vert "
    r"}{\lambda_0}\frac{\ln(n/\delta)}{\frac14 + \frac34\ln\frac34}$ gives $\lambda_{\min}(H(0)) \ge "
    r"\frac34\lambda_0$.",
    hypotheses="inputs of unit norm, lambda_0 > 0, m at least the width stated, or twice that with antisymmetric pairs.",
    kind=Claim.PROBABILITY,
    source="derived: Hoeffding and a union bound; matrix Chernoff (Tropp 2012, Theorem 1.1)",
    provenance="derived",
    rests_on=("gram-limit", "gram-positive"),
    decision="One trial per seed; VACUOUS below the width stated, else an exact binomial limit against delta.",
    check=_check,
    controls=(
        Control(
            "narrow",
            "the matrix Chernoff claim at 1/1000 of its width",
            lambda run: _check(run, 1000.0)["chernoff"],
            # for 20 digits the claim is then made from width 32 on
            {"dataset": {"source": "digits", "samples": 20}, "width": 32, "steps": 0},
        ),
        Control(
            "unscaled",
            "|m H(0) - H_inf|_F <= lambda_0/4: the network without its factor m^(-1/2)",
            lambda run: _frobenius(run, float(run.trajectory.width)),
        ),
    ),
    constants="lambda_0/4 is this project's share: it gives the working spectrum [3/4 lambda_0, lambda_max]. 8 n^2 = (1/2)(4n)^2 "
    "from Hoeffding's 2 m eps^2 at eps = lambda_0/(4n), ln(2 n^2/delta) from two sides and n^2 entries; loose by the number "
    "of eigenvalues that matter. 1/4 + 3/4 ln 3/4 = 0.0342 is exactly the matrix Chernoff exponent at a quarter below the "
    "mean; its loss is |K|/m as the size of every neuron's term.",
    # so few samples that both widths are reached
    study={"dataset": {"source": "sphere", "samples": 3, "dimension": 3}, "width": 16384, "steps": 0},
)
