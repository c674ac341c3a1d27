"""Proofs of the three contraction theorems for single networks; each row has a certificate file beside the results.

A theorem states |V(t)| <= c rho^t |V(0)| for all t, where V(t) = xi(t) for gradient descent and V(t) = (xi(t),
xi(t-1)) with momentum, xi(t) is the residual (network output minus label) at step t, and xi(-1) = xi(0). Up to the step
`applied`, where the argument about all later steps is made, enclosures of the residual prove it; from there on, the
certified rate does. A row becomes CERTIFIED only after the rechecker has confirmed the certificate.
"""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from flint import arb, ctx

from nag_ntk import Dataset, Method, theorem_tuning
from nag_ntk.theorem import THEOREMS
from proofs_check.certified import networks
from proofs_check.judging.verdict import Outcome
from proofs_check.lemma import NotApplicable, Proof, Run
from proofs_check.rigor.certificates import certificate
from proofs_check.rigor.certificates.flow import Flow, norm
from proofs_check.rigor.certificates.problem import ProblemError
from proofs_check.rigor.certificates.prove import NotProved, prove
from proofs_check.rigor.certificates.prove import Proof as NetworkProof
from proofs_check.rigor.enclosure import enclose_extreme_eigenvalues, float_above, float_below
from proofs_check.rigor.initial import confirm
from proofs_check.rigor.initial.certificate import body_of as initial_body
from proofs_check.rigor.initial.prove import prove_initial

_MAX_PROOF_STEPS = 20000


def lemma_id(method: str) -> str:
    """Return the id of the lemma that states the contraction theorem of a method, "" for a method without one."""
    return f"{method.replace('gradient_descent', 'gd').replace('_', '-')}-contraction" if method in THEOREMS else ""


def why_no_rows(methods: Iterable[str], lemmas: Sequence[str]) -> str:
    """Return the reason why `rows` would yield no row, "" if it would yield some.

    Args:
        methods: names of the methods that the runs train.
        lemmas: ids of the selected lemmas.

    Example:
        >>> why_no_rows(["nesterov"], ["nesterov-contraction"]), why_no_rows(["nesterov"], ["distance"])
        ('', 'of these runs nesterov-contraction can be proved, which is not selected: select it, or leave certify out')
        >>> why_no_rows(["nesterov_increasing"], ["distance"])
        'no run trains gradient_descent, heavy_ball or nesterov for a step: leave certify out'
    """
    possible = sorted(filter(None, map(lemma_id, methods)))
    if not possible:
        return f"no run trains {' or '.join(', '.join(THEOREMS).rsplit(', ', 1))} for a step: leave certify out"
    if set(possible) & set(lemmas):
        return ""
    which = "which is not selected: select it" if len(possible) == 1 else "none of which is selected: select one"
    return f"of these runs {', '.join(possible)} can be proved, {which}, or leave certify out"


def kappa_below(inputs: Any) -> arb:
    """Bound kappa = (lambda_max + lambda_0 / 4) / (3 lambda_0 / 4) from below.

    The smaller kappa is, the stronger the theorems are: a proof for the lower bound is one for the exact kappa.
    """
    spectrum = enclose_extreme_eigenvalues([[Fraction(float(x)) for x in row] for row in inputs])
    # kappa decreases in lambda_0 and increases in lambda_max
    return ((arb(spectrum.lambda_max_low) / spectrum.lambda_min_high * 4 + 1) / 3).lower()


def stated_bounds(method: str, kappa: arb) -> dict[str, tuple[float, float]]:
    """Return (c, rho) of each part of the theorem, rounded down, so that the floats state no less than the theorem."""
    with ctx.workprec(128):
        theorem = THEOREMS[method]
        factor, power = kappa ** _ball(1 - theorem.order), kappa ** _ball(theorem.order)
        rate = float_below((1 - _ball(theorem.rate) / power).lower())
        return {
            part: (float_below((_ball(prefactor) * factor).lower()), rate) for part, prefactor in theorem.forms.items()
        }


