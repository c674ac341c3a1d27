"""gram-positive: no two parallel inputs make the least eigenvalue of H_inf positive; decided in ball arithmetic."""

from fractions import Fraction

from proofs_check.enclosure import decide_positive
from proofs_check.lemma import Control, Lemma, NotApplicable, Proof, Run


def _decide(inputs) -> Proof:
    proof = decide_positive(inputs)
    witness = {} if proof.witness is None else {"kernel vector": str(proof.witness)}
    reason = proof.reason
    if proof.decided:
        reason = f"lambda_0 in [{proof.lambda_min_low:.10g}, {proof.lambda_min_high:.10g}]; {reason}"
    return Proof(proof.decided, 0.0, proof.lambda_min_low, reason, witness)


def _repeated(run: Run) -> Proof:
    return _decide([*run.data.inputs, run.data.inputs[0]])


def _antipodal(_: Run) -> Proof:
    """Six distinct inputs in the plane, three antipodal pairs: relu'(z) + relu'(-z) is constant."""
    units = [
        (Fraction(1), Fraction(0)),
        (Fraction(3, 5), Fraction(4, 5)),
        (Fraction(5, 13), Fraction(12, 13)),
    ]
    return _decide([row for x, y in units for row in ((x, y), (-x, -y))])


def _check(run: Run) -> Proof | NotApplicable:
    proof = _decide(run.data.inputs)
    if proof.decided is False:
        return NotApplicable(f"two inputs are parallel, so nothing is claimed: {proof.reason}")
    return proof


GRAM_POSITIVE = Lemma(
    id="gram-positive",
    title="H_inf is positive definite",
    statement="If x_i != +-x_j for all i != j then lambda_0 = lambda_min(H_inf) > 0.",
    hypotheses="inputs of unit norm, no two parallel.",
    kind="instance",
    source="form of Du, Zhai, Poczos, Singh 2019, arXiv 1810.02054; exact criterion derived",
    provenance="derived",
    decision="lambda_0 is enclosed in ball arithmetic from the inputs as exact rationals (Gershgorin discs of the pencil "
    "of approximate eigenvectors): CERTIFIED when the lower end is positive; VACUOUS when "
    "two inputs are parallel; a control is REFUTED by an exact kernel vector.",
    check=_check,
    controls=(
        Control("repeated", "positivity with the first input repeated", _repeated),
        Control("distinct", "distinct inputs suffice (three antipodal pairs in the plane)", _antipodal),
    ),
)
