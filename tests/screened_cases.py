"""What the tests of the screened engine share: methods, parts of a run, and agreement with a dense engine."""

import jax.numpy as jnp
import numpy as np
import tolerances

import nag_ntk
from nag_ntk import simulate
from nag_ntk.run.inputs import Inputs, Shape
from nag_ntk.schedule import initial_momentum

METHODS = ("gradient_descent", "heavy_ball", "nesterov")


def tuned(data, names=METHODS):
    return [nag_ntk.theorem_tuning(name, data) for name in names]


def shape(**changes):
    """A Shape of the compiled part, for tests of what lies below simulate."""
    usual = {
        "engine": "screened",
        "start": "gradient",
        "steps": 1,
        "recursion": False,
        "dtype": "float64",
        "devices": 1,
    }
    return Shape(**{**usual, **changes})


def problem_of(data, methods=(), radii=()):
    initial_momenta = np.array([initial_momentum(m, "gradient") for m in methods], dtype=float)
    parts = (data.coordinates, data.targets, initial_momenta, np.array(radii, float), np.zeros(0))
    return Inputs(*map(jnp.asarray, parts), jnp.asarray(0, jnp.uint32))


def assert_agrees(found, dense, recursion=False):
    """Same draws, residual and distance to 1e-12, flips and counts exactly, until rounding decides a sign."""
    assert found.engine == "screened"
    assert found.weights_digest == dense.weights_digest
    until = int(np.argmax((dense.undecided > 0).any(axis=(0, 1)))) if dense.undecided.any() else dense.steps + 1
    assert until > dense.steps // 2, "nothing would be compared"
    for name in ("residual", "distance", "flip_reach"):
        first, second = (getattr(x, name)[:, :, :until] for x in (found, dense))
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerances.SAME_RUN, err_msg=name)
    np.testing.assert_array_equal(found.flips[:, :, :until], dense.flips[:, :, :until])
    for name in ("initial_gram", "mean_size", "mean_square"):
        first, second = getattr(found, name), getattr(dense, name)
        np.testing.assert_allclose(first, second, rtol=tolerances.KERNEL, atol=tolerances.KERNEL)
    np.testing.assert_array_equal(found.near_boundary, dense.near_boundary)
    for first, second in zip(found.overlap_range, dense.overlap_range, strict=True):
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerances.KERNEL)
    for name in vars(dense.deviation) if dense.deviation is not None else ():
        first, second = (getattr(x.deviation, name)[:, :, :until] for x in (found, dense))
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerances.SAME_RUN, err_msg=name)
    for name in vars(dense.recursion) if recursion else ():
        first, second = (getattr(x.recursion, name)[:, :, :until] for x in (found, dense))
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerances.SAME_RUN, err_msg=name)


def both(data, methods, *arguments, **options):
    return [simulate(data, methods, *arguments, engine=engine, **options) for engine in ("screened", "preactivations")]
