"""Search for the least width from which on a claim is supported by runs, all its looks at one error level."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nag_ntk import InputError
from nag_ntk.network import multiplicity
from nag_ntk.theorem import THEOREMS
from proofs_check.judging.ask import applies_to, outcomes_of
from proofs_check.judging.finding import Finding, Verdict, plain
from proofs_check.judging.verdict import UNIVERSAL_FAILURE, decide
from proofs_check.lemma import Lemma
from proofs_check.running.prepare import CannotRun, prepare
from proofs_check.running.runner import execute, select_lemmas
from proofs_check.statistics import least_trials, look_level
from proofs_check.study.load import RunSpec, Study

HOLDS = (Verdict.SUPPORTED, Verdict.CERTIFIED)
"""Verdicts under which a claim counts as supported at a width."""
FIRST, FACTOR, RATIO = 256, 4, 1.1
"""The first width; the factor between widths while the search goes up or down; at most so far apart two widths end."""
MOST_WIDTH = 131_072
"""Largest width that is looked at, unless the caller says otherwise."""
DOUBLINGS = 2
"""So often the seeds of the first look may be doubled, unless the caller gives a largest number."""


class Look(NamedTuple):
    """Check of a claim at one width.

    Attributes:
        width: m.
        seeds: networks that were drawn.
        level: error level of this look.
        verdict: the worst verdict of the claim's parts.
        violations: seeds that violate the claim; None without a comparison. Of several parts the most.
        limit: confidence limit on the failure probability, the lower one where REFUTED; None if nothing was decided.
        reason: of the verdict.
    """

    width: int
    seeds: int
    level: float
    verdict: str
    violations: int | None
    limit: float | None
    reason: str


@dataclass(frozen=True)
class LeastWidth:
    """Least width, of those that were looked at, from which on a claim is supported.

    Attributes:
        claim: id of the lemma, or of one of its parts.
        width: the width; None if the claim was not supported at the widest.
        below: the next smaller width that was looked at, where it was not supported; None if there is none.
        delta: failure probability for which the claim is stated.
        level: error level of all looks together.
        looks: all looks, in their order.
        stopped: why no wider network was looked at, "" where one was supported.
    """

    claim: str
    width: int | None
    below: int | None
    delta: float
    level: float
    looks: tuple[Look, ...]
    stopped: str = ""

    def __str__(self) -> str:
        """Say it in a sentence.

        Example:
            >>> str(LeastWidth("distance", 64, 58, 0.1, 0.05, ()))
            'distance: supported from width 64 on (not at 58)'
        """
        if self.width is None:
            return f"{self.claim}: not supported at any width; {self.stopped}"
        not_at = f"not at {self.below:,}" if self.below else "no smaller one was looked at"
        return f"{self.claim}: supported from width {self.width:,} on ({not_at})"

    def to_row(self) -> dict[str, Any]:
        """Return the fields as values that JSON can hold."""
        return plain({**vars(self), "looks": [look._asdict() for look in self.looks]})


def default_claims(study: Study, lemmas: Sequence[Lemma]) -> tuple[str, ...]:
    """Return the convergence claims of the study's methods, the sharp form of those that have two.

    Example:
        >>> from proofs_check.lemmas import CATALOGUE
        >>> from proofs_check.study.load import load_study
        >>> default_claims(load_study("quick"), CATALOGUE)
        ('gd-contraction', 'heavy-ball-contraction/sharp', 'nesterov-contraction/sharp')
    """
    methods = {method.name for run in study.runs if run.steps for method in run.methods}
    asked = [lemma for lemma in lemmas if lemma.group == "convergence" and lemma.method in methods]
    whole = [name for name, theorem in THEOREMS.items() if "" in theorem.forms]
    return tuple(lemma.id if lemma.method in whole else f"{lemma.id}/sharp" for lemma in asked)


@np.errstate(over="ignore", invalid="ignore")  # runs that diverge overflow; their verdicts say so
def least_width(
    study: Study, claim: str, *, run: str | None = None, delta: float | None = None, level: float | None = None,
    most: int = MOST_WIDTH, max_seeds: int | None = None, ratio: float = RATIO, lemmas: Sequence[Lemma] | None = None,
    progress: Callable[[Look], None] | None = None,
) -> LeastWidth:  # fmt: skip
    """Find the least width at which a claim is SUPPORTED for failure probability delta, by a search over widths.

    The search looks at width FIRST, then goes up or down by FACTOR until the claim is supported at one width and not
    at the other, then halves the gap in log m until the two differ by at most `ratio`. A look draws as many seeds as
    support the claim if none violates it; while it is INCONCLUSIVE, the next look has twice as many, up to
    `max_seeds`. Then the claim counts as not supported at this width, as it does where it is REFUTED or VACUOUS.

    Look j = 1, 2, ... is decided at level / (j (j + 1)), so with probability at least 1 - level all supported claims
    of the search are true and all refuted ones false, whatever widths it visited. That the claim holds at wider
    networks than those that were looked at is assumed, and not proved below the theorem's width.

    Args:
        study: its data, methods, steps and engine are used, its widths and seeds are not.
        claim: id of a lemma, all of whose parts must be supported, or of one part, such as nesterov-contraction/sharp.
        run: name of the run that is varied; None for the first to which the lemma applies.
        delta: failure probability; the study's if None.
        level: error level of all looks together; the study's if None.
        most: largest width m.
        max_seeds: largest number of seeds of a look; None for 2^DOUBLINGS times those that the first look needs.
        ratio: the search ends when the width is known up to this factor.
        lemmas: to choose from; None as for `runner.verify`.
        progress: called after each look.

    Raises:
        InputError: for an unknown claim, one that no run of the study could be asked, or numbers out of range.

    Cost: some 10 looks, each a run of `least_trials` seeds, 66 to 130 for the default levels, and its compilation.

    Source: Bonferroni over looks (alpha spending); see statistics.look_level.
    """
    if not ratio > 1:
        raise InputError(f"ratio must be above 1, got {ratio}")
    changed = {"delta": delta, "level": level}
    study = study.model_copy(update={name: value for name, value in changed.items() if value is not None})
    lemma, spec = varied_run(study, claim, lemmas, run)
    study = study.narrowed([lemma.id])
    if lemma.method is not None:  # the others need not be trained
        own = tuple(method for method in spec.methods if method.name == lemma.method)
        spec = spec.model_copy(update={"methods": own[:1]})
    search = _Search(study, lemma, claim, spec, max_seeds, progress)
    unit = multiplicity(spec.init)
    low, high = 0, 0
    width = min(FIRST, most // unit * unit)
    if width < unit:
        raise InputError(f"most must be at least {unit}, got {most}")
    while search.holds(width):
        high, width = width, width // FACTOR // unit * unit
        if width < unit:
            break
    else:
        low = width
        while not high and not search.stopped:
            if width == most // unit * unit:
                search.stopped = f"{width:,} was the widest to be looked at"
                break
            width = min(FACTOR * width, most // unit * unit)
            if search.holds(width):
                high = width
            elif not search.stopped:
                low = width
    while high and high - low > unit and high > ratio * max(low, 0.5):
        middle = max(round((max(low, 1) * high) ** 0.5) // unit * unit, low + unit)
        if middle >= high:
            break
        low, high = (low, middle) if search.holds(middle) else (middle, high)
    return LeastWidth(claim, high or None, low or None, study.delta, study.level, tuple(search.looks), search.stopped)


def varied_run(
    study: Study, claim: str, lemmas: Sequence[Lemma] | None = None, run: str | None = None
) -> tuple[Lemma, RunSpec]:  # fmt: skip
    """Return the lemma of a claim, and the run of a study whose width `least_width` varies.

    Args:
        study: as for `least_width`.
        claim: as for `least_width`.
        lemmas: as for `least_width`.
        run: as for `least_width`.

    Raises:
        InputError: as `least_width`.
    """
    (lemma,) = select_lemmas(study.narrowed([claim.partition("/")[0]]), lemmas)
    if lemma.scope != "run":
        raise InputError(f"{lemma.id} is not a claim about runs of one width, so no least width is looked for")
    named = [spec for spec in study.runs if run is None or spec.name == run]
    if not named:
        raise InputError(f"the study has no run {run}; it has {', '.join(spec.name for spec in study.runs)}")
    fitting = [spec for spec in named if applies_to(lemma, [method.name for method in spec.methods], spec.steps)]
    if not fitting:
        needed = [f"the method {lemma.method}"] if lemma.method else []
        needed += ["training steps"] if lemma.trains else []
        raise InputError(f"{lemma.id} needs a run with {' and '.join(needed)}; none is here")
    return lemma, fitting[0]


class _Search:
    """Looks at one claim, each with its share of the level."""

    def __init__(
        self, study: Study, lemma: Lemma, claim: str, spec: RunSpec, max_seeds: int | None,
        progress: Callable[[Look], None] | None,
    ):  # fmt: skip
        self.study, self.lemma, self.claim, self.spec = study, lemma, claim, spec
        self.progress = progress
        self.looks: list[Look] = []
        least, _ = self._least()
        if max_seeds is not None and max_seeds < least:
            raise InputError(
                f"max_seeds must be at least {least}: fewer seeds cannot support the claim, got {max_seeds}"
            )
        self.max_seeds = 2**DOUBLINGS * least if max_seeds is None else max_seeds
        self.stopped = ""

    def _least(self) -> tuple[int, float]:
        """Return how many seeds support the claim in the next look if none violates it, and the level of this look."""
        share = float(look_level(self.study.level, len(self.looks) + 1))
        least = least_trials(min(self.study.delta, UNIVERSAL_FAILURE), share)
        if least is None:
            raise InputError(f"delta is too small to be supported by runs, got {self.study.delta}")
        return least, share

    def holds(self, width: int) -> bool:
        """Look at a width until its verdict is not INCONCLUSIVE, or the seeds are used up; True if it is supported."""
        seeds = 0
        while True:
            least, share = self._least()
            seeds = min(max(least, 2 * seeds), self.max_seeds)
            found = self._findings(width, seeds, share)
            if found is None:
                return False
            look = _look(found, width, seeds, share)
            self.looks.append(look)
            if self.progress is not None:
                self.progress(look)
            if look.verdict == Verdict.ERROR and not any(finding.violations for finding in found):
                raise InputError(f"{self.claim} at width {width:,}: {look.reason}")
            if look.verdict != Verdict.INCONCLUSIVE or seeds >= self.max_seeds:
                return look.verdict in HOLDS

    def _findings(self, width: int, seeds: int, level: float) -> list[Finding] | None:
        """Train the networks and decide the claim; None if this does not fit into memory."""
        spec = self.spec.model_copy(update={"width": width, "seeds": seeds})
        study = self.study.model_copy(update={"runs": (spec,)})
        try:
            setup = prepare(study, [self.lemma])[spec.name]
        except CannotRun as error:
            if not self.looks:
                raise
            self.stopped = f"width {width:,} cannot run: {error}"
            return None
        run = execute(spec, setup, study.delta, memory_limit_gib=study.memory_limit_gib)
        outcomes = outcomes_of(self.lemma, run, spec.name, study.check_seconds)
        named = [one for one in outcomes if self.claim in (one.lemma, self.lemma.id)]
        if not named:
            parts = ", ".join(one.lemma for one in outcomes)
            raise InputError(f"{self.claim} is no part of {self.lemma.id}; its parts here: {parts}")
        return list(decide(named, level))


_ORDER = (
    Verdict.ERROR, Verdict.REFUTED, Verdict.INCONCLUSIVE, Verdict.VACUOUS, Verdict.SUPPORTED, Verdict.CERTIFIED,
)  # fmt: skip
"""Verdicts, the worst first."""


def _look(found: Sequence[Finding], width: int, seeds: int, level: float) -> Look:
    worst = min(found, key=lambda finding: (_ORDER.index(finding.verdict), -(finding.violations or 0)))
    counted = [finding.violations for finding in found if finding.violations is not None]
    return Look(
        width, seeds, level, str(worst.verdict), max(counted, default=None), worst.limit, worst.reason
    )  # fmt: skip
