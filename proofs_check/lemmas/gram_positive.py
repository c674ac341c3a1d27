"""gram-positive: if no two inputs are parallel, the least eigenvalue of H_inf is positive; decided in ball arithmetic."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp

from nag_ntk.parallel import CURE, in_words
from proofs_check.lemma import Claim, Control, DataClaim, Lemma, NotApplicable, Proof, Run
from proofs_check.rigor.enclosure import decide_positive, primitive_rows


def _decide(inputs) -> Proof:
    proof = decide_positive(inputs)
    witness = {} if proof.witness is None else {"kernel vector": str(proof.witness)}
    reason = proof.reason
    if proof.decided:
        reason = f"lambda_0 in [{proof.lambda_min_low:.10g}, {proof.lambda_min_high:.10g}]; {reason}"
    evidence: dict[str, Any] = {
        "lambda_0": [proof.lambda_min_low, proof.lambda_min_high],
        "precision": proof.precision,
        "samples": len(inputs),
    }
    if proof.witness is not None:
        evidence["kernel"] = proof.witness._asdict()
    return Proof(proof.decided, 0.0, proof.lambda_min_low, reason, witness, evidence)


def _repeated(run: Run) -> Proof:
    return _decide([*run.data.inputs, run.data.inputs[0]])


def _antipodal(_: Run) -> Proof:
    """Decide six distinct inputs in the plane, three antipodal pairs: relu'(z) + relu'(-z) is constant."""
    units = [
        (Fraction(1), Fraction(0)),
        (Fraction(3, 5), Fraction(4, 5)),
        (Fraction(5, 13), Fraction(12, 13)),
    ]
    return _decide([row for x, y in units for row in ((x, y), (-x, -y))])


def _check(run: Run) -> Proof | NotApplicable:
    proof = _decide(run.data.inputs)
    if proof.decided is False:
        words = f"{in_words(run.data.parallel_rows, run.data.targets)}: {CURE}"
        return NotApplicable(f"two inputs are parallel, so nothing is claimed: {proof.reason}; {words}")
    return proof


def _score(both_signs: bool) -> Callable[[Any], Any]:
    """Make the score -lambda_min(H_inf) / min(1, s), s the least |x_i - x_j|; with both signs also of |x_i + x_j|.

    The hypothesis of the claim is s > 0. Without the quotient a search would run into s = 0, where lambda_min = 0 and
    nothing is claimed; near s = 0, lambda_min / s stays away from 0. At s = 0 the score is -1/2, as for orthonormal rows.
    """

    def score(rows: Any) -> Any:

        rows = rows / jnp.sqrt(
            jnp.sum(rows * rows, axis=1, keepdims=True)
        )  # so that the gradient is tangent to the sphere
        pairs = jnp.triu_indices(rows.shape[0], 1)
        first, second = rows[pairs[0]], rows[pairs[1]]

        def length(vectors):  # with gradient 0, not NaN, where the vector is 0
            square = jnp.sum(vectors * vectors, axis=1)
            return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)

        difference, total = length(first - second), length(first + second)
        angle = 2 * jnp.arctan2(difference, jnp.where((difference > 0) | (total > 0), total, 1.0))
        entries = jnp.sum(first * second, axis=1) * (jnp.pi - angle) / (2 * jnp.pi)
        upper = jnp.zeros((rows.shape[0],) * 2, rows.dtype).at[pairs].set(entries)
        gram = upper + upper.T + jnp.eye(rows.shape[0], dtype=rows.dtype) / 2
        # the gradient of an eigenvalue is v v^T; taken this way it is finite for repeated eigenvalues too
        vector = jax.lax.stop_gradient(jnp.linalg.eigh(jax.lax.stop_gradient(gram))[1][:, 0])
        lengths = jnp.concatenate([difference, total]) if both_signs else difference
        separation = jnp.minimum(1.0, jnp.min(lengths, initial=1.0))
        normalised = -jnp.dot(vector, gram @ vector) / jnp.where(separation > 0, separation, 1.0)
        return jnp.where(separation > 0, normalised, -0.5)

    return score


def _confirm(both_signs: bool) -> Callable[[Sequence[Sequence[Any]]], Proof]:
    """Make the exact check: lambda_min = 0 refutes unless two inputs are equal (both signs: parallel) up to length."""
    words = "parallel" if both_signs else "equal"

    def confirm(rows: Sequence[Sequence[Any]]) -> Proof:
        seen: dict[tuple[int, ...], int] = {}
        for index, row in enumerate(primitive_rows(rows)):
            line = max(row, tuple(-value for value in row)) if both_signs else row
            if line in seen:
                return Proof(True, 0.0, 0.0, f"inputs {seen[line]} and {index} are {words}, so nothing is claimed")
            seen[line] = index
        return _decide(rows)

    return confirm


GRAM_POSITIVE = Lemma(
    id="gram-positive",
    title="H_inf is positive definite",
    group="Gram matrix",
    statement="If x_i != +-x_j for all i != j then lambda_0 = lambda_min(H_inf) > 0.",
    tex=r"If $x_i \ne \pm x_j$ for all $i \ne j$ then $\lambda_0 = \lambda_{\min}(H^\infty) > 0$.",
    hypotheses="inputs of unit norm, no two parallel.",
    kind=Claim.INSTANCE,
    source="form of Du, Zhai, Poczos, Singh 2019, arXiv 1810.02054; exact criterion derived",
    provenance="derived",
    rests_on=("gram-limit",),
    decision="lambda_0 is enclosed in ball arithmetic from the inputs as exact rationals (Gershgorin discs of the pencil "
    "of approximate eigenvectors): CERTIFIED when the lower end is positive; VACUOUS when "
    "two inputs are parallel; a control is REFUTED by an exact kernel vector.",
    check=_check,
    controls=(
        Control("repeated", "positivity with the first input repeated", _repeated),
        Control(
            "distinct",
            "distinct inputs suffice (three antipodal pairs in the plane)",
            _antipodal,
            about_data=DataClaim(_score(both_signs=False), _confirm(both_signs=False)),
        ),
    ),
    constants="No constant is claimed: lambda_0 > 0 comes without a rate. The enclosure has relative width 2^-50 or less, whatever the size "
    "of lambda_0. The hypothesis is sufficient, not necessary: lambda_0 = 0 exactly when an input is repeated or the directions of the "
    "antipodal pairs are linearly dependent. For one pair at a small angle theta, lambda_0 is close to theta/(2 pi).",
    about_data=DataClaim(_score(both_signs=True), _confirm(both_signs=True)),
)
