"""Call the checks of lemmas on runs, and turn their return values and errors into outcomes."""

import time
from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

from proofs_check.judging.agreement import seed_differences
from proofs_check.judging.returned import evidence_from
from proofs_check.judging.verdict import Outcome
from proofs_check.lemma import Check, Claim, Evidence, Law, Lemma, NotApplicable, Run, Trials
from proofs_check.lemma.selection import select
from proofs_check.plugins import Apart
from proofs_check.plugins.answers import flattened, rebuilt
from proofs_check.plugins.guard import attempt, defined_at, guarded
from proofs_check.plugins.own import is_own


def applies(lemma: Lemma, run: Run) -> bool:
    """Return True if a lemma applies to a run: it has the lemma's method, and steps if the lemma needs training.

    A run without any method of the family is asked as well, and the answer says why the lemma is silent about it.
    """
    names = [method.name for method in run.methods]
    if lemma.method is not None and not any(method.in_family for method in run.methods):
        names.append(lemma.method)
    return applies_to(lemma, names, run.trajectory.steps)


def applies_to(lemma: Lemma, methods: Sequence[str], steps: int) -> bool:
    """Return True if a lemma applies to a run with these methods and this number of steps.

    Args:
        lemma: a lemma about one method or about all.
        methods: names of the methods of the run.
        steps: T, the number of training steps; a lemma about training needs at least one.

    Example:
        >>> from proofs_check.lemmas import CATALOGUE
        >>> of_nesterov = next(lemma for lemma in CATALOGUE if lemma.method == "nesterov" and lemma.trains)
        >>> applies_to(of_nesterov, ["nesterov"], 5), applies_to(of_nesterov, ["nesterov"], 0)
        (True, False)
    """
    return (lemma.method is None or lemma.method in methods) and (steps > 0 or not lemma.trains)


def outcomes_of(lemma: Lemma, subject: Run | tuple[Run, ...], where: str, seconds: float) -> list[Outcome]:
    """Check a lemma on one run or on all runs; return an outcome per part.

    If a run could not record what the lemma needs, the only outcome holds the reason.

    Args:
        lemma: the lemma.
        subject: the run or runs to check it on.
        where: the run's name in the outcomes.
        seconds: time limit for the check of a user's own lemma.
    """
    runs: Sequence[Run] = subject if isinstance(subject, tuple) else (subject,)
    for run in runs:
        if lemma.id in run.unrecorded:
            return [Outcome(lemma.id, where, run.unrecorded[lemma.id], home=defined_at(lemma.check))]
    told = spoken_of(lemma, subject)
    if isinstance(told, NotApplicable):
        return [Outcome(lemma.id, where, told, home=defined_at(lemma.check))]
    own = is_own(lemma)
    outcomes = examine(lemma.id, lemma.check, told, where, lemma.kind, seconds if own else None, lemma.method)
    if own:
        outcomes = _refuse_dependent_seeds(outcomes, lemma, told, seconds)
    given = any(run.trajectory.init == "given" for run in runs)
    return [replace(each, evidence=_of_given_networks(each.evidence)) if given else each for each in outcomes]


def spoken_of(lemma: Lemma, subject: Run | tuple[Run, ...]) -> Run | tuple[Run, ...] | NotApplicable:
    """Return the part of a run, or of runs, that a lemma speaks of, or the reason why it speaks of nothing in them.

    A lemma that needs the family of methods is shown the methods of the family alone. Claims about the draw of the
    networks are not made of networks that are given.
    """
    runs: Sequence[Run] = subject if isinstance(subject, tuple) else (subject,)
    if lemma.scope == "once" and lemma.method is None:
        return subject
    others = ", ".join(dict.fromkeys(m.name for run in runs for m in run.methods if not m.in_family))
    shown = runs
    if others and lemma.needs_family:
        parts = [(run, [k for k, method in enumerate(run.methods) if method.in_family]) for run in runs]
        shown = tuple(select(run, methods=positions) for run, positions in parts if positions)
    if others and lemma.method is not None and all(run.index(lemma.method) is None for run in shown):
        return NotApplicable(f"about {lemma.method}, not about {others}")
    if not shown:
        return NotApplicable(f"about methods with numbers eta, beta and gamma, not about {others}")
    if any(run.trajectory.init == "given" for run in runs) and lemma.kind in _OF_THE_DRAW:
        return NotApplicable(_GIVEN)
    return tuple(shown) if isinstance(subject, tuple) else shown[0]


_OF_THE_DRAW = (Claim.PROBABILITY, Claim.EXACT_LAW)
_GIVEN = (
    "claimed with a probability over the draw of the networks, and these networks are given; say "
    'from_weights(init="independent") if they were drawn as the theory draws them'
)


