"""Exact representations of one training run.

Every dense engine writes the movement of neuron r as w_r(t) - w_r(0) = -(a_r / sqrt m) u_r(t) and says how to store u:
what drives it, and what it does to the pre-activations. The recursion itself is written once, in step.py.
screened holds only the neurons that may flip; choice picks.
"""

from nag_ntk.engines.choice import ENGINES, NAMES, Choice, choose
from nag_ntk.engines.engine import Engine
from nag_ntk.engines.preactivations import PREACTIVATIONS
from nag_ntk.engines.weights import WEIGHTS

__all__ = ["ENGINES", "NAMES", "PREACTIVATIONS", "WEIGHTS", "Choice", "Engine", "choose"]
