"""Engines: exact ways to train networks; engine.py is their interface, registry.py has them by name, choice.py picks.

The dense engine writes the movement of neuron r as w_r(t) - w_r(0) = -(a_r / sqrt m) u_r(t). A representation
says how u is stored, which forcing it has and how the pre-activations follow from it; the recursion itself is written
once, in step.py. The screened engine stores only the neurons that may flip.
"""

from nag_ntk.engines.choice import REPRESENTATIONS, EngineChoice, choose_engine
from nag_ntk.engines.dense.preactivations import PREACTIVATIONS
from nag_ntk.engines.dense.weights import WEIGHTS
from nag_ntk.engines.representation import Representation

__all__ = ["PREACTIVATIONS", "REPRESENTATIONS", "WEIGHTS", "EngineChoice", "Representation", "choose_engine"]
