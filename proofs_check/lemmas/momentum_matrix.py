"""heavy-ball-matrix and nesterov-matrix: bounds |M^k| <= C rho^k on the powers of the companion matrix M of each method.

M maps [xi(t); xi(t-1)] to [xi(t+1); xi(t)] in the linear model, xi the residual. The bounds are proved for all condition
numbers kappa = lambda_max/lambda and all k at once.
"""

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
    """Make the check that proves C <= P sqrt(kappa) and rho <= 1 - b/sqrt(kappa), P and b those of the theorem.

    Args:
        tuning: the method.
        theorem: its fields `prefactor` and `linear_rate` are P and b.
        tighter: a smaller constant in place of P; where its bound is proved as well, it is the observed value.
    """
    prefactor, rate = theorem.prefactor, theorem.linear_rate

    def check(_: Any) -> Proof:
        algebra, proof = identities(), constants_proof(tuning, prefactor, rate)
        broken = [item.name for item in algebra if not item.holds]
        tighter_proved = constants_proof(tuning, tighter, rate).decided
        reason = (
            f"{len(algebra)} polynomial identities and {len(proof.obligations)} polynomial inequalities in "
            f"u = 1/sqrt(kappa) on (0, 1], {proof.boxes} boxes"
        )
        if tighter_proved:
            reason += f"; C <= {tighter} sqrt(kappa) is proved as well"
        if broken:
            reason = f"not an identity: {'; '.join(broken)}"
        evidence = {
            "identities": [{"name": item.name, "both sides": str(item.left)} for item in algebra],
            "obligations": [item.record() for item in proof.obligations],
        }
        decided = proof.decided if not broken else None
        return Proof(
            decided, float(tighter) if tighter_proved else float(prefactor), float(prefactor), reason, evidence=evidence
        )

    return check


def _refutation(name: str) -> Callable[[Any], Proof]:
    """Make the check that refutes the false bound of this name in `power_controls`."""

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
    needs="theorem",
    title="Powers of the heavy ball's companion matrix",
    group="linear model",
    statement="|M^k| <= C rho^k for all k >= 0, with rho = sqrt(beta) = 1 - 1/(2 sqrt kappa) and C = 2 (1 + "
    "beta)/sqrt(min(h(beta, eta lambda), h(beta, eta lambda_max))) <= 4 sqrt kappa, h(beta, z) = -(beta - (1 - sqrt "
    "z)^2)(beta - (1 + sqrt z)^2).",
    tex=r"$\Vert M^k\Vert \le C\rho^k$ for all $k \ge 0$, with $$\rho = \sqrt\beta = 1 - "
    r"\frac1{2\sqrt\kappa},\qquad C = \frac{2(1+\beta)}{\sqrt{\min(h(\beta,\eta\lambda), "
    r"h(\beta,\eta\lambda_{\max}))}} \le 4\sqrt\kappa,$$ $$h(\beta, z) = -\bigl(\beta - (1-\sqrt "
    r"z)^2\bigr)\bigl(\beta - (1+\sqrt z)^2\bigr).$$",
    hypotheses="H symmetric with spectrum in [lambda, lambda_max], kappa = lambda_max/lambda >= 1, eta = 1/lambda_max, "
    "beta = (1 - 1/(2 sqrt kappa))^2, M = [[(1 + beta) I - eta H, -beta I], [I, 0]] the companion matrix.",
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
    formal_part="The whole lemma is proved, from the quadratic form of H, and the controls are refuted.",
    decision=_DECISION,
    check=_proof(HEAVY_BALL, THEOREMS["heavy_ball"], Fraction(13, 5)),
    controls=(
        Control("root-two", "C = sqrt(2) (1 + beta)/sqrt(min h)", _refutation("heavy-ball-root-two")),
        Control("small", "|M^k| <= 1.9 sqrt(kappa) rho^k", _refutation("heavy-ball-small")),
        Control("fast", "rate 1 - 1/sqrt(kappa) with prefactor 4 sqrt(kappa)", _refutation("heavy-ball-fast")),
    ),
    scope="once",
    constants="A block [[a, -c], [1, 0]] of M has the invariant form x_1^2 - a x_1 x_2 + c x_2^2, and h = 4c - a^2 is four times the "
    "determinant of the form. h is concave in z, so its minimum is at an end of the spectrum. The factor 2 (1 + beta) comes from the "
    "bounds h/(4 (1 + beta)) and 1 + beta of the form on unit vectors. C/sqrt(kappa) is 10/sqrt(15) = 2.582 at kappa = 1, "
    "dips to 2.15 near kappa = 4 and tends to 4/sqrt(3) = 2.309, so 13/5 would do; 4 is a round number. Measured supremum of "
    "|M^k| rho^-k/sqrt(kappa): 1.94 to 2.31. rho = sqrt(beta) is exact: every block has determinant beta.",
)

