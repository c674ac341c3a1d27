"""Engines: exact ways to train a network; engine.py says what one is, registry.py has them by name, choice.py picks.

The dense engine writes the movement of neuron r as w_r(t) - w_r(0) = -(a_r / sqrt m) u_r(t). How u is stored, what
drives it and what it does to the pre-activations is a representation; the recursion itself is written once, in step.py.
The screened engine holds only the neurons that may flip.
"""

from nag_ntk.engines.choice import REPRESENTATIONS, Choice, choose
from nag_ntk.engines.preactivations import PREACTIVATIONS
from nag_ntk.engines.representation import Representation
from nag_ntk.engines.weights import WEIGHTS

__all__ = ["PREACTIVATIONS", "REPRESENTATIONS", "WEIGHTS", "Choice", "Representation", "choose"]
