"""Calibration of the verdicts: simulated studies in which every claim is only just true, or only just false.

The claims are those of the catalogue on a real run. In each simulated study a claim "fails with probability at most
delta" gets violations drawn with probability exactly delta, the least favourable truth; laws get draws from the law
itself. The p-values go through the public functions of ``statistics`` and through Holm's procedure, for many studies
at once; `Sample.evidence` gives one of them as Evidence, so that a test can see ``verdict.decide`` say the same.
"""

from level.laws import Counts, Exact, LawDraws, Means, draw_laws
from level.studies import SCENARIOS, Family, Sample, Scenario, family, sample

__all__ = [
    "SCENARIOS",
    "Counts",
    "Exact",
    "Family",
    "LawDraws",
    "Means",
    "Sample",
    "Scenario",
    "draw_laws",
    "family",
    "sample",
]
