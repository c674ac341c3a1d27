"""Decide the verdicts of a study from its evidence; no other file decides a verdict.

All outcomes of a study are decided together, because they share one error level. Holm's procedure is applied twice at
that level: to the p-values of all refutations, and to those of all supports.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from proofs_check import statistics
from proofs_check.judging.finding import SEED_LEVELS, Finding, Verdict
from proofs_check.lemma import Claim, Evidence, Inequality, Law, NotApplicable, Proof, Trials
from proofs_check.lemma.sides import at_most
from proofs_check.lemma.sound import interval_of, validated
from proofs_check.plugins.guard import Place, describe

UNIVERSAL_FAILURE = 0.1
"""Failure probability that sampling can support for a claim about every run.

No number of seeds shows that a probability is 0, so the suite supports "a random initialisation violates it with
probability at most 0.1" and says so."""


@dataclass
class Outcome:
    """The evidence of a lemma, or of one part of a lemma, on one run; or the error of its check.

    Attributes:
        lemma: the lemma's id; for a part, followed by a slash and the name of the part.
        run: the run's name.
        evidence: what the check returned, or the exception that it raised.
        wall_time: seconds that the check took.
        home: file and line of the check's definition, for the message of an error.
    """

    lemma: str
    run: str
    evidence: Evidence | Exception
    wall_time: float = 0.0
    home: Place | None = None


def decide(outcomes: Sequence[Outcome], level: float) -> tuple[Finding, ...]:
    """Decide all outcomes of a study together and return one finding per outcome, in their order.

    An exception becomes an ERROR, a lemma that does not apply VACUOUS, and a proof states its own verdict. All other
    claims are tested. Such a claim is REFUTED if Holm's procedure rejects "the failure probability is at most the
    claimed one" (for a law, the law itself), and SUPPORTED if Holm's procedure rejects "the failure probability is
    larger" (for a law, if its interval at level divided by the number of tested claims lies within its resolution). One
    violation refutes a claim about every run. What would refute a claim that is proved for the run is an ERROR: the
    proof, its hypotheses or the program is wrong.

    Args:
        outcomes: all outcomes of the study; the more claims are tested, the more evidence each of them needs.
        level: family-wise error level, in (0, 1): with probability at least 1 - level no true claim is
            refuted, and with at least 1 - level no false one is supported.

    Source:
        Holm 1979; Clopper and Pearson 1934 (see ``statistics``).

    Example:
        >>> quiet = Trials(Inequality(np.zeros(64), 1.0), failure=0.1, seeds=tuple(range(64)))
        >>> decide([Outcome("gram", "digits", quiet)], level=0.05)[0].reason
        'no violation in 64 seeds; failure probability at most 0.0457 (confidence 1 - 0.05), claimed 0.1'
    """
    if not 0 < level < 1:
        raise ValueError(f"expected a level strictly between 0 and 1, got {level!r}")
    parts = [_attempt(outcome, lambda outcome=outcome: _screen(outcome)) for outcome in outcomes]
    share = level / max(1, sum(not isinstance(part, Finding) for part in parts))
    for i, part in enumerate(parts):
        if isinstance(part, Law):
            parts[i] = _attempt(outcomes[i], lambda law=part, outcome=outcomes[i]: _LawClaim.of(outcome, law, share))
    claims = {i: part for i, part in enumerate(parts) if not isinstance(part, Finding)}
    supported = _holm({i: claim.support for i, claim in claims.items()}, level)
    refuted = _holm({i: claim.excess for i, claim in claims.items() if claim.excess is not None}, level)
    for i, claim in claims.items():
        parts[i] = claim.finding(refuted.get(i), supported[i])
    return tuple(
        replace(part, wall_time=float(outcome.wall_time)) for part, outcome in zip(parts, outcomes, strict=True)
    )


@dataclass(frozen=True)
class _Decision:
    """Decision of Holm's procedure on one p-value, and the level that the p-value was compared with."""

    rejected: bool
    level: float


def _holm(p_values: Mapping[int, float], level: float) -> dict[int, _Decision]:
    rejected, levels = statistics.holm(list(p_values.values()), level)
    return {i: _Decision(bool(r), float(a)) for i, r, a in zip(p_values, rejected, levels, strict=True)}


