"""The file of a certificate: the exact network, data and method, the claims of the proof, and a digest.

The file is JSON. Numbers are strings, floats in hexadecimal or fractions p/q, and a row of numbers is one string. The
program `recheck` reads the file.
"""

import hashlib
import json
import math
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import flint
from flint import ctx

from proofs_check.rigor.certificates.flow import Flow
from proofs_check.rigor.certificates.problem import Number, Problem
from proofs_check.rigor.certificates.prove import Proof
from proofs_check.rigor.enclosure.pencil import float_above

FORMAT = "nag-ntk certificate 2"


def written(value: Number) -> str:
    """Write a number as a string that represents it exactly.

    Example:
        >>> from fractions import Fraction
        >>> written(0.75), written(Fraction(1, 3)), written(Fraction(2))
        ('0x1.8000000000000p-1', '1/3', '2/1')
    """
    return value.hex() if isinstance(value, float) else f"{value.numerator}/{value.denominator}"


def line(values: Iterable[Number]) -> str:
    """Write numbers as one string, each exactly."""
    return " ".join(map(written, values))


def stated_problem(problem: Problem) -> dict[str, Any]:
    """Write a problem as the part of a file that states it."""
    return {
        "inputs": [line(row) for row in problem.inputs],
        "targets": line(problem.targets),
        "weights": [line(row) for row in problem.weights],
        "before": [line(row) for row in problem.before or ()],
        "signs": "".join("+" if sign > 0 else "-" for sign in problem.signs),
        "eta": written(problem.eta), "beta": written(problem.beta), "gamma": written(problem.gamma),
        "start": problem.start,
    }  # fmt: skip


def digest(body: dict[str, Any]) -> str:
    """Return the SHA-256 of the body without its digest, in canonical form.

    Example:
        >>> digest({"a": 1}) == digest({"a": 1, "digest": "x"}) != digest({"a": 2})
        True
    """
    rest = {key: value for key, value in body.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def file_name(name: str) -> str:
    """Derive the file name of a certificate from the name of the network; different names give different files.

    Example:
        >>> file_name("training nesterov seed 0")
        'training.nesterov.seed.0.json'
    """
    return quote(name, safe=" ").replace(".", "%2E").replace(" ", ".") + ".json"


def statement(proof: Proof, energy: float) -> str:
    """Write the claims of a proof as one sentence."""
    problem = proof.problem
    method = ", ".join(f"{name} = {float(getattr(problem, name))!r}" for name in ("eta", "beta", "gamma"))
    pairs = f"those of {len(proof.sliding)} (neuron, sample) pairs that may slide along the kink,"
    but = f", except {pairs}" if proof.sliding else ""
    return (
        f"Training this network of {len(problem.weights)} neurons on these {len(problem.inputs)} samples in exact "
        f"arithmetic with {method} brings the loss to zero. After step {proof.lock_in} no pattern changes any "
        f"more{but} and for all k >= 0 the residual at step {proof.applied} + k is at most (r^k + s k r^(k-1)) E with "
        f"r = {proof.contraction.rate!r}, s = {proof.contraction.shear!r}, E = {energy!r}."
    )


def body_of(
    proof: Proof,
    name: str = "",
    simulated: Sequence[Sequence[float]] = (),
    distance: float = 0.0,
    contraction: Sequence[tuple[float, float]] = (),
) -> dict[str, Any]:
    """Build the certificate as a dictionary ready for JSON.

    Args:
        proof: from `prove`.
        name: name of the run that the problem comes from, for readers.
        simulated: residuals of a float64 run at steps 0, 1, ..., up to `proof.applied` at most.
        distance: a bound on |simulated - exact| in every component.
        contraction: pairs (c, rho) with |V(t)| <= c rho^t |V(0)| for all t, from `claims`.

    Returns:
        The body, its digest included.

    Example:
        >>> from proofs_check.rigor.certificates.prove import prove
        >>> body = body_of(prove(Problem(((1.0,),), (0.5,), ((1.0,),), (1,), 0.5, 0.0, 0.0)))
        >>> body["claim"]["lock_in"], body["claim"]["flips"], body["problem"]["weights"]
        (0, 0, ['0x1.0000000000000p+0'])
    """
    problem = proof.problem
    energy = proof.energy * (1 + 2.0**-40)  # another program with the same bits may compute a slightly larger bound
    body = {
        "format": FORMAT,
        "name": name,
        "statement": statement(proof, energy),
        "versions": {
            "python": platform.python_version(), "python-flint": flint.__version__, "flint": flint.__FLINT_VERSION__,
        },
        "problem": stated_problem(problem),
        "claim": {
            "bits": proof.precision, "applied": proof.applied, "lock_in": proof.lock_in, "flips": proof.flips,
            "sliding": [list(pair) for pair in proof.sliding],
            **{key: written(getattr(proof.contraction, key)) for key in ("lambda_min", "lambda_max", "rate", "shear")},
            "metric": line(proof.metric),
            "contraction": [line(pair) for pair in contraction],
            "calm": [[t, line((x.lambda_min, x.rate, x.shear))] for t, x in proof.calm],
            "energy": written(energy),
            "enclosures": {
                str(t): [line(_wider(low, -1) for low, _ in pairs), line(_wider(high, 1) for _, high in pairs)]
                for t, pairs in sorted(proof.enclosures.items())
            },
            "float64": [line(row) for row in simulated],
            "distance": written(distance),
        },
    }  # fmt: skip
    return {**body, "digest": digest(body)}


def distance(problem: Problem, bits: int, rows: Sequence[Sequence[float]]) -> float:
    """Prove a bound on |row - exact residual|, in every component and at every step 0, 1, ... of the rows.

    Args:
        problem: the run.
        bits: a precision that decides all its signs, `Proof.precision`.
        rows: residuals of a float64 run.

    Returns:
        The bound, rounded upwards; infinite when a number in the rows is not finite.

    Raises:
        Undecided: too few bits.

    Cost:
        That of running the training once more.
    """
    worst = 0.0
    with ctx.workprec(bits):
        flow = Flow(problem, bits)
        for t, row in enumerate(rows):
            if t:
                flow.advance()
            slack = 4 * flow.slack()  # another program may compute a different shadow
            for x, y in zip(flow.residual.entries(), row, strict=True):
                worst = max(worst, float_above((abs(x - y) + slack).upper()) if math.isfinite(y) else math.inf)
    return worst * (1 + 2.0**-40)


def _wider(value: float, side: int) -> float:
    return math.nextafter(value, side * math.inf)


def write(body: dict[str, Any], path: Path) -> None:
    """Write the file atomically: it is complete or absent.

    Raises:
        OSError: the folder is missing or cannot be written to.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_text(json.dumps(body, indent=1), encoding="utf-8")
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
