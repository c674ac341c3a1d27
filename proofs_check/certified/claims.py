"""The three theorems for single networks: rows of results that are CERTIFIED, each with a certificate behind it.

For all t, |V(t)| <= c rho^t |V(0)|: up to the step where the proof closes from enclosures of the residual, after it
from the certified rate. A row is CERTIFIED only after the rechecker has confirmed the file that is kept beside the
results.
"""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from flint import arb, ctx

from nag_ntk.theorem import THEOREMS
from proofs_check.certified import networks
from proofs_check.judging.verdict import Outcome
from proofs_check.lemma import NotApplicable, Run
from proofs_check.lemma import Proof as Decision
from proofs_check.rigor.certificates import certificate, confirm
from proofs_check.rigor.certificates.flow import Flow, norm
from proofs_check.rigor.certificates.problem import ProblemError
from proofs_check.rigor.certificates.prove import NotProved, Proof, prove
from proofs_check.rigor.enclosure import enclose_extreme_eigenvalues, float_above, float_below

_STEPS = 20000


def theorem(method: str) -> str:
    """Return the id of the lemma that states the theorem of a method, "" for a method without one."""
    return f"{method.replace('gradient_descent', 'gd').replace('_', '-')}-contraction" if method in THEOREMS else ""


def refusal(methods: Iterable[str], lemmas: Sequence[str]) -> str:
    """Return the reason why `rows` would yield no row, or "".

    Args:
        methods: names of those that any run trains.
        lemmas: ids of those asked for.

    Example:
        >>> refusal(["nesterov"], ["nesterov-contraction"]), refusal(["nesterov"], ["distance"])
        ('', 'of these runs nesterov-contraction can be proved, which is not selected: select it, or leave certify out')
        >>> refusal(["nesterov_increasing"], ["distance"])
        'no run trains gradient_descent, heavy_ball or nesterov for a step: leave certify out'
    """
    possible = sorted(filter(None, map(theorem, methods)))
    if not possible:
        return f"no run trains {' or '.join(', '.join(THEOREMS).rsplit(', ', 1))} for a step: leave certify out"
    if set(possible) & set(lemmas):
        return ""
    which = "which is not selected: select it" if len(possible) == 1 else "none of which is selected: select one"
    return f"of these runs {', '.join(possible)} can be proved, {which}, or leave certify out"


def kappa_below(inputs: Any) -> arb:
    """Bound kappa = (lambda_max + lambda_0 / 4) / (3 lambda_0 / 4) from below; there the claims are strongest."""
    spectrum = enclose_extreme_eigenvalues([[Fraction(float(x)) for x in row] for row in inputs])
    # decreasing in lambda_0, increasing in lambda_max
    return ((arb(spectrum.lambda_max_low) / spectrum.lambda_min_high * 4 + 1) / 3).lower()


def claimed(method: str, kappa: arb) -> dict[str, tuple[float, float]]:
    """Return (c, rho) for each part of the theorem, as floats that are at most its numbers."""
    with ctx.workprec(128):
        stated = THEOREMS[method]
        factor, power = kappa ** _ball(1 - stated.order), kappa ** _ball(stated.order)
        rate = float_below((1 - _ball(stated.rate) / power).lower())
        return {
            part: (float_below((_ball(prefactor) * factor).lower()), rate) for part, prefactor in stated.forms.items()
        }


def _ball(fraction: Fraction) -> arb:
    return arb(fraction.numerator) / fraction.denominator


