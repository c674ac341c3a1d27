"""Batches of CIFAR-10 and files of images made to do harm: refused in a sentence, soon, in little memory.

FUZZ_SECONDS=600 lets the fuzz of files run that long.
"""

import gzip
import io
import pickle
import random
import resource
import struct
import sys
import tarfile
import time

import numpy as np
import pytest
from damage import SECONDS, damaged, samples
from image_files import CLASSES, COLOURS, batch, cifar_folder, mnist_files

from nag_ntk import Dataset, InputError, cifar10, mnist
from nag_ntk.sources import batches
from proofs_check.study.yaml import ConfigError

HEAD = b"\x80\x02"
DEEP = 60  # levels, each of which holds the one below twice


def doubled(first: bytes, join: bytes) -> bytes:
    """A value that holds a value twice, which holds a value twice, and so on; its copies are shared."""
    levels = [first + b"q\x00"]
    levels += [b"h" + bytes([k]) + b"h" + bytes([k]) + join + b"q" + bytes([k + 1]) for k in range(DEEP)]
    return b"".join(levels)


TEXT = b"X" + struct.pack("<I", 2**20) + b"a" * 2**20
REPEATED = b"".join([
    HEAD, b"]q\x01(c_codecs\nencode\nq\x02", TEXT, b"q\x00", *[b"h\x02h\x00X\x06\x00\x00\x00latin1\x86R"] * 70, b"e."
])  # fmt: skip


HARMFUL = {
    "nested tuples as a key": (HEAD + b"}" + doubled(b")", b"\x86") + b"K\x01s.", "keys that are no texts"),
    "nested tuples among keys": (HEAD + b"}(" + doubled(b")", b"\x86") + b"K\x01u.", "keys that are no texts"),
    "nested tuples in a mapping": (b"(" + doubled(b")", b"\x86") + b"K\x01d.", "keys that are no texts"),
    "nested tuples in a set": (b"\x80\x04\x8f(" + doubled(b")", b"\x86") + b"\x90.", "contains EMPTY_SET"),
    "a large buffer": (b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".", "no readable batch"),
    "an object": (HEAD + b"cnumpy\ndtype\n)\x81.", "contains NEWOBJ"),
    "an extension": (HEAD + b"\x82\x01.", "contains EXT1"),
    "empty lists": (HEAD + b"]" * 2**19 + b".", "262,144 instructions"),
    "one text many times": (REPEATED, "repeats its contents"),
    "a long number": (HEAD + b"L" + b"9" * 10**6 + b"L\n.", "no readable batch"),
}


@pytest.mark.parametrize("case", HARMFUL)
def test_a_harmful_batch_is_refused(tmp_path, case):
    content, said = HARMFUL[case]
    began = time.process_time()
    with pytest.raises(InputError, match=said):
        batches.cifar_batch(tmp_path / "x", io.BytesIO(content))
    assert time.process_time() - began < 10  # those that hang take years


def labelled(labels) -> bytes:
    return pickle.dumps({b"labels": labels, b"data": COLOURS[:1]}, 2)


@pytest.mark.parametrize("labels", [[[1]], ["1"], [1.0], [True], [-1], (1,), b"1", None, [2**70]])
def test_labels_are_a_flat_list_of_whole_numbers(tmp_path, labels):
    with pytest.raises(InputError, match=r"flat list of whole numbers|contains BINFLOAT"):
        batches.cifar_batch(tmp_path / "x", io.BytesIO(labelled(labels)))


def test_shared_nested_lists_as_labels_take_no_memory(tmp_path):
    nested = []
    for _ in range(DEEP):
        nested = [nested, nested]
    with pytest.raises(InputError, match="flat list"):
        batches.cifar_batch(tmp_path / "x", io.BytesIO(labelled(nested)))


@pytest.mark.parametrize("shape", [(-1, 3072), (1.0, 3072), ("1", 3072), [1, 3072], 3072, None])
def test_the_shape_of_an_array_is_a_tuple_of_whole_numbers(tmp_path, shape):
    content = batches._Array()
    content.__setstate__((1, shape, batches._Type("u1"), False, bytes(3072)))
    with pytest.raises(ValueError, match=r"^$"):
        content.values()


def test_a_batch_larger_than_any_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "MAX_BATCH_BYTES", 1000)
    with pytest.raises(InputError, match="more than 1,000 bytes"):
        batches.cifar_batch(tmp_path / "x", io.BytesIO(batch()))


def test_an_archive_that_unfolds_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "MAX_COLLECTION_BYTES", 2**22)
    path = tmp_path / "a.tar.gz"
    other, header = tarfile.TarInfo("other"), tarfile.TarInfo("././@LongLink")
    other.size = header.size = 2**33
    header.type = tarfile.GNUTYPE_LONGNAME
    for first in (other, header):
        path.write_bytes(gzip.compress(first.tobuf(tarfile.GNU_FORMAT) + bytes(2**24)))
        with pytest.raises(InputError, match="unfolds to more than 4,194,304 bytes"):
            cifar10(path, 5)


def test_files_without_images(tmp_path):
    nothing = np.zeros((0, 28, 28), np.uint8)
    mnist_files(tmp_path / "idx", pictures=nothing, classes=CLASSES[:0])
    np.savez(tmp_path / "none.npz", x_train=nothing, y_train=CLASSES[:0])
    empty = {f"data_batch_{k}": batch(COLOURS[:0], CLASSES[:0], protocol=3) for k in range(1, 6)}
    cifar_folder(tmp_path / "cifar", **empty)
    for read, place in ((mnist, "idx"), (mnist, "none.npz"), (cifar10, "cifar")):
        with pytest.raises(InputError, match="holds no images"):
            read(tmp_path / place, 5)


@pytest.mark.parametrize("normalise", [False, True])
def test_rows_whose_squares_overflow(normalise):
    """No warning of NumPy reaches the user: such rows are refused, or scaled."""
    rows = [[1e200, 0.0], [0.0, 1e-200]]
    if normalise:
        assert Dataset(rows, [1.0, 1.0], normalise=True).inputs.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    else:
        with pytest.raises(InputError, match="row 0 has norm inf; scale it, or let normalise do so"):
            Dataset(rows, [1.0, 1.0])


def test_damaged_files_are_read_or_refused(tmp_path):
    rng, kinds, end = random.Random(5), samples(tmp_path), time.monotonic() + SECONDS
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts = dict.fromkeys(kinds, 0)
    refused = 0
    while time.monotonic() < end:
        for kind, (content, read) in kinds.items():
            made = damaged(rng, content)
            try:
                read(made)
            except (InputError, ConfigError):
                refused += 1
            except Exception as error:
                pytest.fail(f"{kind}: {type(error).__name__}: {error} for {made!r:.2000}")
            counts[kind] += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert refused > min(counts.values()) > 0
    assert grown * (1 if sys.platform == "darwin" else 1024) < 2**30
    print(counts, f"{refused} refused, {grown / 1024:.0f} MiB more")
