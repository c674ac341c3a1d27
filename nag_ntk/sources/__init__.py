"""Datasets: bundled digits and diabetes, sphere, near-parallel pairs, images in files, arrays and tables of the user.

No other part of nag_ntk reads files, and this one reads a file only if one of its functions is called.
"""

from nag_ntk.sources.diabetes import diabetes
from nag_ntk.sources.generated import near_parallel_pairs, sphere
from nag_ntk.sources.images import cifar10, digits, fashion_mnist, mnist
from nag_ntk.sources.npz import from_npz
from nag_ntk.sources.table import from_table

__all__ = [
    "cifar10",
    "diabetes",
    "digits",
    "fashion_mnist",
    "from_npz",
    "from_table",
    "mnist",
    "near_parallel_pairs",
    "sphere",
]
