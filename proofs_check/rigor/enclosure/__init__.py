"""Proofs in ball arithmetic for the deterministic part of the theory; every verdict CERTIFIED comes from here.

The package imports python-flint, NumPy and the standard library only, neither the simulator nor the rest of the suite.
"""

from proofs_check.rigor.enclosure.algebra import Identity, identities
from proofs_check.rigor.enclosure.bisection import BisectionProof, Box, prove_for_all
from proofs_check.rigor.enclosure.controls import Control, power_controls
from proofs_check.rigor.enclosure.gram import (
    KernelWitness,
    check_witness,
    limit_gram_ball,
    null_vector_witness,
    primitive_rows,
)
from proofs_check.rigor.enclosure.momentum import (
    ConstantsProof,
    Obligation,
    constants_proof,
    discharge,
    discharge_claims,
    gap,
    nesterov_constants_proof,
)
from proofs_check.rigor.enclosure.pencil import bound_pencil, float_above, float_below
from proofs_check.rigor.enclosure.powers import PowerBound, PowerWitness, block_power_norm, refute_power_bound
from proofs_check.rigor.enclosure.scalar import (
    GRADIENT_DESCENT,
    RateControl,
    RateProof,
    ScalarTuning,
    rate_controls,
    rate_proof,
    refute_rate,
)
from proofs_check.rigor.enclosure.spectrum import (
    PositivityProof,
    SpectrumEnclosure,
    decide_positive,
    enclose_extreme_eigenvalues,
)
from proofs_check.rigor.enclosure.tuning import HEAVY_BALL, NESTEROV, MomentumTuning, RationalFunction

__all__ = [
    "GRADIENT_DESCENT",
    "HEAVY_BALL",
    "NESTEROV",
    "BisectionProof",
    "Box",
    "ConstantsProof",
    "Control",
    "Identity",
    "KernelWitness",
    "MomentumTuning",
    "Obligation",
    "PositivityProof",
    "PowerBound",
    "PowerWitness",
    "RateControl",
    "RateProof",
    "RationalFunction",
    "ScalarTuning",
    "SpectrumEnclosure",
    "block_power_norm",
    "bound_pencil",
    "check_witness",
    "constants_proof",
    "decide_positive",
    "discharge",
    "discharge_claims",
    "enclose_extreme_eigenvalues",
    "float_above",
    "float_below",
    "gap",
    "identities",
    "limit_gram_ball",
    "nesterov_constants_proof",
    "null_vector_witness",
    "power_controls",
    "primitive_rows",
    "prove_for_all",
    "rate_controls",
    "rate_proof",
    "refute_power_bound",
    "refute_rate",
]