def stated_parts(data: Dataset, method: Method, start: str = "gradient") -> dict[str, tuple[float, float]]:
    """Return (c, rho) of each part of a method's theorem on a dataset, none if none speaks of these numbers and start.

    Example:
        >>> from nag_ntk import gradient_descent, sphere, theorem_tuning
        >>> data = sphere(3, 3)
        >>> list(stated_parts(data, theorem_tuning("nesterov", data))), stated_parts(data, gradient_descent(1e-3))
        (['paper-form', 'sharp'], {})
    """
    if method.name not in THEOREMS or data.singular or (start != "gradient" and method.has_memory):
        return {}
    tuned = method.close_to(theorem_tuning(method.name, data))
    return stated_bounds(method.name, kappa_below(data.inputs)) if tuned else {}


def _ball(fraction: Fraction) -> arb:
    return arb(fraction.numerator) / fraction.denominator


def recheck_objection(body: dict[str, Any]) -> str:
    """Run the rechecker on a certificate; return its objection, "" if it confirms the certificate."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.json"
        certificate.write(body, path)
        return confirm.objection(path)


class ResidualBounds:
    """Lower and upper bounds on |xi(t)| per step; a proof at a higher precision starts again at step 0."""

    def __init__(self) -> None:
        """Start without bounds."""
        self.bounds: list[tuple[arb, arb]] = []

    def __call__(self, flow: Flow) -> None:
        """Append the bounds of one step; step 0 discards the bounds of the precision before."""
        if flow.step == 0:
            self.bounds = []
        size, slack = norm(flow.residual.entries()), flow.slack()
        with ctx.workprec(128):
            low = (size * (1 - arb(2) ** -40) - 2 * slack).lower().max(arb(0))  # decide_bound squares it
            self.bounds.append((low, (size + 2 * slack).upper()))

    def decide_bound(self, proof: NetworkProof, c: float, rho: float) -> tuple[bool | None, int, tuple[float, float]]:
        """Decide |V(t)| <= c rho^t |V(0)| for all t: True proved, False disproved at a step, None open.

        Returns:
            (decision, step, sides). If disproved, the step where the bound fails and both sides of it there; else the
            step `applied` of the proof, the certified rate and rho.
        """
        with ctx.workprec(128):
            # V(t) = xi(t) for gradient descent, (xi(t), xi(t-1)) with momentum
            has_previous = 0 if proof.problem.beta == 0 and proof.problem.gamma == 0 else 1
            bound_low, bound_high = (x * arb(1 + has_previous).sqrt() * c for x in self.bounds[0])
            proved = c >= 1 and proof.contraction.rate < rho
            previous = self.bounds[0]
            for t, current in enumerate(self.bounds[1:], 1):
                bound_low, bound_high = bound_low * rho, bound_high * rho
                low, high = ((x**2 + has_previous * y**2).sqrt() for x, y in zip(current, previous, strict=True))
                if low > bound_high:
                    return False, t, (float_below(low.lower()), float_above(bound_high.upper()))
                proved, previous = proved and bool(high <= bound_low), current
            rates = float(proof.contraction.rate), rho
            rate, shear = arb(proof.contraction.rate), proof.contraction.shear
            # With T = applied, |xi(T+k)| <= (rate^k + shear k rate^(k-1)) energy, so for all k >= 1
            # |V(T+k)| <= sqrt(2) energy (rate^(k-1) + shear k rate^(k-2)) <= tail rho^k; bound_low <= c rho^T |V(0)|
            tail = arb(2).sqrt() * proof.energy * (1 + shear / (rate - rate**2 / rho)) / rate
            return (True if proved and tail <= bound_low else None), proof.applied, rates


def rows(run: Run, seeds: int, key: int, lemmas: Sequence[str]) -> Iterator[tuple[Outcome, str, dict[str, Any] | None]]:
    """Check each part of each theorem on each network of a run, and yield the outcomes with their certificates.

    Args:
        run: a simulated run; its arrays are not used, only width, seeds, start, init and hypotheses of the trajectory.
        seeds: number of its seeds, from the first, whose networks are proved.
        key: the study's base key.
        lemmas: ids of the selected lemmas.

    Yields:
        (outcome, file name, certificate). The evidence of the outcome names the file too; the certificate is None
        where there is no proof.

    Cost:
        That of `prove` and of `recheck` per network.
    """
    for k, method in enumerate(run.methods):
        lemma = lemma_id(method.name)
        if not lemma or lemma not in lemmas or run.index(method.name) != k:
            continue
        untuned = run.untuned(method.name)
        parts = {} if untuned else stated_bounds(method.name, kappa_below(run.data.inputs))
        for seed in run.trajectory.seeds[:seeds]:
            if untuned:
                yield Outcome(f"{lemma}/seed-{seed}", run.name, NotApplicable(untuned)), "", None
                continue
            started, t = time.perf_counter(), run.trajectory
            network = networks.case(
                run.data, method, t.width, seed, start=t.start, init=t.init, key=key, run=run.name
            )  # fmt: skip
            proofs, body = _decide_parts(network, parts)
            seconds = (time.perf_counter() - started) / len(proofs)
            for part, proof in proofs.items():
                name = f"{lemma}/{part}-seed-{seed}" if part else f"{lemma}/seed-{seed}"
                yield Outcome(name, run.name, proof, seconds), certificate.file_name(network.name), body


def _from_first_weights(
    network: networks.Case, parts: dict[str, tuple[float, float]]
) -> tuple[dict[str, Proof], dict[str, Any]] | None:
    """Try to prove the parts of the theorem without running the network; None without a confirmed proof of any."""
    try:
        proof = prove_initial(network.problem, list(parts.values()))
    except (NotProved, ProblemError):
        return None
    if not proof.contraction:
        return None
    body = initial_body(proof, network.name)
    if recheck_objection(body):
        return None
    facts = {"certificate": certificate.file_name(network.name), "digest": body["digest"], "allowed": proof.allowed}
    proofs = {}
    for part, (c, rho) in parts.items():
        proved, bound = (c, rho) in proof.contraction, f"{c:.6g} {rho:.6g}^t |V(0)|"
        pairs = network.width * network.data.size
        what = (
            f"proved for this network and all t from its first weights: |V(t)| <= {bound}"
            if proved
            else f"zero loss is proved for this network from its first weights, but not |V(t)| <= {bound} for all t"
        )
        after = f"rate {proof.rate:.6f} from step {proof.steps} on, at most {proof.allowed} of {pairs} pairs flip"
        proofs[part] = Proof(True if proved else None, proof.rate, rho, f"{what}; {after}", {}, facts)
    return proofs, body


def _decide_parts(
    network: networks.Case, parts: dict[str, tuple[float, float]]
) -> tuple[dict[str, Proof], dict[str, Any] | None]:
    """Try to prove every part of the theorem for one network, from its first weights or else by following the run.

    Args:
        network: the network.
        parts: (c, rho) of each part, by its name.

    Returns:
        A decision per part, and the certificate; None without a proof.
    """
    # the cheaper proof first; the other one, which follows the run, proves or refutes what it leaves open
    from_start = _from_first_weights(network, parts)
    if from_start and all(proof.decided for proof in from_start[0].values()):
        return from_start
    residual_bounds = ResidualBounds()
    try:
        proof = prove(networks.followable(network), _MAX_PROOF_STEPS, observe=residual_bounds)
    except (NotProved, ProblemError) as error:
        if from_start:
            return from_start
        return {part: Proof(None, 1.0, rho, f"no proof: {error}") for part, (_, rho) in parts.items()}, None
    decided_bounds = {part: residual_bounds.decide_bound(proof, c, rho) for part, (c, rho) in parts.items()}
    proved = [parts[part] for part, (decision, _, _) in decided_bounds.items() if decision]
    body = certificate.body_of(proof, network.name, contraction=proved)
    objection, rate, proofs = recheck_objection(body), proof.contraction.rate, {}
    # lock-in: the last step at which an activation pattern changes, but for the pairs that slide
    facts = {"certificate": certificate.file_name(network.name), "digest": body["digest"], "lock_in": proof.lock_in}
    after = f"rate {rate:.6f} from lock-in at step {proof.lock_in} on"
    for part, (decision, t, sides) in decided_bounds.items():
        bound = f"{parts[part][0]:.6g} {parts[part][1]:.6g}^t |V(0)|"
        witness = {"seed": network.seed, "step": t} if decision is False else {}
        reason = {
            True: f"proved for this network and all t: |V(t)| <= {bound}; {after}",
            False: f"|V(t)| > {bound} in the exact run",
            None: f"zero loss is proved for this network, {after}, but not that |V(t)| <= {bound} for all t",
        }[decision]
        if objection:
            decision, witness, reason = None, {}, f"recheck does not confirm the certificate: {objection}"
        proofs[part] = Proof(decision, *sides, reason, witness, facts)
    return proofs, body