def confirmed(body: dict[str, Any]) -> str:
    """Have a certificate rechecked; return the objection, or "" when it is confirmed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.json"
        certificate.write(body, path)
        return confirm.objection(path)


class Sizes:
    """Bounds on |xi(t)| along the run, from the latest precision that was tried."""

    def __init__(self) -> None:
        """Start without bounds."""
        self.sizes: list[tuple[arb, arb]] = []

    def __call__(self, flow: Flow) -> None:
        """Append the bounds of one step."""
        if flow.step == 0:
            self.sizes = []
        size, slack = norm(flow.residual.entries()), flow.slack()
        with ctx.workprec(128):
            least = (size * (1 - arb(2) ** -40) - 2 * slack).lower().max(arb(0))  # it will be squared
            self.sizes.append((least, (size + 2 * slack).upper()))

    def obeys(self, proof: Proof, c: float, rho: float) -> tuple[bool | None, int, tuple[float, float]]:
        """Decide |V(t)| <= c rho^t |V(0)| for all t: True proved, False disproved at a step, None open.

        Returns:
            The decision, a step, and what is compared: the rates, or both sides at the step that disproves it.
        """
        with ctx.workprec(128):
            both = 0 if proof.problem.beta == 0 and proof.problem.gamma == 0 else 1
            least, most = (x * arb(1 + both).sqrt() * c for x in self.sizes[0])
            proved = c >= 1 and proof.contraction.rate < rho
            before = self.sizes[0]
            for t, now in enumerate(self.sizes[1:], 1):
                least, most = least * rho, most * rho
                low, high = ((x**2 + both * y**2).sqrt() for x, y in zip(now, before, strict=True))
                if low > most:
                    return False, t, (float_below(low.lower()), float_above(most.upper()))
                proved, before = proved and bool(high <= least), now
            rates = float(proof.contraction.rate), rho
            rate, shear = arb(proof.contraction.rate), proof.contraction.shear
            rest = arb(2).sqrt() * proof.energy * (1 + shear / (rate - rate**2 / rho)) / rate
            return (True if proved and rest <= least else None), proof.applied, rates


def rows(run: Run, seeds: int, key: int, lemmas: Sequence[str]) -> Iterator[tuple[Outcome, str, dict[str, Any] | None]]:
    """Check each theorem, part and seed of a run, and yield the certificate behind each check.

    Args:
        run: a simulated run; its trajectory is only asked for width, seeds, start and hypotheses.
        seeds: how many of its seeds.
        key: the study's base key.
        lemmas: ids of those asked for.

    Yields:
        (check, name of the file, certificate or None); the check's evidence names the file too.

    Cost:
        That of `prove` and of `recheck` per network.
    """
    for k, method in enumerate(run.methods):
        lemma = theorem(method.name)
        if not lemma or lemma not in lemmas or run.index(method.name) != k:
            continue
        untuned = run.untuned(method.name)
        parts = {} if untuned else claimed(method.name, kappa_below(run.data.inputs))
        for seed in run.trajectory.seeds[:seeds]:
            if untuned:
                yield Outcome(f"{lemma}/seed-{seed}", run.name, NotApplicable(untuned)), "", None
                continue
            started, start = time.perf_counter(), run.trajectory.start
            one = networks.case(run.data, method, run.trajectory.width, seed, start=start, key=key, run=run.name)
            decisions, body = _decided(one, parts)
            spent = (time.perf_counter() - started) / len(decisions)
            for part, decision in decisions.items():
                name = f"{lemma}/{part}-seed-{seed}" if part else f"{lemma}/seed-{seed}"
                yield Outcome(name, run.name, decision, spent), certificate.file_name(one.name), body


def _decided(
    one: networks.Case, parts: dict[str, tuple[float, float]]
) -> tuple[dict[str, Decision], dict[str, Any] | None]:
    """Prove one network; return a decision per part of the theorem, and the certificate."""
    sizes = Sizes()
    try:
        proof = prove(one.problem, _STEPS, observe=sizes)
    except (NotProved, ProblemError) as error:
        return {part: Decision(None, 1.0, rho, f"no proof: {error}") for part, (_, rho) in parts.items()}, None
    obeys = {part: sizes.obeys(proof, c, rho) for part, (c, rho) in parts.items()}
    body = certificate.body_of(proof, one.name, contraction=[parts[part] for part in obeys if obeys[part][0]])
    objection, rate, decisions = confirmed(body), proof.contraction.rate, {}
    facts = {"certificate": certificate.file_name(one.name), "digest": body["digest"], "lock_in": proof.lock_in}
    after = f"rate {rate:.6f} from lock-in at step {proof.lock_in} on"
    for part, (decided, t, sides) in obeys.items():
        bound = f"{parts[part][0]:.6g} {parts[part][1]:.6g}^t |V(0)|"
        witness = {"seed": one.seed, "step": t} if decided is False else {}
        reason = {
            True: f"proved for this network and all t: |V(t)| <= {bound}; {after}",
            False: f"|V(t)| > {bound} in the exact run",
            None: f"zero loss is proved for this network, {after}, but not that |V(t)| <= {bound} for all t",
        }[decided]
        if objection:
            decided, witness, reason = None, {}, f"recheck does not confirm the certificate: {objection}"
        decisions[part] = Decision(decided, *sides, reason, witness, facts)
    return decisions, body