NESTEROV_MATRIX = Lemma(
    id="nesterov-matrix",
    needs="theorem",
    title="Powers of Nesterov's companion matrix",
    group="linear model",
    statement="|M^k| <= C rho^k for all k >= 0, with rho = sqrt(beta (1 - eta lambda)) <= 1 - 2/(3 sqrt kappa) and "
    "C = 2 (1 + rho^2)/sqrt(min(g(beta, eta lambda), g(beta, eta lambda_max))) <= 12 sqrt kappa, g(beta, z) = 4 beta "
    "(1 - z) - ((1 + beta)(1 - z))^2.",
    tex=r"$\Vert M^k\Vert \le C\rho^k$ for all $k \ge 0$, with $$\rho = \sqrt{\beta(1-\eta\lambda)} \le 1 - "
    r"\frac2{3\sqrt\kappa},\qquad C = \frac{2(1+\rho^2)}{\sqrt{\min(g(\beta,\eta\lambda), "
    r"g(\beta,\eta\lambda_{\max}))}} \le 12\sqrt\kappa,$$ $$g(\beta, z) = 4\beta(1-z) - \bigl((1+\beta)(1-z)\bigr)^2 "
    r".$$",
    hypotheses="H symmetric with spectrum in [lambda, lambda_max], kappa = lambda_max/lambda >= 1, eta = 1/(2 lambda_max), "
    "beta = (3 sqrt kappa - 2)/(3 sqrt kappa + 2), M = [[(1 + beta) (I - eta H), -beta (I - eta H)], [I, 0]] the companion "
    "matrix.",
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
    formal_part="The whole lemma is proved, from the quadratic form of H, and the controls are refuted.",
    decision=_DECISION,
    check=_proof(NESTEROV, THEOREMS["nesterov"], Fraction(11)),
    controls=(
        Control("eight", "|M^k| <= 8 sqrt(kappa) rho^k", _refutation("nesterov-eight")),
        Control("fast", "rate 1 - 1/sqrt(kappa) with prefactor 12 sqrt(kappa)", _refutation("nesterov-fast")),
        Control("fixed-beta", "the bound at beta = 0.9 whatever kappa", _refutation("nesterov-fixed-beta")),
    ),
    scope="once",
    constants="A block [[a, -c], [1, 0]] of M has the invariant form x_1^2 - a x_1 x_2 + c x_2^2, and g = 4c - a^2 is four times the "
    "determinant of the form. g is concave in z, so its minimum is at an end of the spectrum. The factor 2 (1 + rho^2) comes from the "
    "bounds g/(4 (1 + c)) and 1 + c of the form on unit vectors, and from c <= rho^2. C/sqrt(kappa) is exactly 11 at kappa = 1 and falls to 6 sqrt(2) = 8.485 as kappa grows, so 11 would do; 12 is a round "
    "number. The supremum of |M^k| rho^-k is within 1 % of C. The rate coefficient 2/3 cannot be larger, because sqrt(beta (1 - 1/(2 kappa))) = "
    "1 - 2/(3 sqrt kappa) + O(kappa^-1).",
)
