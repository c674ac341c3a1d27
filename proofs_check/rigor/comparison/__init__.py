"""The comparison theorem: explicit widths at which the convergence theorem holds for all networks but a share delta.

Derivation: docs/theory/comparison.md. The package imports NumPy, python-flint and its own room.
"""

from proofs_check.rigor.comparison.events import Draw
from proofs_check.rigor.comparison.problem import Problem, prepare
from proofs_check.rigor.comparison.proof import Closing, closes
from proofs_check.rigor.comparison.setting import Tuning
from proofs_check.rigor.comparison.width import least_width

__all__ = ["Closing", "Draw", "Problem", "Tuning", "closes", "least_width", "prepare"]
