"""The catalogue of lemmas, in the order of the proof. To add a lemma, write one file and one line here."""

import copyreg
from typing import Any

from proofs_check.lemma import Lemma
from proofs_check.lemmas.acceleration import ACCELERATION
from proofs_check.lemmas.comparison import NESTEROV_INCREASING, NESTEROV_VS_GD, NESTEROV_VS_HEAVY_BALL
from proofs_check.lemmas.contraction import GD_CONTRACTION, HEAVY_BALL_CONTRACTION, NESTEROV_CONTRACTION
from proofs_check.lemmas.distance import DISTANCE
from proofs_check.lemmas.flip_set import FLIP_SET
from proofs_check.lemmas.flips import FLIP_COUNT, FLIP_FRACTION, FLIP_INCLUSION, FLIP_PROBABILITY
from proofs_check.lemmas.gd_matrix import GD_MATRIX
from proofs_check.lemmas.gram_concentration import GRAM_CONCENTRATION
from proofs_check.lemmas.gram_limit import GRAM_LIMIT
from proofs_check.lemmas.gram_positive import GRAM_POSITIVE
from proofs_check.lemmas.gram_separation import GRAM_SEPARATION
from proofs_check.lemmas.gram_stability import GRAM_STABILITY
from proofs_check.lemmas.initial_residual import INITIAL_RESIDUAL
from proofs_check.lemmas.lazy_exit import LAZY_EXIT
from proofs_check.lemmas.majorant import COMPARISON
from proofs_check.lemmas.momentum_matrix import HEAVY_BALL_MATRIX, NESTEROV_MATRIX
from proofs_check.lemmas.output_decomposition import OUTPUT_DECOMPOSITION
from proofs_check.lemmas.output_deviation import OUTPUT_DEVIATION
from proofs_check.lemmas.remainder_bound import REMAINDER_BOUND
from proofs_check.lemmas.residual_recursion import RESIDUAL_RECURSION
from proofs_check.lemmas.width_scaling import WIDTH_SCALING

CATALOGUE: tuple[Lemma, ...] = (
    GRAM_LIMIT,
    GRAM_POSITIVE,
    GRAM_SEPARATION,
    GRAM_CONCENTRATION,
    GRAM_STABILITY,
    FLIP_PROBABILITY,
    FLIP_COUNT,
    FLIP_INCLUSION,
    FLIP_FRACTION,
    INITIAL_RESIDUAL,
    RESIDUAL_RECURSION,
    REMAINDER_BOUND,
    OUTPUT_DECOMPOSITION,
    FLIP_SET,
    OUTPUT_DEVIATION,
    COMPARISON,
    DISTANCE,
    GD_MATRIX,
    HEAVY_BALL_MATRIX,
    NESTEROV_MATRIX,
    GD_CONTRACTION,
    HEAVY_BALL_CONTRACTION,
    NESTEROV_CONTRACTION,
    NESTEROV_VS_GD,
    NESTEROV_VS_HEAVY_BALL,
    NESTEROV_INCREASING,
    ACCELERATION,
    WIDTH_SCALING,
    LAZY_EXIT,
)

_BY_ID = {lemma.id: lemma for lemma in CATALOGUE}


def _known(name: str) -> Lemma:
    return _BY_ID[name]


def _reduced(lemma: Lemma) -> Any:
    """Say to pickle and copy how a lemma is made again: one of the catalogue by its id, another from its fields."""
    if lemma is _BY_ID.get(lemma.id):
        return _known, (lemma.id,)
    return lemma.__reduce_ex__(4)


copyreg.pickle(Lemma, _reduced)

__all__ = ["CATALOGUE"]
