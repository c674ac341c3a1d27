"""Random datasets: uniform points on the sphere, near-parallel pairs."""

import math

import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError
from nag_ntk.sources.choice import check_positive

_LABELS = ("signs", "gaussian", "paired")


def _draw_labels(kind: str, samples: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "signs":
        return rng.choice([-1.0, 1.0], size=samples)
    if kind == "gaussian":
        return rng.standard_normal(samples)
    if kind == "paired":
        return np.repeat(rng.choice([-1.0, 1.0], size=samples // 2), 2)
    raise InputError(f"labels must be one of {', '.join(_LABELS)}, got {kind!r}")


def _origin(key: int, labels: str) -> dict[str, str]:
    source = f"drawn by NumPy's default generator seeded with {key}"
    return {"from": source, "targets": labels, "normalisation": "rows of length 1"}


def sphere(samples: int, dimension: int, key: int = 0, labels: str = "signs") -> Dataset:
    """Draw independent uniform points on the unit sphere.

    Args:
        samples: n.
        dimension: d.
        key: seed of NumPy's default generator.
        labels: "signs" (fair -1/+1) or "gaussian".

    Returns:
        A Dataset.

    Raises:
        InputError: for counts that are not positive, or unknown labels.

    Example:
        >>> sphere(3, 5).inputs.shape
        (3, 5)
    """
    check_positive("samples", samples)
    check_positive("dimension", dimension)
    if labels == "paired":
        raise InputError('labels "paired" need pairs of inputs; use "signs" or "gaussian"')
    rng = np.random.default_rng(key)
    rows = rng.standard_normal((samples, dimension))
    targets = _draw_labels(labels, samples, rng)
    return Dataset(rows, targets, normalise=True, name=f"sphere-{samples}x{dimension}", origin=_origin(key, labels))


def near_parallel_pairs(pairs: int, angle: float, dimension: int, key: int = 0, labels: str = "signs") -> Dataset:
    """Draw pairs of inputs at a given angle, different pairs in orthogonal planes, so that kappa grows like 1/angle.

    Args:
        pairs: number of pairs, n = 2 pairs.
        angle: radians, in (0, pi/2].
        dimension: d >= 2 pairs.
        key: seed of the random rotation and of the labels.
        labels: "signs", "gaussian", or "paired" (the same label inside a pair).

    Returns:
        A Dataset; rows 2j and 2j + 1 are pair j.

    Raises:
        InputError: for an angle out of range or too small a dimension.

    Accuracy: the angle has a relative error of about u / angle, u the unit roundoff.

    Example:
        >>> import numpy as np
        >>> data = near_parallel_pairs(2, 0.5, 4)
        >>> np.round(data.kernel[0], 12).tolist() == [1.0, round(float(np.cos(0.5)), 12), 0.0, 0.0]
        True
    """
    check_positive("pairs", pairs)
    check_positive("dimension", dimension)
    if not (isinstance(angle, int | float) and 0 < angle <= math.pi / 2):
        raise InputError(f"angle must lie in (0, pi/2] radians, got {angle!r}")
    if dimension < 2 * pairs:
        raise InputError(f"{pairs} pairs in orthogonal planes need dimension >= {2 * pairs}, got {dimension}")
    rng = np.random.default_rng(key)
    frame, _ = np.linalg.qr(rng.standard_normal((dimension, 2 * pairs)))
    first, second = frame[:, ::2].T, frame[:, 1::2].T
    rows = np.empty((2 * pairs, dimension))
    rows[::2] = math.cos(angle / 2) * first - math.sin(angle / 2) * second
    rows[1::2] = math.cos(angle / 2) * first + math.sin(angle / 2) * second
    targets = _draw_labels(labels, 2 * pairs, rng)
    return Dataset(rows, targets, normalise=True, name=f"pairs-{pairs}@{angle:g}", origin=_origin(key, labels))
