"""Engines: exact ways to train networks. engine.py has the interface, registry.py the names, choice.py the choice.

The dense engine writes the movement of neuron r as w_r(t) - w_r(0) = -(a_r / sqrt m) u_r(t). A representation
defines how u is stored, the forcing of its recursion, and the pre-activations as a function of u; the recursion itself
is written once, in dense/step.py. The batched engines do the same for all networks side by side, for accelerators and
for many small networks. The screened engine stores only the neurons whose activation may flip.
"""

from nag_ntk.engines.choice import REPRESENTATIONS, EngineChoice, choose_engine, is_batched, representation_of
from nag_ntk.engines.dense.preactivations import PREACTIVATIONS
from nag_ntk.engines.dense.weights import WEIGHTS
from nag_ntk.engines.representation import Representation

__all__ = [
    "PREACTIVATIONS",
    "REPRESENTATIONS",
    "WEIGHTS",
    "EngineChoice",
    "Representation",
    "choose_engine",
    "is_batched",
    "representation_of",
]
