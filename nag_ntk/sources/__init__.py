"""Datasets: bundled digits, points on the sphere, near-parallel pairs, files of images, and .npz files of the user.

No other part of nag_ntk reads files, and this one reads a file only if one of its functions is called.
"""

from nag_ntk.sources.generated import near_parallel_pairs, sphere
from nag_ntk.sources.images import cifar10, digits, fashion_mnist, mnist
from nag_ntk.sources.npz import from_npz

__all__ = ["cifar10", "digits", "fashion_mnist", "from_npz", "mnist", "near_parallel_pairs", "sphere"]
