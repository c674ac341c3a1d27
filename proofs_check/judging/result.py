"""Result of a study: StudyResult holds its records, Tables the same in plain values for results.json."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Self

from proofs_check.judging.curves import Curve
from proofs_check.judging.finding import Finding
from proofs_check.lemma import Lemma, Run
from proofs_check.slack.chain import SlackRow
from proofs_check.study.load import Study

_NAMES = {"rows": "findings"}
"""Fields of Tables whose key in results.json differs."""


@dataclass(frozen=True)
class Tables:
    """The result of a study in plain values, as in results.json: infinity is "inf", a missing number None.

    Attributes:
        study: name of the study.
        level: family-wise error level of the verdicts.
        rows: one mapping per finding, as ``Finding.to_row`` makes it.
        slack: one mapping per link of the proof, as ``SlackRow.to_row`` makes it.
        lemmas: one mapping per lemma that was selected, as ``Lemma.described`` makes it.
        runs: one mapping per run, as ``summary.summary`` makes it.
        notes: sentences about the study.
    """

    study: str
    level: float
    rows: tuple[Mapping[str, Any], ...]
    slack: tuple[Mapping[str, Any], ...] = ()
    lemmas: tuple[Mapping[str, Any], ...] = ()
    runs: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the tables under their keys in results.json."""
        return {_NAMES.get(each.name, each.name): getattr(self, each.name) for each in fields(Tables)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], **more: Any) -> Self:
        """Make the tables from the values of results.json.

        Args:
            values: contents of results.json; absent tables are empty.
            **more: further fields, of a subclass.

        Raises:
            KeyError, TypeError, ValueError: if study, level or findings are absent or of the wrong kind.
        """
        names = [each.name for each in fields(Tables)][2:]
        tables = {name: tuple(values.get(name, ())) for name in names if name not in _NAMES}
        return cls(str(values["study"]), float(values["level"]), tuple(values["findings"]), **tables, **more)


@dataclass(frozen=True)
class StudyResult:
    """A finished study with the records behind it.

    Attributes:
        study: the study as it was run.
        findings: the verdicts with their numbers.
        runs: the runs, without the arrays that are many times larger than all others.
        skipped: "lemma @ run" of each lemma that does not apply to the run.
        slack: loss of each link of the proof, in orders of magnitude.
        curves: both sides of each inequality that was compared step by step.
        lemmas: the lemmas that were selected.
        certificates: file name -> certificate, for the rows about single networks.
        notes: further sentences for the reader.
        summaries: one mapping per run, as ``summary.summary`` makes it.
    """

    study: Study
    findings: tuple[Finding, ...]
    runs: tuple[Run, ...]
    skipped: tuple[str, ...]
    slack: tuple[SlackRow, ...] = ()
    curves: tuple[Curve, ...] = ()
    lemmas: tuple[Lemma, ...] = ()
    certificates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    summaries: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def tables(self) -> Tables:
        """The result in plain values, without the arrays."""
        return Tables(
            self.study.name,
            self.study.level,
            tuple(finding.to_row() for finding in self.findings),
            tuple(row.to_row() for row in self.slack),
            tuple(lemma.described() for lemma in self.lemmas),
            self.summaries,
            self.notes,
        )
