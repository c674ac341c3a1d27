"""Where datasets come from: bundled digits, the sphere, near-parallel pairs, a local .npz file.

The only module of nag_ntk that reads files, and only when a function of it is called.
"""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError

_LABELS = ("parity", "centred", "random", "signs", "gaussian", "paired")


def _positive(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be a positive integer, got {value!r}")


def digits(samples: int = 20, labels: str = "parity", offset: int = 0) -> Dataset:
    """Handwritten digits, 8 x 8 grey values, rows scaled to unit norm; they ship with scikit-learn.

    Args:
        samples: how many, from `offset` on; at most 1,797 in all.
        labels: "parity" (+1 odd, -1 even), "centred" ((digit - 4.5) / 4.5) or "random" (fair signs, fixed seed).
        offset: index of the first row.

    Returns:
        A Dataset with d = 64.

    Raises:
        InputError: if there are not that many digits, or for unknown labels.

    Source: E. Alpaydin, C. Kaynak 1998, Optical Recognition of Handwritten Digits (UCI).

    Example:
        >>> digits(10).targets[:4].tolist()
        [-1.0, 1.0, -1.0, 1.0]
    """
    from sklearn.datasets import load_digits

    _positive("samples", samples)
    values, numbers = load_digits(return_X_y=True)
    values, numbers = np.asarray(values), np.asarray(numbers)
    total = len(values)
    if offset < 0 or offset + samples > total:
        raise InputError(f"there are {total} digits; rows {offset} to {offset + samples} were asked for")
    rows, classes = values[offset : offset + samples], numbers[offset : offset + samples]
    if labels == "parity":
        targets = np.where(classes % 2 == 1, 1.0, -1.0)
    elif labels == "centred":
        targets = (classes - 4.5) / 4.5
    elif labels == "random":
        targets = np.random.default_rng(0).choice([-1.0, 1.0], size=total)[offset : offset + samples]
    else:
        raise InputError(f"labels of digits must be one of {', '.join(_LABELS[:3])}, got {labels!r}")
    return Dataset(rows, targets, normalise=True, name=f"digits-{samples}")


def _draw_labels(kind: str, samples: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "signs":
        return rng.choice([-1.0, 1.0], size=samples)
    if kind == "gaussian":
        return rng.standard_normal(samples)
    if kind == "paired":
        return np.repeat(rng.choice([-1.0, 1.0], size=samples // 2), 2)
    raise InputError(f"labels must be one of {', '.join(_LABELS[3:])}, got {kind!r}")


def sphere(samples: int, dimension: int, key: int = 0, labels: str = "signs") -> Dataset:
    """Independent uniform points on the unit sphere.

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
    _positive("samples", samples)
    _positive("dimension", dimension)
    if labels == "paired":
        raise InputError('labels "paired" need pairs of inputs; use "signs" or "gaussian"')
    rng = np.random.default_rng(key)
    rows = rng.standard_normal((samples, dimension))
    targets = _draw_labels(labels, samples, rng)
    return Dataset(rows, targets, normalise=True, name=f"sphere-{samples}x{dimension}")


def near_parallel_pairs(pairs: int, angle: float, dimension: int, key: int = 0, labels: str = "signs") -> Dataset:
    """Pairs of inputs at a given angle, different pairs in orthogonal planes: kappa grows like 1/angle.

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

    Accuracy: the angle is kept to about u / angle relative.

    Example:
        >>> import numpy as np
        >>> data = near_parallel_pairs(2, 0.5, 4)
        >>> np.round(data.kernel[0], 12).tolist() == [1.0, round(float(np.cos(0.5)), 12), 0.0, 0.0]
        True
    """
    _positive("pairs", pairs)
    _positive("dimension", dimension)
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
    return Dataset(rows, targets, normalise=True, name=f"pairs-{pairs}@{angle:g}")


def from_npz(path: str | Path, inputs: str = "inputs", targets: str = "targets", normalise: bool = False) -> Dataset:
    """A dataset from a local NumPy .npz file; object arrays (pickles) are refused.

    Args:
        path: the file.
        inputs: name of the (n, d) array in it.
        targets: name of the (n,) array in it.
        normalise: scale the rows to unit norm.

    Returns:
        A Dataset.

    Raises:
        InputError: if the file is missing or no .npz, if an array is missing, or for bad data (see Dataset).
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"no dataset file at {source}")
    try:
        # a file of our own: NumPy leaves its own open when the archive is broken
        with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = list(getattr(archive, "files", []))
            missing = [name for name in (inputs, targets) if name not in names]
            if missing:
                raise InputError(f"{source} holds {', '.join(names) or 'no arrays'}, not {', '.join(missing)}")
            rows, labels = archive[inputs], archive[targets]
    except InputError:
        raise
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error):
        raise InputError(f"{source} is no readable .npz file of plain arrays; write it with numpy.savez") from None
    return Dataset(rows, labels, normalise=normalise, name=source.stem)
