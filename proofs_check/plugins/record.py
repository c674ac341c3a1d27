"""Write runs to files, one .npy per array and a header in JSON, and read them as read-only maps."""

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from nag_ntk import Dataset
from nag_ntk.gram import Spectrum
from nag_ntk.run.encoding import decoded, encoded
from proofs_check.lemma import Run

HEADER = "header.json"


def write(subject: Run | tuple[Run, ...], folder: Path) -> None:
    """Write one run or several to a new folder.

    Args:
        subject: the run or runs; their `unrecorded` is left out.
        folder: path of the folder, which must not exist.
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
    """Read the runs in a folder; their arrays are read-only maps of its files."""
    header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
    arrays = {name: _mapped(folder / f"{index}.npy") for index, name in enumerate(header["arrays"])}
    runs = tuple(_decoded(run, arrays) for run in header["runs"])
    return runs if header["several"] else runs[0]


def _encoded(run: Run, name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    # includes the cached properties of the dataset, so that H_inf and its spectrum are not computed again
    data = {key: tuple(value) if isinstance(value, Spectrum) else value for key, value in vars(run.data).items()}
    return {
        "name": run.name,
        "data": encoded({**data, "origin": dict(run.data.origin)}, f"{name}.data", arrays),
        "methods": encoded(run.methods, f"{name}.methods", arrays),
        "trajectory": encoded(run.trajectory, f"{name}.trajectory", arrays),
        "delta": run.delta,
    }


def _decoded(header: dict[str, Any], arrays: dict[str, Any]) -> Run:
    data = Dataset.__new__(Dataset)  # validated already; rows of length 1 in float32 would be refused in float64
    fields = decoded(header["data"], arrays)
    if "spectrum" in fields:
        fields["spectrum"] = Spectrum(*fields["spectrum"])
    vars(data).update({**fields, "origin": MappingProxyType(fields["origin"])})
    return Run(
        header["name"], data, decoded(header["methods"], arrays), decoded(header["trajectory"], arrays), header["delta"]
    )


def _mapped(path: Path) -> np.ndarray:
    if path.stat().st_size <= 256 and not np.load(path, allow_pickle=False).size:  # an empty array cannot be mapped
        return np.load(path, allow_pickle=False)
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
