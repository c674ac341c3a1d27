"""nesterov-matrix: powers of the linear model, for every condition number and every power at once."""

from collections.abc import Callable

from proofs_check.enclosure import nesterov_constants_proof, power_controls, refute_power_bound
from proofs_check.lemma import Control, Lemma, Proof, Run


def _proof(_: Run) -> Proof:
    proof, tighter = nesterov_constants_proof(), nesterov_constants_proof(prefactor=11)
    reason = f"{len(proof.obligations)} polynomial inequalities in u = 1/sqrt(kappa) on (0, 1], {proof.boxes} boxes"
    if tighter.decided:
        reason += "; C <= 11 sqrt(kappa), an equality at kappa = 1, is proved as well"
    return Proof(proof.decided, 11.0 if tighter.decided else 12.0, 12.0, reason)


def _refuted(position: int) -> Callable[[Run], Proof]:
    def check(_: Run) -> Proof:
        control = power_controls()[position]
        witness = refute_power_bound(control.bound, control.tuning)
        if witness is None:
            return Proof(None, 0.0, 0.0, "no counterexample found")
        found = {"kappa": str(witness.kappa), "eta lambda": str(witness.z), "k": witness.k}
        reason = (
            f"|M^k| >= {witness.norm_low:.6g} > {witness.bound_high:.6g} at kappa = {witness.kappa}, k = {witness.k}"
        )
        return Proof(False, witness.norm_low, witness.bound_high, reason, found)

    return check


NESTEROV_MATRIX = Lemma(
    id="nesterov-matrix",
    title="Powers of Nesterov's companion matrix",
    statement="|M^k| <= C rho^k for all k, with rho = sqrt(beta (1 - eta lambda)) <= 1 - 2/(3 sqrt kappa) and C <= 12 sqrt kappa.",
    hypotheses="spectrum of H in [lambda, lambda_max], eta = 1/(2 lambda_max), beta = (3 sqrt kappa - 2)/(3 sqrt kappa + 2); "
    "all kappa >= 1.",
    kind="all kappa",
    source="form of Liu, Pan, Tao 2021, arXiv 2107.01832; constants derived",
    provenance="derived",
    decision="|M^k| <= C rho^k by the invariant quadratic form of each 2 x 2 block; C and rho bounded for all kappa at once by "
    "exact polynomials and interval bisection over u = 1/sqrt(kappa) in (0, 1].",
    check=_proof,
    controls=(
        Control("eight", "|M^k| <= 8 sqrt(kappa) rho^k", _refuted(0)),
        Control("fast", "rate 1 - 1/sqrt(kappa) with prefactor 12 sqrt(kappa)", _refuted(1)),
        Control("fixed-beta", "the bound at beta = 0.9 whatever kappa", _refuted(2)),
    ),
    scope="once",
)
