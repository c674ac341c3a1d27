"""The file of a certificate at initialisation: the exact network, data and method, the claims, and a digest."""

import math
import platform
from typing import Any

import flint

from proofs_check.rigor.certificates.certificate import digest, line, stated_problem, written
from proofs_check.rigor.certificates.problem import Problem
from proofs_check.rigor.initial.pairs import Drawn
from proofs_check.rigor.initial.prove import InitialProof

FORMAT, FORMAT_DRAWN = "nag-ntk certificate at initialisation 1", "nag-ntk certificate of a drawn network 1"


def statement(proof: InitialProof, energy: float) -> str:
    """Write the claims of a proof as one sentence."""
    problem = proof.problem
    method = ", ".join(f"{name} = {float(getattr(problem, name))!r}" for name in ("eta", "beta", "gamma"))
    n = len(problem.inputs)
    if isinstance(problem, Drawn):
        draw, m = problem.draw, problem.draw.width
        network = f"a network of {m} {draw.init} neurons"
        weights = (
            f": any weights w within 2^-40 + 2^-50 exp(w^2/2) of those drawn from seed {draw.seed} of key {draw.key}"
        )
    else:
        m, weights = len(problem.weights), ""
        network = f"this network of {m} neurons"
    return (
        f"Training {network} on these {n} samples in exact arithmetic with {method} brings the loss "
        f"to zero, as its first weights prove{weights}. For all k >= 0 the residual at step {proof.steps} + k is at "
        f"most r^k E with r = {proof.rate!r}, E = {energy!r}. Of the {m * n} pairs (neuron, sample) at most "
        f"{proof.allowed} ever change sign."
    )


def _stated(problem: Problem | Drawn) -> dict[str, Any]:
    if isinstance(problem, Problem):
        return stated_problem(problem)
    whole = stated_problem(Problem(problem.inputs, problem.targets, (), (), *problem[3:]))
    kept = {key: value for key, value in whole.items() if key not in ("weights", "before", "signs")}
    return {**kept, "draw": problem.draw._asdict()}


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
        "format": FORMAT_DRAWN if isinstance(proof.problem, Drawn) else FORMAT,
        "name": name,
        "statement": statement(proof, energy),
        "versions": {
            "python": platform.python_version(), "python-flint": flint.__version__, "flint": flint.__FLINT_VERSION__,
        },
        "problem": _stated(proof.problem),
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
