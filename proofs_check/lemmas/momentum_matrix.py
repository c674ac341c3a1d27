"""heavy-ball-matrix and nesterov-matrix: powers of the linear model, for every condition number and power at once."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from nag_ntk.theorem import THEOREMS, Theorem
from proofs_check.lemma import Claim, Control, Lemma, Proof
from proofs_check.rigor.enclosure import (
    HEAVY_BALL,
    NESTEROV,
    MomentumTuning,
    constants_proof,
    identities,
    power_controls,
    refute_power_bound,
)


def _proof(tuning: MomentumTuning, theorem: Theorem, tighter: Fraction) -> Callable[[Any], Proof]:
    """Make the proof of C <= P sqrt(kappa) and rho <= 1 - b/sqrt(kappa); observed is `tighter` if it does for P."""
    prefactor, rate = theorem.prefactor, theorem.linear_rate

    def check(_: Any) -> Proof:
        algebra, proof = identities(), constants_proof(tuning, prefactor, rate)
        broken = [item.name for item in algebra if not item.holds]
        sharp = constants_proof(tuning, tighter, rate).decided
        reason = (
            f"{len(algebra)} polynomial identities and {len(proof.obligations)} polynomial inequalities in "
            f"u = 1/sqrt(kappa) on (0, 1], {proof.boxes} boxes"
        )
        if sharp:
            reason += f"; C <= {tighter} sqrt(kappa) is proved as well"
        if broken:
            reason = f"not an identity: {'; '.join(broken)}"
        evidence = {
            "identities": [{"name": item.name, "both sides": str(item.left)} for item in algebra],
            "obligations": [item.record() for item in proof.obligations],
        }
        decided = proof.decided if not broken else None
        return Proof(
            decided, float(tighter) if sharp else float(prefactor), float(prefactor), reason, evidence=evidence
        )

    return check


def _refuted(name: str) -> Callable[[Any], Proof]:
    def check(_: Any) -> Proof:
        control = power_controls()[name]
        witness = refute_power_bound(control.bound, control.tuning)
        if witness is None:
            return Proof(None, 0.0, 0.0, "no counterexample found")
        values = {"kappa": str(witness.kappa), "eta lambda": str(witness.z), "k": witness.k}
        reason = (
            f"|M^k| >= {witness.norm_low:.6g} > {witness.bound_high:.6g} at kappa = {witness.kappa}, k = {witness.k}"
        )
        return Proof(False, witness.norm_low, witness.bound_high, reason, values)

    return check


_DECISION = (
    "M is orthogonally similar to 2 x 2 blocks, all with a complex pair of eigenvalues (also at kappa = 1 and at both ends of the "
    "spectrum); the invariant quadratic form of a block bounds all its powers. The algebra is checked as polynomial identities; C and "
    "rho are bounded for all kappa at once by exact polynomials and interval bisection over u = 1/sqrt(kappa) in (0, 1]."
)

HEAVY_BALL_MATRIX = Lemma(
    id="heavy-ball-matrix",
    title="Powers of the heavy ball's companion matrix",
    group="linear model",
    statement="|M^k| <= C rho^k for all k >= 0, with rho = sqrt(beta) = 1 - 1/(2 sqrt kappa) and C = 2 (1 + "
    "beta)/sqrt(min(h(beta, eta lambda), h(beta, eta lambda_max))) <= 4 sqrt kappa, h(beta, z) = -(beta - (1 - sqrt "
    "z)^2)(beta - (1 + sqrt z)^2).",
    tex=r"$\Vert M^k\Vert \le C\rho^k$ for all $k \ge 0$, with $$\rho = \sqrt\beta = 1 - "
    r"\frac1{2\sqrt\kappa},\qquad C = \frac{2(1+\beta)}{\sqrt{\min(h(\beta,\eta\lambda), "
    r"h(\beta,\eta\lambda_{\max}))}} \le 4\sqrt\kappa,$$ $$h(\beta, z) = -\bigl(\beta - (1-\sqrt "
    r"z)^2\bigr)\bigl(\beta - (1+\sqrt z)^2\bigr).$$",
    hypotheses="spectrum of H in [lambda, lambda_max], eta = 1/lambda_max, beta = (1 - 1/(2 sqrt kappa))^2; all kappa >= 1.",
    kind=Claim.ALL_KAPPA,
    source="form of Wang, Lin, Abernethy 2021, arXiv 2010.01618; constants derived",
    provenance="derived",
    formal=(
        "blocks.underdamped_powers",
        "constants.heavy_ball_constants",
        "companion.companion_powers",
        "powers.heavy_ball_powers",
        "controls.heavy_ball_root_two_is_false",
        "controls.heavy_ball_small_is_false",
        "controls.heavy_ball_fast_is_false",
    ),
    formal_part="All of it, from the quadratic form of H; the controls refuted.",
    decision=_DECISION,
    check=_proof(HEAVY_BALL, THEOREMS["heavy_ball"], Fraction(13, 5)),
    controls=(
        Control("root-two", "C = sqrt(2) (1 + beta)/sqrt(min h)", _refuted("heavy-ball-root-two")),
        Control("small", "|M^k| <= 1.9 sqrt(kappa) rho^k", _refuted("heavy-ball-small")),
        Control("fast", "rate 1 - 1/sqrt(kappa) with prefactor 4 sqrt(kappa)", _refuted("heavy-ball-fast")),
    ),
    scope="once",
    constants="h = 4c - a^2 of a block, four times the determinant of its invariant form; h is concave in z, so least at an end of the "
    "spectrum. 2 (1 + beta): the form lies between h/(4 (1 + beta)) and 1 + beta. C/sqrt(kappa) is 10/sqrt(15) = 2.582 at kappa = 1, "
    "dips to 2.15 near kappa = 4 and tends to 4/sqrt(3) = 2.309, so 13/5 would do; 4 is a round number. Measured supremum of "
    "|M^k| rho^-k/sqrt(kappa): 1.94 to 2.31. rho = sqrt(beta) is exact: every block has determinant beta.",
)

NESTEROV_MATRIX = Lemma(
    id="nesterov-matrix",
    title="Powers of Nesterov's companion matrix",
    group="linear model",
    statement="|M^k| <= C rho^k for all k >= 0, with rho = sqrt(beta (1 - eta lambda)) <= 1 - 2/(3 sqrt kappa) and "
    "C = 2 (1 + rho^2)/sqrt(min(g(beta, eta lambda), g(beta, eta lambda_max))) <= 12 sqrt kappa, g(beta, z) = 4 beta "
    "(1 - z) - ((1 + beta)(1 - z))^2.",
    tex=r"$\Vert M^k\Vert \le C\rho^k$ for all $k \ge 0$, with $$\rho = \sqrt{\beta(1-\eta\lambda)} \le 1 - "
    r"\frac2{3\sqrt\kappa},\qquad C = \frac{2(1+\rho^2)}{\sqrt{\min(g(\beta,\eta\lambda), "
    r"g(\beta,\eta\lambda_{\max}))}} \le 12\sqrt\kappa,$$ $$g(\beta, z) = 4\beta(1-z) - \bigl((1+\beta)(1-z)\bigr)^2 "
    r".$$",
    hypotheses="spectrum of H in [lambda, lambda_max], eta = 1/(2 lambda_max), beta = (3 sqrt kappa - 2)/(3 sqrt kappa + 2); "
    "all kappa >= 1.",
    kind=Claim.ALL_KAPPA,
    source="form of Liu, Pan, Tao 2021, arXiv 2107.01832; constants derived",
    provenance="derived",
    formal=(
        "blocks.underdamped_powers",
        "constants.nesterov_constants",
        "companion.companion_powers",
        "powers.nesterov_powers",
        "controls.nesterov_eight_is_false",
        "controls.nesterov_eight_is_false_at_its_own_rate",
        "controls.nesterov_fast_is_false",
        "controls.nesterov_fixed_beta_is_false",
    ),
    formal_part="All of it, from the quadratic form of H; the controls refuted.",
    decision=_DECISION,
    check=_proof(NESTEROV, THEOREMS["nesterov"], Fraction(11)),
    controls=(
        Control("eight", "|M^k| <= 8 sqrt(kappa) rho^k", _refuted("nesterov-eight")),
        Control("fast", "rate 1 - 1/sqrt(kappa) with prefactor 12 sqrt(kappa)", _refuted("nesterov-fast")),
        Control("fixed-beta", "the bound at beta = 0.9 whatever kappa", _refuted("nesterov-fixed-beta")),
    ),
    scope="once",
    constants="g = 4c - a^2 of a block; concave in z, so least at an end. 2 (1 + rho^2): the form lies between g/(4 (1 + c)) and 1 + c, "
    "and c <= rho^2. C/sqrt(kappa) is exactly 11 at kappa = 1 and falls to 6 sqrt(2) = 8.485 as kappa grows, so 11 would do; 12 is a round "
    "number. The supremum of |M^k| rho^-k is within 1 % of C. 2/3: sqrt(beta (1 - 1/(2 kappa))) = 1 - 2/(3 sqrt kappa) + O(kappa^-1), so no "
    "larger coefficient holds.",
)
