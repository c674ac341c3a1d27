"""Differences between the results of two studies: verdicts, margins, findings of one alone, and the studies' keys."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from proofs_check.report.matrix import number
from proofs_check.store import StoredResult
from proofs_check.store.identity import changes

TOLERANCE = 0.01
"""Margins that differ by less than this share of the larger one count as the same."""


class Change(NamedTuple):
    """One value that differs between two results.

    Attributes:
        lemma: id of the lemma, and of its part if it has several.
        run: name of the run.
        before: verdict or margin in the first results.
        after: the same in the second.
    """

    lemma: str
    run: str
    before: Any
    after: Any


class Alone(NamedTuple):
    """A finding that only one of two results has.

    Attributes:
        lemma: id of the lemma, and of its part if it has several.
        run: name of the run.
        verdict: its verdict.
    """

    lemma: str
    run: str
    verdict: str


class Key(NamedTuple):
    """A key that differs between two studies.

    Attributes:
        key: its path, such as "runs.training.width".
        before: value in the first study; "absent" if the study lacks it.
        after: the same in the second.
    """

    key: str
    before: Any
    after: Any


class Differences(NamedTuple):
    """Changed findings and changed keys of two results.

    Attributes:
        both: number of findings that both have.
        verdicts: findings with another verdict.
        margins: findings with the same verdict and another margin.
        first: findings that only the first results have.
        second: findings that only the second results have.
        study: differing keys of the studies.
        tolerance: relative difference up to which two margins are the same.
    """

    both: int
    verdicts: tuple[Change, ...]
    margins: tuple[Change, ...]
    first: tuple[Alone, ...]
    second: tuple[Alone, ...]
    study: tuple[Key, ...]
    tolerance: float

    @property
    def found_otherwise(self) -> bool:
        """True if a verdict changed, or only one of the results has a finding; margins and studies do not count."""
        return bool(self.verdicts or self.first or self.second)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values, the parts as mappings."""
        fields = self._asdict()
        return {
            name: [part._asdict() for part in value] if isinstance(value, tuple) else value
            for name, value in fields.items()
        }


def differences(first: StoredResult, second: StoredResult, tolerance: float = TOLERANCE) -> Differences:
    """Compare two results, finding by finding: a finding is known by its lemma and its run.

    Args:
        first: as `store.read` returns them.
        second: as `store.read` returns them.
        tolerance: relative difference up to which two margins are the same.

    Example:
        >>> row = {"lemma": "distance", "run": "training", "verdict": "SUPPORTED", "margin": 0.25}
        >>> rows = row, {**row, "lemma": "flip-count"}
        >>> before = StoredResult("a", 0.1, rows, manifest={"study": {"level": 0.1}})
        >>> after = StoredResult("a", 0.1, ({**row, "verdict": "REFUTED"},), manifest={"study": {"level": 0.2}})
        >>> found = differences(before, after)
        >>> found.both, *found.verdicts, *found.first, *found.study
        (1, Change(lemma='distance', run='training', before='SUPPORTED', after='REFUTED'), \
Alone(lemma='flip-count', run='training', verdict='SUPPORTED'), Key(key='level', before=0.1, after=0.2))
    """
    before, after = _by_finding(first.rows), _by_finding(second.rows)
    pairs = [(row, after[key]) for key, row in before.items() if key in after]
    return Differences(
        len(pairs),
        tuple(_change(one, two, "verdict") for one, two in pairs if one["verdict"] != two["verdict"]),
        tuple(
            _change(one, two, "margin")
            for one, two in pairs
            if one["verdict"] == two["verdict"] and not _alike(one["margin"], two["margin"], tolerance)
        ),
        tuple(_alone(row) for key, row in before.items() if key not in after),
        tuple(_alone(row) for key, row in after.items() if key not in before),
        tuple(Key(*one) for one in changes(first.manifest.get("study") or {}, second.manifest.get("study") or {})),
        tolerance,
    )


def sections(found: Differences) -> Iterator[tuple[str, list[str]]]:
    """Iterate over the parts of a comparison for the terminal: a title, and a line for each difference.

    Example:
        >>> change = Change("distance", "training", "SUPPORTED", "REFUTED")
        >>> found = Differences(1, (change,), (), (), (), (Key("level", 0.1, 0.2),), 0.01)
        >>> for title, lines in sections(found):
        ...     print(title, lines)
        Other verdicts ['distance @ training: SUPPORTED -> REFUTED']
        The studies differ in ['level: 0.1 -> 0.2']
    """
    parts = {
        "Other verdicts": [f"{one.lemma} @ {one.run}: {one.before} -> {one.after}" for one in found.verdicts],
        f"Other margins, by more than {found.tolerance:g} of the larger": [
            f"{one.lemma} @ {one.run}: {_margin(one.before)} -> {_margin(one.after)}" for one in found.margins
        ],
        "Only in A": [f"{one.lemma} @ {one.run}: {one.verdict}" for one in found.first],
        "Only in B": [f"{one.lemma} @ {one.run}: {one.verdict}" for one in found.second],
        "The studies differ in": [
            *(f"{one.key}: {_short(one.before)} -> {_short(one.after)}" for one in found.study[:_MOST_KEYS]),
            *([f"and {len(found.study) - _MOST_KEYS:,} more; --json has them all"] if found.study[_MOST_KEYS:] else []),
        ],
    }
    yield from ((title, lines) for title, lines in parts.items() if lines)


def headline(found: Differences) -> str:
    """Count all differences in a sentence.

    Example:
        >>> headline(Differences(9, (), (Change("a", "b", 0.1, 0.2),), (), (), (), 0.01))
        '9 findings in both: 0 verdicts changed, 1 margin changed; 0 findings only in A, 0 only in B; ...'
    """
    differ = f"the studies differ in {_many(len(found.study), 'key')}" if found.study else "the studies agree"
    return (
        f"{_many(found.both, 'finding')} in both: {_many(len(found.verdicts), 'verdict')} changed, "
        f"{_many(len(found.margins), 'margin')} changed; {_many(len(found.first), 'finding')} only in A, "
        f"{len(found.second)} only in B; {differ}."
    )


_LONGEST = 40
"""A value of a study is shown in so many characters."""
_MOST_KEYS = 30
"""So many differing keys of the studies are shown."""


def _by_finding(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, int], Mapping[str, Any]]:
    """Return the rows by lemma and run; of several rows with the same names, each has its number."""
    counts: Counter[tuple[str, str]] = Counter()
    found = {}
    for row in rows:
        key = row["lemma"], row["run"]
        found[*key, counts[key]] = row
        counts[key] += 1
    return found


def _change(one: Mapping[str, Any], two: Mapping[str, Any], field: str) -> Change:
    return Change(one["lemma"], one["run"], one[field], two[field])


def _alone(row: Mapping[str, Any]) -> Alone:
    return Alone(row["lemma"], row["run"], row["verdict"])


def _alike(one: Any, two: Any, tolerance: float) -> bool:
    """Compare two stored margins: numbers, None, or infinities as words."""
    if one == two or one is None or two is None:
        return one == two
    one, two = float(one), float(two)
    largest = max(abs(one), abs(two))
    return math.isfinite(largest) and abs(one - two) <= tolerance * largest


def _margin(value: Any) -> str:
    return number(value, "+.4g") or "none"


def _short(value: Any) -> str:
    """Write a value of a study in few words."""
    if isinstance(value, Mapping):
        return "there"
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
