"""Ball arithmetic for the deterministic part of the proof: what is CERTIFIED is certified here.

Rests on python-flint, NumPy and the standard library alone; knows neither the simulator nor the rest of the
suite.
"""

from proofs_check.enclosure.bisection import BisectionProof, Box, prove_for_all
from proofs_check.enclosure.gram import (
    KernelWitness,
    check_witness,
    limit_gram_ball,
    null_vector_witness,
    primitive_rows,
)
from proofs_check.enclosure.momentum import (
    ConstantsProof,
    Obligation,
    constants_proof,
    discharge,
    gap,
    nesterov_constants_proof,
)
from proofs_check.enclosure.pencil import bound_pencil, float_above, float_below
from proofs_check.enclosure.powers import (
    Control,
    PowerBound,
    PowerWitness,
    block_power_norm,
    power_controls,
    refute_power_bound,
)
from proofs_check.enclosure.spectrum import (
    PositivityProof,
    SpectrumEnclosure,
    decide_positive,
    enclose_extreme_eigenvalues,
)
from proofs_check.enclosure.tuning import HEAVY_BALL, NESTEROV, MomentumTuning, RationalFunction

__all__ = [
    "HEAVY_BALL",
    "NESTEROV",
    "BisectionProof",
    "Box",
    "ConstantsProof",
    "Control",
    "KernelWitness",
    "MomentumTuning",
    "Obligation",
    "PositivityProof",
    "PowerBound",
    "PowerWitness",
    "RationalFunction",
    "SpectrumEnclosure",
    "block_power_norm",
    "bound_pencil",
    "check_witness",
    "constants_proof",
    "decide_positive",
    "discharge",
    "enclose_extreme_eigenvalues",
    "float_above",
    "float_below",
    "gap",
    "limit_gram_ball",
    "nesterov_constants_proof",
    "null_vector_witness",
    "power_controls",
    "primitive_rows",
    "prove_for_all",
    "refute_power_bound",
]