@dataclass(frozen=True)
class _TrialsClaim:
    """An inequality after its comparison seed by seed.

    Attributes:
        outcome: the outcome that is decided.
        evidence: its evidence.
        trials: number of seeds that were compared, and so can support the claim.
        violations: number of seeds with a violated entry; they count for refutation.
        possible: number of seeds that may violate the inequality; they count against support. It exceeds `violations`
            where the observed side is only an upper bound, or both sides are infinite.
        worst: the entry with the least margin, as fields of the Finding.
    """

    outcome: Outcome
    evidence: Trials
    trials: int
    violations: int
    possible: int
    worst: Mapping[str, Any]

    @property
    def claimed(self) -> float:
        return UNIVERSAL_FAILURE if self.universal else self.evidence.failure

    @property
    def universal(self) -> bool:
        return self.evidence.claim is Claim.EVERY_RUN

    @property
    def excess(self) -> float | None:
        """p-value against the claim; None for a claim about every run.

        All seeds count as trials here, but only the compared seeds in `support`. A seed without a comparison neither
        violates the claim nor supports it, so both tests are conservative.
        """
        if self.universal:
            return None
        return float(statistics.excess_p_value(self.violations, len(self.evidence.seeds), self.claimed))

    @property
    def support(self) -> float:
        return float(statistics.support_p_value(self.possible, self.trials, self.claimed))

    def finding(self, refuted: _Decision | None, supported: _Decision) -> Finding:
        x, n, everyone = self.violations, self.trials, len(self.evidence.seeds)
        facts = {name: value for name, value in self.worst.items() if name != "sides"} | {"violations": x}
        if self.universal and x:
            reason = f"{_witness_text(self.worst)}; {x} of {everyone} seeds violate what is claimed of every run"
            return self._refute(reason, **facts, trials=everyone)
        if refuted is not None and refuted.rejected:
            limit = float(statistics.binomial_lower(x, everyone, refuted.level))
            reason = (
                f"{_witness_text(self.worst)}; {x} of {everyone} seeds violate it; failure probability at "
                f"least {limit:.3g} (confidence 1 - {refuted.level:.2g}), claimed {self.claimed:.3g}"
            )
            return self._refute(reason, **facts, trials=everyone, limit=limit, level=refuted.level)
        limit = float(statistics.binomial_upper(self.possible, n, supported.level))
        facts.update(trials=n, limit=limit, level=supported.level)
        seen = f"{x or 'no'} violation{'s' if x > 1 else ''} in {n} seeds"
        if self.possible > x:
            seen += f", {self.possible} that may be one, by an upper bound or with both sides infinite"
        if n < everyone:
            seen += f" ({everyone - n} more had nothing to compare)"
        claim = f"claimed {self.claimed:.3g}"
        if self.universal:
            claim = f"claimed of every run, of which sampling can only support at most {self.claimed:.3g}"
        reason = f"{seen}; failure probability at most {limit:.3g} (confidence 1 - {supported.level:.2g}), {claim}"
        if supported.rejected:
            return self._make(Verdict.SUPPORTED, reason, **facts)
        needed = statistics.trials_to_decide(self.possible, n, self.claimed, supported.level)
        decision = "support"
        if needed is None and refuted is not None:
            needed = statistics.trials_to_refute(x, everyone, self.claimed, refuted.level)
            decision = "refute"
        if needed is None:
            reason += "; no affordable number of seeds decides at this frequency"
        else:
            reason += f"; {needed} seeds would {decision} it at this frequency"
        return self._make(Verdict.INCONCLUSIVE, reason, **facts, seeds_needed=needed)

    def _refute(self, reason: str, **facts: Any) -> Finding:
        if self.evidence.inequality.proved:
            return self._make(Verdict.ERROR, f"contradicts a proof: {reason}", **facts)
        return self._make(Verdict.REFUTED, reason, **facts)

    def _make(self, verdict: Verdict, reason: str, **facts: Any) -> Finding:
        noted = _noted(reason, self.evidence.note)
        return Finding(self.outcome.lemma, self.outcome.run, verdict, noted, **facts, proved=_known(self.evidence))


def _short(value: object) -> object:
    """Return a float of a witness as a text of six digits, anything else as it is."""
    return f"{value:.6g}" if isinstance(value, float) else value


