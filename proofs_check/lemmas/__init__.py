"""The catalogue, in the order of the proof. A new lemma is one file and one line here."""

from proofs_check.lemma import Lemma
from proofs_check.lemmas.contraction import GD_CONTRACTION, HEAVY_BALL_CONTRACTION, NESTEROV_CONTRACTION
from proofs_check.lemmas.distance import DISTANCE
from proofs_check.lemmas.flips import FLIP_COUNT, FLIP_INCLUSION, FLIP_PROBABILITY
from proofs_check.lemmas.gram_concentration import GRAM_CONCENTRATION
from proofs_check.lemmas.gram_limit import GRAM_LIMIT
from proofs_check.lemmas.gram_positive import GRAM_POSITIVE
from proofs_check.lemmas.gram_separation import GRAM_SEPARATION
from proofs_check.lemmas.initial_residual import INITIAL_RESIDUAL
from proofs_check.lemmas.momentum_matrix import NESTEROV_MATRIX
from proofs_check.lemmas.residual_recursion import RESIDUAL_RECURSION

CATALOGUE: tuple[Lemma, ...] = (
    GRAM_LIMIT,
    GRAM_POSITIVE,
    GRAM_SEPARATION,
    GRAM_CONCENTRATION,
    FLIP_PROBABILITY,
    FLIP_COUNT,
    FLIP_INCLUSION,
    INITIAL_RESIDUAL,
    RESIDUAL_RECURSION,
    DISTANCE,
    NESTEROV_MATRIX,
    GD_CONTRACTION,
    HEAVY_BALL_CONTRACTION,
    NESTEROV_CONTRACTION,
)

__all__ = ["CATALOGUE"]
