"""Counterexample search: attack a claim with degenerate data, shrink what breaks it, store it, replay it exactly.

Two kinds of claim can be attacked: those about the inputs alone (`about_data`, decided in ball arithmetic) and those
checked on a training run. A search that finds nothing proves nothing; it says what it tried.
"""

from proofs_check.search.driver import Outcome, Replay, SearchError, replay, search
from proofs_check.search.strategies import Trial, configurations, rays, targets, trials
from proofs_check.search.witness import Witness, WitnessError, load

__all__ = [
    "Outcome",
    "Replay",
    "SearchError",
    "Trial",
    "Witness",
    "WitnessError",
    "configurations",
    "load",
    "rays",
    "replay",
    "search",
    "targets",
    "trials",
]