@dataclass(frozen=True)
class _LawClaim:
    """A law with its interval at `share`, the level of the study divided by the number of tested claims."""

    outcome: Outcome
    evidence: Law
    low: float
    high: float
    share: float

    @classmethod
    def of(cls, outcome: Outcome, law: Law, share: float) -> "_LawClaim":
        return cls(outcome, law, *interval_of(law, share), share)

    @property
    def excess(self) -> float:
        return float(self.evidence.p_value) if self.evidence.trials else 1.0

    @property
    def support(self) -> float:
        """p-value against "the law is false": `share` if the interval lies within the resolution, else 1."""
        return self.share if max(-self.low, self.high) <= self.evidence.resolution else 1.0

    def finding(self, refuted: _Decision | None, supported: _Decision) -> Finding:
        law, outcome = self.evidence, self.outcome
        assert refuted is not None  # a law always has a p-value
        half_width = (self.high - self.low) / 2
        where = ", ".join(f"{axis} {_short(label)}" for axis, label in law.witness.items())
        numbers = (
            f"worst deviation {law.deviation:.3g}{f' at {where}' if where else ''} over {law.trials} draws; "
            f"interval [{self.low:.3g}, {self.high:.3g}] (confidence 1 - {self.share:.2g})"
        )
        level = supported.level
        if refuted.rejected:
            verdict, level = Verdict.REFUTED, refuted.level
            reason = f"p-value {self.excess:.2g} against the law, at level {level:.2g}; {numbers}"
        elif supported.rejected:
            verdict, reason = Verdict.SUPPORTED, f"{numbers} within the resolution {law.resolution:.3g}"
        else:
            verdict, reason = (
                Verdict.INCONCLUSIVE,
                f"{numbers} not within the resolution {law.resolution:.3g}",
            )
            room = law.resolution - abs(self.high + self.low) / 2
            if math.isfinite(half_width) and room > 0:  # half widths fall as 1 / sqrt(draws)
                needed = max(law.trials + 1, math.ceil(law.trials * (half_width / room) ** 2))
                reason += f"; about {needed} draws would decide"
        margin = (law.resolution - abs(law.deviation)) / law.resolution if law.resolution > 0 else None
        return Finding(
            outcome.lemma, outcome.run, verdict, _noted(reason, law.note),
            observed=float(law.deviation), bound=float(law.resolution), margin=margin, trials=law.trials,
            limit=half_width, level=level, witness={**law.witness, "interval": [self.low, self.high]},
            worst_seed=law.witness.get("seed"),
        )  # fmt: skip


def _attempt(outcome: Outcome, step: Callable[[], Any]) -> Any:
    """Call a function and return its result; if it raises, return an ERROR, so that a broken check spoils no other."""
    try:
        return step()
    except Exception as error:
        return Finding(outcome.lemma, outcome.run, Verdict.ERROR, describe(error, outcome.home))


def _screen(outcome: Outcome) -> Finding | _TrialsClaim | Law:
    """Return the finding of an outcome that needs no test, else the claim to be tested."""
    if isinstance(outcome.evidence, Exception):
        return Finding(outcome.lemma, outcome.run, Verdict.ERROR, describe(outcome.evidence, outcome.home))
    evidence = validated(outcome.evidence)
    if isinstance(evidence, NotApplicable):
        return Finding(outcome.lemma, outcome.run, Verdict.VACUOUS, evidence.reason)
    if isinstance(evidence, Proof):
        return _proof_finding(outcome, evidence)
    if isinstance(evidence, Trials):
        return _screen_trials(outcome, evidence)
    return evidence


def _proof_finding(outcome: Outcome, proof: Proof) -> Finding:
    decided = None if proof.decided is None else bool(proof.decided)
    verdict = {True: Verdict.CERTIFIED, False: Verdict.REFUTED, None: Verdict.INCONCLUSIVE}[decided]
    reason = proof.reason
    if decided is False and proof.witness:
        reason += "; witness: " + ", ".join(f"{axis} {label}" for axis, label in proof.witness.items())
    if decided is None:
        reason += "; needs more precision"
    # the sign of the margin follows the decision, since a proof may claim observed >= bound as well
    observed, bound = (np.array([float(side)]) for side in (proof.observed, proof.bound))
    size = abs(float(Inequality(observed, bound).relative_margin()[0]))
    margin = None if decided is None or not math.isfinite(size) else size if decided else -size
    return Finding(
        outcome.lemma, outcome.run, verdict, reason,
        observed=float(proof.observed), bound=float(proof.bound), margin=margin, witness=dict(proof.witness),
        evidence=dict(proof.evidence),
    )  # fmt: skip


