"""The file of a certificate at initialisation: the exact network, data and method, the claims, and a digest."""

import math
import platform
from typing import Any

import flint

from proofs_check.rigor.certificates.certificate import digest, line, stated_problem, written
from proofs_check.rigor.initial.prove import InitialProof

FORMAT = "nag-ntk certificate at initialisation 1"


def statement(proof: InitialProof, energy: float) -> str:
    """Write the claims of a proof as one sentence."""
    problem = proof.problem
    method = ", ".join(f"{name} = {float(getattr(problem, name))!r}" for name in ("eta", "beta", "gamma"))
    n, m = len(problem.inputs), len(problem.weights)
    return (
        f"Training this network of {m} neurons on these {n} samples in exact arithmetic with {method} brings the loss "
        f"to zero, as its first weights prove. For all k >= 0 the residual at step {proof.steps} + k is at most r^k E "
        f"with r = {proof.rate!r}, E = {energy!r}. Of the {m * n} pairs (neuron, sample) at most {proof.allowed} ever "
        "change sign."
    )


def body_of(proof: InitialProof, name: str = "") -> dict[str, Any]:
    """Build the certificate as a dictionary ready for JSON.

    Args:
        proof: from `prove_initial`.
        name: name of the run that the problem comes from, for readers.

    Returns:
        The body, its digest included.

    Example:
        >>> from proofs_check.rigor.certificates.problem import Problem
        >>> from proofs_check.rigor.initial.prove import prove_initial
        >>> body = body_of(prove_initial(Problem(((1.0,),), (0.5,), ((1.0,),), (1,), 0.5, 0.0, 0.0)))
        >>> body["claim"]["allowed"], body["problem"]["weights"]
        (0, ['0x1.0000000000000p+0'])
    """
    energy = math.hypot(*proof.residual) * (1 + 2.0**-40)
    linear = proof.linear
    body = {
        "format": FORMAT,
        "name": name,
        "statement": statement(proof, energy),
        "versions": {
            "python": platform.python_version(), "python-flint": flint.__version__, "flint": flint.__FLINT_VERSION__,
        },
        "problem": stated_problem(proof.problem),
        "claim": {
            "bits": proof.bits, "steps": proof.steps, "horizon": proof.horizon, "allowed": proof.allowed,
            "lambda_min": written(linear.lambda_min), "lambda_max": written(linear.lambda_max),
            "linear_rate": written(linear.rate), "shear": written(linear.shear), "rate": written(proof.rate),
            "energy": written(energy),
            **{key: line(getattr(proof, key)) for key in ("residual", "movement", "reach")},
            "contraction": [line(pair) for pair in proof.contraction],
        },
    }  # fmt: skip
    return {**body, "digest": digest(body)}
