"""Damaged files given to the commands: a sentence and exit code 2, or the answer if the damage does no harm.

FUZZ_SECONDS=600 lets it run that long.
"""

import gzip
import io
import json
import pickle
import random
import resource
import sys
import tarfile
import time
from collections import Counter

import numpy as np
import pytest
import small
from damage import SECONDS, damaged, samples
from in_process import caller
from networks import GOOD, attempt

from proofs_check import store
from proofs_check.rigor.certificates.certificate import body_of, distance
from proofs_check.rigor.certificates.certificate import write as write_certificate
from proofs_check.running import runner, session, widths
from proofs_check.store.files import digest
from proofs_check.study.load import parse_study

DATA = "dataset: {{source: {}, path: {}, samples: 2}}\nmethods: [nesterov]\nwidth: 16\nseeds: 2\nsteps: 2\n"
IMAGES = {"IDX": "mnist", "gzip": "mnist", "npz": "npz", "images": "mnist", "batch": "cifar10", "archive": "cifar10"}
STORED = (store.MANIFEST, store.RESULTS, store.TRAJECTORIES)
ALLOWED = {"certificate": (0, 1, 2)}  # 1: it is one, and a claim of it fails


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    # they take seconds for each dataset, and read no file
    monkeypatch.setattr(widths, "compared_widths", lambda *_, **options: [])
    return caller(monkeypatch, capsys)


def inputs(folder):
    """For each kind of file: a good one, where it goes, the command that reads it, and what is done before."""
    good = {kind: content for kind, (content, _) in samples(folder).items()}
    pictures = np.random.default_rng(1).integers(0, 256, (2, 3072), np.uint8)
    good["batch"] = pickle.dumps({b"labels": [1, 2], b"data": pictures}, 2)
    cifar, packed = folder / "cifar-10-batches-py", io.BytesIO()
    cifar.mkdir()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
            (cifar / name).write_bytes(good["batch"])
            archive.add(cifar / name, f"{cifar.name}/{name}")
    good["archive"] = packed.getvalue()
    at = {
        "IDX": folder / "m" / "train-images-idx3-ubyte", "gzip": folder / "m" / "train-labels-idx1-ubyte.gz",
        "npz": folder / "a.npz", "images": folder / "i.npz", "batch": cifar / "data_batch_2",
        "archive": folder / "c.tar",
    }  # fmt: skip
    (folder / "m" / "train-images-idx3-ubyte.gz").unlink()
    at["IDX"].write_bytes(good["IDX"])
    made = {}
    for kind, source in IMAGES.items():
        study = folder / f"{kind}.yaml"
        path = {"IDX": "m", "gzip": "m", "batch": cifar.name}.get(kind, at[kind].name)
        study.write_text(DATA.format(source, path))
        made[kind] = (good[kind], at[kind], ("width", study.name))
    made["archive, packed"] = (gzip.compress(good["archive"]), at["archive"], made["archive"][2])
    made["YAML"] = (good["YAML"], folder / "s.yaml", ("width", "s.yaml"))
    store.write(runner.verify(parse_study(small.STUDY, name="a.yaml", base=folder)), folder / "o", wall_time=1.0)
    for name in STORED:
        for signed in ("", ", signed") if name != store.MANIFEST else ("",):
            made[name + signed] = ((folder / "o" / name).read_bytes(), folder / "o" / name, ("report", "o"))
    proof, rows = attempt(GOOD), [[0.0] * 3]
    write_certificate(body_of(proof, "a", rows, distance(proof.problem, 256, rows), []), folder / "c.json")
    limits = ("--memory", "1", "--seconds", "20")
    made["certificate"] = ((folder / "c.json").read_bytes(), folder / "c.json", ("recheck", "c.json", *limits))
    return made


def sign(folder):
    """Have the manifest hold the digests of the files as they are, so that the readers behind it are reached."""
    manifest = json.loads((folder / store.MANIFEST).read_text())
    manifest["files"] = {name: digest(folder / name) for name in manifest["files"]}
    (folder / store.MANIFEST).write_text(json.dumps(manifest))


def test_damaged_files_end_in_a_sentence(tmp_path, call):
    rng, kinds = random.Random(7), inputs(tmp_path)
    for kind, (content, path, command) in kinds.items():
        path.write_bytes(content)
        assert call(*command).code == 0, kind
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts, slowest, end = Counter(), 0.0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        for kind, (content, path, command) in kinds.items():
            made = damaged(rng, content)
            path.write_bytes(made)
            if kind.endswith("signed"):
                sign(tmp_path / "o")
            began = time.monotonic()
            found = call(*command)
            slowest = max(slowest, time.monotonic() - began)
            assert found.code in ALLOWED.get(kind, (0, 2)), (kind, found.err, made[:2000])
            assert "Traceback" not in found.out + found.err
            assert found.code != 2 or len(found.out + found.err) > 20
            counts[kind, found.code] += 1
            path.write_bytes(content)
            if kind.endswith("signed"):
                sign(tmp_path / "o")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024)
    assert {kind for kind, _ in counts} == set(kinds)
    assert {kind for kind, code in counts if code == 2} or SECONDS < 10
    assert grown < 2**30
    assert slowest < 60
    print(dict(counts), f"{grown / 2**20:.0f} MiB more, slowest {slowest:.1f} s")
