"""Damaged files of every kind that a user may hand over."""

import gzip
import io
import os
import pickle
import random
import tarfile
import zipfile

import numpy as np
from image_files import CLASSES, COLOURS, mnist_files

from nag_ntk import cifar10, mnist
from nag_ntk.sources import batches, from_npz
from proofs_check.study.load import parse_study

SECONDS = float(os.environ.get("FUZZ_SECONDS", "3"))


STUDY = b"dataset: {source: sphere, samples: 4, dimension: 3}\nmethods: [nesterov]\nwidth: 16\nseeds: 2\nsteps: 2\n"


def damaged(rng: random.Random, content: bytes) -> bytes:
    """A file with some bytes replaced, repeated, removed or inserted."""
    made = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place = rng.randrange(len(made) + 1)
        length = rng.choice((1, 1, 4, 30))
        kind = rng.randrange(4)
        if kind == 0:
            made[place : place + length] = rng.randbytes(length)
        elif kind == 1:
            del made[place : place + length]
        elif kind == 2:
            made[place:place] = rng.randbytes(length)
        else:
            made[place:place] = made[place : place + length] * rng.choice((1, 3, 50))
    return bytes(made)


def samples(folder) -> dict:
    """For each kind of file: a good one, and what reads it."""
    mnist_files(folder / "m", ending=".gz")
    np.savez(folder / "a.npz", inputs=np.eye(3), targets=np.ones(3))
    np.savez_compressed(folder / "i.npz", x_train=COLOURS[:3, :784].reshape(3, 28, 28), y_train=CLASSES[:3])
    one = folder / "m" / "train-images-idx3-ubyte.gz"
    labels = folder / "m" / "train-labels-idx1-ubyte.gz"
    small = pickle.dumps({b"labels": [1, 2], b"data": np.zeros((2, 3072), np.uint8)}, 2)

    def archive():
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as file:
            for name in ("data_batch_1", "test_batch"):
                member = tarfile.TarInfo(name)
                member.size = len(small)
                file.addfile(member, io.BytesIO(small))
        return stream.getvalue()

    def member(content):
        with zipfile.ZipFile(folder / "z.npz", "w") as file:
            file.writestr("inputs.npy", content)
            file.writestr("targets.npy", targets.getvalue())
        from_npz(folder / "z.npz", "inputs", "targets")

    inputs, targets = io.BytesIO(), io.BytesIO()
    np.save(inputs, np.eye(3))
    np.save(targets, np.ones(3))

    def written(path, read):
        def call(content):
            path.write_bytes(content)
            read()

        return call

    return {
        "IDX": (gzip.decompress(one.read_bytes()), written(one, lambda: mnist(folder / "m", 3))),
        "gzip": (labels.read_bytes(), written(labels, lambda: mnist(folder / "m", 3))),
        "npz": ((folder / "a.npz").read_bytes(), written(folder / "a.npz", lambda: from_npz(folder / "a.npz"))),
        "array": (inputs.getvalue(), member),
        "images": ((folder / "i.npz").read_bytes(), written(folder / "i.npz", lambda: mnist(folder / "i.npz", 3))),
        "batch": (small, lambda content: batches.cifar_batch(folder / "b", io.BytesIO(content))),
        "archive": (archive(), written(folder / "c.tar", lambda: cifar10(folder / "c.tar", 2, split="test"))),
        "YAML": (STUDY, lambda content: parse_study(content.decode("utf-8", "replace"), name="a.yaml", base=folder)),
    }