def _of_given_networks(evidence: Evidence | Exception) -> Evidence | Exception:
    """Replace evidence about the draw of networks, which says nothing of given ones."""
    of_the_draw = isinstance(evidence, Law) or (isinstance(evidence, Trials) and evidence.claim is Claim.PROBABILITY)
    return NotApplicable(_GIVEN) if of_the_draw else evidence


def _refuse_dependent_seeds(
    outcomes: list[Outcome], lemma: Lemma, subject: Run | tuple[Run, ...], seconds: float
) -> list[Outcome]:  # fmt: skip
    """Replace outcomes by errors if the evidence about a seed depends on the other seeds.

    Verdicts count seeds as independent trials. The check is called again with a few of the seeds, so that this costs
    little; the first and the last seed are left out, since a check may compare all others with them. If the check
    fails on few seeds, its outcomes stay as they are.
    """
    runs = subject if isinstance(subject, tuple) else (subject,)
    count = len(runs[0].trajectory.seeds)
    if all(not isinstance(outcome.evidence, Trials) for outcome in outcomes) or count < 2:
        return outcomes
    few = range(1, max(2, count - 1), max(2, count // 4))
    smaller = tuple(select(run, few) for run in runs)
    part = smaller if isinstance(subject, tuple) else smaller[0]
    again = examine(lemma.id, lemma.check, part, "", lemma.kind, seconds, lemma.method)
    evidence = {outcome.lemma: outcome.evidence for outcome in again}
    return [
        replace(outcome, evidence=_unless_different(outcome.evidence, evidence.get(outcome.lemma)))
        for outcome in outcomes
    ]


def _unless_different(
    whole: Evidence | Exception, part: Evidence | Exception | None
) -> Evidence | Exception:  # fmt: skip
    if not isinstance(whole, Trials) or not isinstance(part, Trials):
        return whole
    if not set(part.seeds) <= set(whole.seeds):
        return ValueError("the check names other seeds when most seeds are left out; nag-ntk check says more")
    problems = seed_differences(whole, part)
    if not problems:
        return whole
    return ValueError(f"{problems[0]}; seeds must be independent trials, and nag-ntk check says more")


def examine(
    name: str, check: Check, subject: Run | tuple[Run, ...], where: str, kind: Claim | str = Claim.EVERY_RUN,
    seconds: float | None = None, method: str | None = None,
) -> list[Outcome]:  # fmt: skip
    """Call one check on one run or on all runs; return an outcome per part. An exception becomes an outcome.

    Args:
        name: name of the lemma in the outcomes.
        check: the check of a lemma or of a control.
        subject: the run or runs to check it on.
        where: the run's name in the outcomes.
        kind: kind of the lemma, which decides what an Inequality claims.
        seconds: time limit for a user's own check; None for a check of the catalogue.
        method: the method that the lemma is about, None for all.
    """
    start = time.perf_counter()
    if isinstance(check, Apart):
        parts = check.call(subject, seconds)
    elif seconds is not None:
        parts = {part: _as_plain_values(each) for part, each in call_check(check, copy_runs(subject)).items()}
    else:
        parts = call_check(check, subject)
    evidence = {
        part: each if isinstance(each, Exception) else attempt(partial(evidence_from, each, subject, kind, method))
        for part, each in parts.items()
    }
    duration, home = time.perf_counter() - start, defined_at(check)
    return [Outcome(f"{name}/{part}" if part else name, where, each, duration, home) for part, each in evidence.items()]


def call_check(check: Check, subject: Run | tuple[Run, ...]) -> dict[str, Any]:
    """Call a check in this process; return name of each part -> its return value, or the exception."""
    value = attempt(lambda: check(subject))
    if isinstance(value, Mapping) and not value and isinstance(subject, Run):
        value = ValueError("the check returned no part at all: return NotApplicable where there is nothing to compare")
    return dict(value) if isinstance(value, Mapping) else {"": value}


def copy_runs(subject: Run | tuple[Run, ...]) -> Run | tuple[Run, ...]:
    """Copy runs with all their arrays, for a check that may write to them."""
    if isinstance(subject, tuple):
        return tuple(_copy_run(run) for run in subject)
    return _copy_run(subject)


def _copy_run(run: Run) -> Run:
    data = copy(run.data)
    vars(data).update({name: deepcopy(value) for name, value in vars(run.data).items() if name != "origin"})
    return replace(run, data=data, trajectory=deepcopy(run.trajectory))


def _as_plain_values(value: Any) -> Any:
    """Rebuild a user's evidence from plain values; only the interval of a law stays a function of the user's."""
    if isinstance(value, Exception):
        return value
    arrays: dict[str, Any] = {}
    interval = guarded(value.interval) if isinstance(value, Law) else guarded(lambda level: (level, level))
    return attempt(lambda: rebuilt(flattened(value, "", arrays), "", arrays, interval))