def _screen_trials(outcome: Outcome, evidence: Trials) -> Finding | _TrialsClaim:
    inequality, seeds = evidence.inequality, evidence.seeds
    observed = np.asarray(inequality.observed)

    def vacuous(reason: str) -> Finding:
        noted = _noted(reason, evidence.note)
        return Finding(outcome.lemma, outcome.run, Verdict.VACUOUS, noted, proved=_known(evidence))

    if evidence.failure >= 1:
        return vacuous(f"trivial: the claimed failure probability is {evidence.failure:.3g}")
    if not len(seeds):
        return _TrialsClaim(outcome, evidence, 0, 0, 0, {})
    bound = np.broadcast_to(np.asarray(inequality.bound), observed.shape)
    compared = np.broadcast_to(True if inequality.where is None else inequality.where, observed.shape)
    partial = np.zeros(len(seeds), bool) if evidence.partial is None else np.asarray(evidence.partial)
    if not observed.size:
        empty = [axis for axis, size in zip(inequality.axes, observed.shape, strict=True) if not size]
        return vacuous(
            f"nothing to compare: the axis {empty[0]} has no position; a lemma that reads near_boundary or "
            "overlap_range names the radii, in Lemma(radii=...) or Lemma(overlap_radii=...)"
        )
    if not compared.any():
        return vacuous("nothing to compare: no entry meets the hypotheses" if not partial.any() else "nothing is left")
    if np.all(np.isposinf(bound[compared])):
        return vacuous("the bound is infinite everywhere")
    # two equal infinities count neither for the claim nor against it
    both_infinite = compared & np.isinf(bound) & (observed == bound)
    violated = compared & ~at_most(observed, bound)
    possible = violated | both_infinite
    if evidence.attained is not None:
        attained = np.broadcast_to(np.asarray(evidence.attained), observed.shape)
        violated = compared & ~np.isnan(attained) & ~at_most(attained, bound)
        if violated.any():  # show the worst of the attained values, which refute
            observed = np.where(violated, attained, -np.inf)
            inequality = replace(inequality, observed=observed)
    # the margin below an infinite bound is infinite; (inf - observed) / inf would be NaN
    margin = np.where(compared & np.isposinf(bound), np.inf, inequality.relative_margin())
    index = np.unravel_index(np.argmin(margin), margin.shape)
    names = zip(inequality.axes[1:], index[1:], strict=True)
    labels = {axis: inequality.labels[axis][i] if axis in inequality.labels else int(i) for axis, i in names}
    worst = {
        "observed": float(observed[index]),
        "bound": float(bound[index]),
        "margin": float(margin[index]),
        "worst_seed": int(seeds[index[0]]),
        "witness": {"seed": int(seeds[index[0]]), **labels},
        "sides": (observed[index], bound[index]),
    }
    rows = tuple(range(1, observed.ndim))
    tightest = np.sort(margin.min(rows)[compared.any(rows)])  # the lower median: the mean of two infinities may be NaN
    worst["median_margin"] = float(tightest[(len(tightest) - 1) // 2])
    worst["margins"] = tuple(float(tightest[int(level * (len(tightest) - 1))]) for level in SEED_LEVELS)
    # an infinite bound supports nothing
    compared_seeds = ((compared & ~np.isposinf(bound)).any(rows) & ~partial) | possible.any(rows)
    if partial.any() and not compared_seeds.any():
        return vacuous("nothing is compared to the end")
    violations, possible_violations = (int(entries.any(rows).sum()) for entries in (violated, possible))
    return _TrialsClaim(outcome, evidence, int(compared_seeds.sum()), violations, possible_violations, worst)


def _witness_text(worst: Mapping[str, Any]) -> str:
    where = ", ".join(f"{axis} {label}" for axis, label in worst["witness"].items())
    observed, bound = worst["observed"], worst["bound"]
    digits = next((d for d in (4, 8, 12, 17) if f"{observed:.{d}g}" != f"{bound:.{d}g}"), 0)
    if not digits:  # float64 cannot tell them apart
        return f"{where}: observed {worst['sides'][0]!s} > bound {worst['sides'][1]!s}"
    return f"{where}: observed {observed:.{digits}g} > bound {bound:.{digits}g}"


def _known(evidence: Trials) -> bool | None:
    proved = evidence.inequality.proved
    return None if proved is None else bool(proved)


def _noted(reason: str, note: str) -> str:
    return f"{reason}. {note}" if note else reason
