"""The claims of a catalogue, and simulated studies of them with what is true and what is decided."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from level.laws import LawDraws
from proofs_check import statistics
from proofs_check.judging.verdict import UNIVERSAL_FAILURE
from proofs_check.lemma import Claim, Evidence, Inequality, Law, Lemma, NotApplicable, Run, Trials

Rule = Callable[[np.ndarray, float], np.ndarray]
"""(studies, claims) p-values and a level to what is rejected."""


@dataclass(frozen=True)
class Family:
    """The claims of a catalogue on one run.

    Attributes:
        probable: names of the claims that fail with a stated probability.
        failures: (k,) those probabilities, in (0, 1).
        universal: names of the claims about every run.
        laws: names of the laws.
    """

    probable: tuple[str, ...]
    failures: np.ndarray
    universal: tuple[str, ...]
    laws: tuple[str, ...]


def family(run: Run, lemmas: Sequence[Lemma]) -> Family:
    """Collect the claims of the lemmas about single runs, those that this run is too small for included.

    What does not apply, or is trivial, counts with the failure probability `run.delta`; a lemma about every run with 0.
    """
    from proofs_check.judging.ask import applies, examine  # it brings JAX

    probable: dict[str, float] = {}
    universal: list[str] = []
    laws: list[str] = []
    for lemma in lemmas:
        if lemma.scope != "run" or not applies(lemma, run):
            continue
        for outcome in examine(lemma.id, lemma.check, run, run.name, lemma.kind, method=lemma.method):
            evidence = outcome.evidence
            if isinstance(evidence, Exception):
                raise evidence
            if isinstance(evidence, Law):
                laws.append(outcome.lemma)
                continue
            claim = evidence.claim if isinstance(evidence, Trials) else lemma.kind
            if claim is Claim.PROBABILITY and isinstance(evidence, Trials | NotApplicable):
                failure = evidence.failure if isinstance(evidence, Trials) else run.delta
                probable[outcome.lemma] = failure if failure < 1 else run.delta
            elif claim is Claim.EVERY_RUN and isinstance(evidence, Trials | NotApplicable):
                universal.append(outcome.lemma)
    return Family(tuple(probable), np.array(list(probable.values())), tuple(universal), tuple(laws))


@dataclass(frozen=True)
class Scenario:
    """Truth of the claims in the simulated studies, and the verdict that is then wrong.

    Attributes:
        wrong: "REFUTED": every claim is just true; "SUPPORTED": every claim is just false.
        dependence: of the claims within a seed: independent; shared: one uniform draw violates all of them together;
            disjoint: the same draw violates as few together as can be.
        mixed: every second probabilistic claim is decided beyond doubt the other way, so that Holm's procedure
            compares the rest at higher levels.
    """

    wrong: Literal["REFUTED", "SUPPORTED"]
    dependence: Literal["independent", "shared", "disjoint"] = "independent"
    mixed: bool = False

    @property
    def name(self) -> str:
        """Name of the scenario in a few words."""
        return f"{self.dependence}, half decided" if self.mixed else self.dependence


SCENARIOS = (
    Scenario("REFUTED"),
    Scenario("REFUTED", mixed=True),
    Scenario("REFUTED", "shared"),
    Scenario("REFUTED", "disjoint"),
    Scenario("SUPPORTED"),
    Scenario("SUPPORTED", mixed=True),
    Scenario("SUPPORTED", "shared"),
    Scenario("SUPPORTED", "disjoint"),
)


@dataclass(frozen=True)
class Sample:
    """Simulated studies of one scenario.

    Attributes:
        claims: the family.
        scenario: what is true.
        seeds: trials behind each violation count.
        violations: (studies, k + u) of the probabilistic claims, then of those about every run.
        laws: the draws of the laws.
        against: (studies, k + laws) p-values of "the claim holds".
        support: (studies, k + u + laws) p-values of "the claim fails"; for a law the level it is supported from.
    """

    claims: Family
    scenario: Scenario
    seeds: int
    violations: np.ndarray
    laws: tuple[LawDraws, ...]
    against: np.ndarray
    support: np.ndarray

    def verdicts(self, level: float, rule: Rule | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Decide what is refuted and supported, (studies, k + u + laws) each, by the rules of ``verdict.decide``."""
        rule = rule or (lambda p, a: statistics.holm(p, a)[0])
        k, both, laws = len(self.claims.probable), self.violations.shape[1], len(self.laws)
        rejected = rule(self.against, level)
        refuted = np.concatenate([rejected[:, :k], self.violations[:, k:] > 0, rejected[:, k:]], axis=1)
        p_values = self.support.copy()
        share = level / max(1, both + laws)
        p_values[:, both:] = np.where(p_values[:, both:] <= share, share, 1.0)
        return refuted, rule(p_values, level) & ~refuted

    def errors(self, level: float, rule: Rule | None = None) -> int:
        """Count the studies with at least one wrong verdict."""
        refuted, supported = self.verdicts(level, rule)
        k, both = len(self.claims.probable), self.violations.shape[1]
        counts = np.ones(refuted.shape[1], bool)
        if self.scenario.mixed:
            counts[1:k:2] = False
        if self.scenario.wrong == "REFUTED":
            counts[k:both] = False  # never violated
        wrong = refuted if self.scenario.wrong == "REFUTED" else supported
        return int(wrong[:, counts].any(axis=1).sum())

    def evidence(self, study: int) -> Iterator[Evidence]:
        """Yield one study as the checks would have returned it, in the order of the columns of `verdicts`."""
        failures = [*self.claims.failures, *[0.0] * len(self.claims.universal)]
        for count, failure in zip(self.violations[study], failures, strict=True):
            violated = (np.arange(self.seeds) < count).astype(float)
            yield Trials(Inequality(violated, np.array(0.5)), float(failure), tuple(range(self.seeds)))
        for draws, p in zip(self.laws, self.against[study, len(self.claims.probable) :], strict=True):
            yield draws.law(study, float(p))


