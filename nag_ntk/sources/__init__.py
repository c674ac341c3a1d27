"""Datasets: bundled digits, points on the sphere, near-parallel pairs, files of images, a .npz file of one's own.

The only part of nag_ntk that reads files, and only when a function of it is called.
"""

from nag_ntk.sources.generated import near_parallel_pairs, sphere
from nag_ntk.sources.images import cifar10, digits, fashion_mnist, mnist
from nag_ntk.sources.npz import from_npz

__all__ = ["cifar10", "digits", "fashion_mnist", "from_npz", "mnist", "near_parallel_pairs", "sphere"]
