"""gd-matrix: the bound |(I - eta H)^k| <= (1 - 1/kappa)^k for gradient descent, for all kappa and k at once."""

from collections.abc import Callable
from typing import Any

from proofs_check.lemma import Claim, Control, Lemma, Proof
from proofs_check.rigor.enclosure import GRADIENT_DESCENT, rate_controls, rate_proof, refute_rate


def _proof(_: Any) -> Proof:
    """Prove |1 - z| <= rate on the spectrum z = eta lambda_j; at the low end both are equal, so the proof records 1 <= 1."""
    proof = rate_proof(GRADIENT_DESCENT, lambda u: 1 - u * u)
    reason = f"|1 - z| <= 1 - 1/kappa at both ends of the spectrum: {len(proof.obligations)} polynomial inequalities in u = 1/sqrt(kappa)"
    return Proof(proof.decided, 1.0, 1.0, reason, evidence={"obligations": [x.record() for x in proof.obligations]})


def _refutation(name: str) -> Callable[[Any], Proof]:
    def check(_: Any) -> Proof:
        control = rate_controls()[name]
        witness = refute_rate(control)
        if witness is None:
            return Proof(None, 0.0, 0.0, "no counterexample found")
        reason = f"|1 - z| >= {witness.norm_low:.6g} > {witness.bound_high:.6g} at kappa = {witness.kappa}, z = {witness.z}, k = 1"
        values = {"kappa": str(witness.kappa), "eta lambda": str(witness.z), "k": 1}
        return Proof(False, witness.norm_low, witness.bound_high, reason, values)

    return check


GD_MATRIX = Lemma(
    id="gd-matrix",
    needs="theorem",
    title="Powers of gradient descent's matrix",
    group="linear model",
    statement="|(I - eta H)^k| <= (1 - 1/kappa)^k for all k >= 0.",
    tex=r"$$\Vert (I - \eta H)^k\Vert \le \Bigl(1 - \frac1\kappa\Bigr)^k$$ for all $k \ge 0$.",
    hypotheses="H symmetric with spectrum in [lambda, lambda_max], eta = 1/lambda_max; all kappa = lambda_max/lambda >= 1.",
    kind=Claim.ALL_KAPPA,
    source="derived",
    provenance="derived",
    formal=("powers.gradient_descent_powers", "controls.gradient_descent_double_rate_is_false"),
    formal_part="The whole lemma is proved, from the quadratic form of H, and a control is refuted.",
    decision="|(I - eta H)^k| is the largest |1 - z|^k, z = eta lambda_j; 1 - z is affine, so both signs are compared with the "
    "rate at the ends z = 1/kappa and z = 1, as exact polynomials in u = 1/sqrt(kappa) on (0, 1] by interval bisection.",
    check=_proof,
    controls=(
        Control("double-rate", "rate 1 - 2/kappa", _refutation("double-rate")),
        Control("root-rate", "rate 1 - 1/sqrt(kappa), momentum's rate without momentum", _refutation("root-rate")),
        Control("long-step", "the same rate at eta = 2.5/lambda_max", _refutation("long-step")),
    ),
    scope="once",
    constants="Rate 1 - 1/kappa: |1 - z| at the least eigenvalue, z = eta lambda = 1/kappa; the other end gives 0. Prefactor 1: H is "
    "symmetric, so the norm of a power is the power of the norm. Both are attained, by every H with lambda in its spectrum. "
    "The step size 2/(lambda + lambda_max) would give (kappa - 1)/(kappa + 1); the theorem's 1/lambda_max does not use lambda.",
)
