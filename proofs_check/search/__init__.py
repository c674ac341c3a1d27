"""Search for counterexamples: test a claim on degenerate data, shrink a counterexample, store it, replay it exactly.

The search accepts claims about the inputs alone (`about_data`, decided in ball arithmetic) and claims that are checked
on a training run. A search without result proves nothing; it reports the number of examples.
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