def sample(
    claims: Family, laws: tuple[LawDraws, ...], scenario: Scenario, seeds: int, studies: int, rng: np.random.Generator
) -> Sample:
    """Draw the violations of all claims in all studies and compute their p-values.

    Args:
        claims: the family, from `family`.
        laws: from `draw_laws`, with as many studies; may be empty, for a family without its laws.
        scenario: what is true.
        seeds: number of seeds in a study.
        studies: number of studies.
        rng: the source of all randomness.
    """
    k, u = len(claims.probable), len(claims.universal)
    true = scenario.wrong == "REFUTED"
    probability = np.concatenate([claims.failures, np.full(u, 0.0 if true else UNIVERSAL_FAILURE)])
    if not true:
        probability = np.minimum(1.0, probability * (1 + 1e-9))
    violations = _violations(probability, scenario.dependence, seeds, studies, rng)
    if scenario.mixed:
        violations[:, 1:k:2] = seeds if true else 0
    laws = laws if true else tuple(law.shifted for law in laws)
    against = [statistics.excess_p_value(violations[:, :k], seeds, claims.failures)]
    claimed = np.concatenate([claims.failures, np.full(u, UNIVERSAL_FAILURE)])
    support = [statistics.support_p_value(violations, seeds, claimed)]
    against += [law.p_values[:, None] for law in laws]
    support += [law.support[:, None] for law in laws]
    return Sample(
        claims, scenario, seeds, violations, laws, np.concatenate(against, axis=1), np.concatenate(support, axis=1)
    )


def _violations(
    probability: np.ndarray, dependence: str, seeds: int, studies: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw violation counts, (studies, claims); a claim is violated where its seed's draw falls into its interval."""
    if dependence == "independent":
        return rng.binomial(seeds, probability, (studies, probability.size))
    ends = np.cumsum(probability)
    starts = np.zeros_like(ends) if dependence == "shared" else (ends - probability) % 1.0
    counts = np.empty((studies, probability.size), np.int64)
    block = max(1, 2_000_000 // max(1, seeds))
    for begin in range(0, studies, block):
        uniform = rng.random((min(block, studies - begin), seeds))
        cached: dict[tuple[float, float], np.ndarray] = {}
        for j, (start, p) in enumerate(zip(starts.tolist(), probability.tolist(), strict=True)):
            if (start, p) not in cached:
                at = uniform - start
                at += at < 0
                cached[start, p] = np.count_nonzero(at < p, axis=1)
            counts[begin : begin + len(uniform), j] = cached[start, p]
    return counts
