"""What the theory claims, checked: lemmas, evidence, verdicts, and the `nag-ntk` command.

The names below are imported when they are first used, so that `import proofs_check` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proofs_check.judging.finding import Finding, Verdict
    from proofs_check.lemma import Claim, Control, Inequality, Law, Lemma, NotApplicable, Proof, Run, Trials
    from proofs_check.lemmas import CATALOGUE
    from proofs_check.results import Results, judge, least_width, read, verify
    from proofs_check.testing import check_lemma

_FROM = {
    "judging.finding": "Finding Verdict",
    "lemma": "Claim Control Inequality Law Lemma NotApplicable Proof Run Trials",
    "lemmas": "CATALOGUE",
    "results": "Results judge least_width read verify",
    "testing": "check_lemma",
}
_HOME = {name: module for module, names in _FROM.items() for name in names.split()}

__all__ = [
    "CATALOGUE",
    "Claim",
    "Control",
    "Finding",
    "Inequality",
    "Law",
    "Lemma",
    "NotApplicable",
    "Proof",
    "Results",
    "Run",
    "Trials",
    "Verdict",
    "check_lemma",
    "judge",
    "least_width",
    "read",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
