"""Runs as files: one .npy per array, mapped read-only where they are read, and a header in JSON."""

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from nag_ntk import Dataset, Method
from nag_ntk.gram import Spectrum
from nag_ntk.run.encoding import decoded, encoded
from proofs_check.lemma import Run

HEADER = "header.json"


def write(subject: Run | tuple[Run, ...], folder: Path) -> None:
    """Write one run or several into a folder, which is made.

    Args:
        subject: what a check is asked of; `unrecorded` is left out.
        folder: must not exist.
    """
    arrays: dict[str, Any] = {}
    runs = subject if isinstance(subject, tuple) else (subject,)
    header = {
        "several": isinstance(subject, tuple),
        "runs": [_encoded(run, f"{i}", arrays) for i, run in enumerate(runs)],
    }
    folder.mkdir()
    for index, array in enumerate(arrays.values()):
        np.save(folder / f"{index}.npy", array, allow_pickle=False)
    (folder / HEADER).write_text(json.dumps({**header, "arrays": list(arrays)}), encoding="utf-8")


def read(folder: Path) -> Run | tuple[Run, ...]:
    """Read the runs in a folder; their arrays are maps of its files, which cannot be made writable."""
    header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
    arrays = {name: _mapped(folder / f"{index}.npy") for index, name in enumerate(header["arrays"])}
    runs = tuple(_decoded(run, arrays) for run in header["runs"])
    return runs if header["several"] else runs[0]


def _encoded(run: Run, name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    # with what the dataset has computed already: H_inf and its spectrum are not computed again
    data = {key: tuple(value) if isinstance(value, Spectrum) else value for key, value in vars(run.data).items()}
    return {
        "name": run.name,
        "data": encoded({**data, "origin": dict(run.data.origin)}, f"{name}.data", arrays),
        "methods": [list(method) for method in run.methods],
        "trajectory": encoded(run.trajectory, f"{name}.trajectory", arrays),
        "delta": run.delta,
    }


def _decoded(told: dict[str, Any], arrays: dict[str, Any]) -> Run:
    data = Dataset.__new__(Dataset)  # checked when it was made; float32 rows would not pass as float64 again
    held = decoded(told["data"], arrays)
    if "spectrum" in held:
        held["spectrum"] = Spectrum(*held["spectrum"])
    vars(data).update({**held, "origin": MappingProxyType(held["origin"])})
    methods = tuple(Method(*method) for method in told["methods"])
    return Run(told["name"], data, methods, decoded(told["trajectory"], arrays), told["delta"])


def _mapped(path: Path) -> np.ndarray:
    if path.stat().st_size <= 256 and not np.load(path, allow_pickle=False).size:  # nothing cannot be mapped
        return np.load(path, allow_pickle=False)
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
