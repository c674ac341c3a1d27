"""Wide two-layer ReLU networks under gradient descent, heavy ball and Nesterov, in JAX.

This package simulates the training; proofs_check checks claims about it and gives verdicts.
"""

from nag_ntk.dataset import Dataset
from nag_ntk.errors import CapacityError, InputError
from nag_ntk.gram import Spectrum, angles, cross_gram, extreme_eigenvalues, gram, gram_limit
from nag_ntk.linear_model import (
    companion_matrix,
    companion_power_norms,
    linear_residual,
    radius_interval,
    spectral_radius,
)
from nag_ntk.method import Method, gradient_descent, heavy_ball, nesterov, nesterov_increasing, scheduled
from nag_ntk.network import Network, draw, forward, residual, seed_key
from nag_ntk.optimisers import from_optax, restarted_nesterov
from nag_ntk.pattern import activation_pattern, flip_fraction, near_boundary_count, preactivations
from nag_ntk.precision import enable_float64
from nag_ntk.run.configuration import configure
from nag_ntk.run.probe import Probe, Snapshot
from nag_ntk.run.saving import load
from nag_ntk.run.trajectory import Trajectory
from nag_ntk.sources import (
    cifar10,
    diabetes,
    digits,
    fashion_mnist,
    from_npz,
    from_table,
    mnist,
    near_parallel_pairs,
    sphere,
)
from nag_ntk.theorem import theorem_tuning
from nag_ntk.training.given import from_weights
from nag_ntk.training.simulate import simulate

__version__ = "0.1.0"

__all__ = [
    "CapacityError",
    "Dataset",
    "InputError",
    "Method",
    "Network",
    "Probe",
    "Snapshot",
    "Spectrum",
    "Trajectory",
    "activation_pattern",
    "angles",
    "cifar10",
    "companion_matrix",
    "companion_power_norms",
    "configure",
    "cross_gram",
    "diabetes",
    "digits",
    "draw",
    "enable_float64",
    "extreme_eigenvalues",
    "fashion_mnist",
    "flip_fraction",
    "forward",
    "from_npz",
    "from_optax",
    "from_table",
    "from_weights",
    "gradient_descent",
    "gram",
    "gram_limit",
    "heavy_ball",
    "linear_residual",
    "load",
    "mnist",
    "near_boundary_count",
    "near_parallel_pairs",
    "nesterov",
    "nesterov_increasing",
    "preactivations",
    "radius_interval",
    "residual",
    "restarted_nesterov",
    "scheduled",
    "seed_key",
    "simulate",
    "spectral_radius",
    "sphere",
    "theorem_tuning",
]
