"""What a run leaves behind: manifest.json, results.json and trajectories.nc, each whole or not at all.

The last step of the way of the data before a report. The manifest is written last and holds the digests of the
other two, so a folder whose manifest agrees with its files is the outcome of one run.
"""

import errno
import hashlib
import io
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # JAX and HDF5 are imported where they are needed, so that readers start fast
    from .lemma import Run
    from .runner import StudyResult

SCHEMA = 1
PACKAGE = "nag-ntk"
MANIFEST, RESULTS, TRAJECTORIES = "manifest.json", "results.json", "trajectories.nc"
_STAGING = ".nag-ntk-"
_STALE_AFTER = 3600  # seconds; staging takes moments, so an older folder is what a killed process left

AXES = ("seed", "algorithm", "step", "sample")
NUMBERS = {
    "eta": "step size",
    "beta": "momentum",
    "gamma": "weight of the change of the gradient",
    "delay": "steps by which growing momentum lags (0: constant)",
}
# name: (unit, long name) of the recorded arrays; all have the first three axes, the residual has the samples too
VARIABLES = {
    "residual": ("1", "residual xi = f(X) - y"),
    "residual_norm": ("1", "Euclidean norm of the residual"),
    "flip_fraction": ("1", "share of (neuron, sample) pairs whose activation differs from step 0"),
    "distance": ("1", "largest distance of a neuron's weights from their start"),
    "undecided": ("1", "number of pre-activations within their rounding bound of 0"),
}


class StoreError(ValueError):
    """A folder of results that cannot be written or read; the message says why and what to do."""


@dataclass(frozen=True)
class StoredResult:
    """What a folder holds.

    Attributes:
        rows: one mapping per finding, as ``Finding.to_row`` made it.
        slack: one mapping per link of the proof, as ``SlackRow.to_row`` made it.
        manifest: where the rows come from.
        study: name of the study.
        level: family-wise error level of the verdicts.
    """

    rows: tuple[Mapping[str, Any], ...]
    manifest: Mapping[str, Any]
    study: str
    level: float
    slack: tuple[Mapping[str, Any], ...] = ()


def check_writable(out: Path) -> None:
    """Refuse, before a long run, a folder that its results could not be written to.

    Tries it out and leaves no trace: folders made for the trial are removed again.

    Args:
        out: folder for the results; it may be absent, empty, or hold earlier results.

    Raises:
        StoreError: if it is a file, cannot be made or written, or holds anything but results of this program
            (hidden files do not count).
    """
    out = Path(out)
    with _stage(out, keep=False):
        _refuse_foreign(out)


def write(result: "StudyResult", out: Path, *, wall_time: float) -> None:
    """Write a finished study; on any failure the folder is as it was before.

    Args:
        result: from ``runner.verify``.
        out: the folder, made if absent.
        wall_time: seconds that the run took.

    Raises:
        StoreError: if the folder is not usable or the disk is full.
    """
    out = Path(out)
    with _stage(out) as staging:
        _refuse_foreign(out)
        _write_json(staging / RESULTS, _results(result))
        _write_trajectories(staging / TRAJECTORIES, result.runs)
        digests = {name: _digest(staging / name) for name in (RESULTS, TRAJECTORIES)}
        _write_json(staging / MANIFEST, _manifest(result, digests, wall_time))
        _commit(staging, out)


def read(out: Path) -> StoredResult:
    """Read the results of a run and check that they are whole.

    Args:
        out: a folder that ``write`` has written to.

    Raises:
        StoreError: if a file is missing, truncated, changed, or not of this program.
    """
    out = Path(out)
    if not (out / MANIFEST).exists():
        raise StoreError(f"{out} holds no results: it has no {MANIFEST}; run nag-ntk verify first")
    manifest = _own_manifest(out)
    if manifest.get("schema") != SCHEMA:
        raise StoreError(f"{out / MANIFEST} has schema {manifest.get('schema')!r}, this version reads {SCHEMA}")
    digests = manifest.get("files")
    if not isinstance(digests, dict) or not {RESULTS, TRAJECTORIES} <= digests.keys():
        raise StoreError(f"{out / MANIFEST} names no digests of the files beside it; verify again")
    for name in (RESULTS, TRAJECTORIES):
        try:
            same = _digest(out / name) == digests[name]
        except OSError as error:
            raise StoreError(f"{out / name} cannot be read: {error.strerror or error}; verify again") from None
        if not same:
            raise StoreError(f"{out / name} is not what {MANIFEST} says was written; verify again")
    results = _read_json(out / RESULTS)
    try:
        slack = tuple(results.get("slack", ()))
        return StoredResult(tuple(results["findings"]), manifest, str(results["study"]), float(results["level"]), slack)
    except (KeyError, TypeError, ValueError):
        raise StoreError(f"{out / RESULTS} lacks study, level or findings; verify again") from None


def _record(group: Any, run: "Run") -> None:
    """What one run recorded, as a netCDF group with the dimensions seed, algorithm, step and sample.

    The axis of the methods is called algorithm, since ``.sel(method=...)`` means something else in xarray.
    """
    import h5py
    import numpy as np

    t = run.trajectory
    facts = {name: getattr(t, name) for name in ("width", "start", "engine", "dtype", "weights_digest")}
    group.attrs.update({**facts, "delta": run.delta})
    group.dimensions = dict(zip(AXES, t.residual.shape, strict=True))

    def add(name: str, axes: Sequence[str], values: Any, long_name: str, units: str | None = None) -> None:
        variable = group.create_variable(name, axes, data=values)
        variable.attrs.update({"long_name": long_name} | ({"units": units} if units else {}))

    add("algorithm", ("algorithm",), np.array(_labels(t.methods), dtype=h5py.string_dtype()), "method")
    add("seed", ("seed",), np.asarray(t.seeds, np.int64), "seed number")
    add("step", ("step",), np.arange(t.residual.shape[2]), "training step")
    add("sample", ("sample",), np.arange(t.residual.shape[3]), "row of the dataset")
    for name, long_name in NUMBERS.items():
        add(name, ("algorithm",), np.array([getattr(m, name) for m in t.methods], float), long_name, "1")
    for name, (units, long_name) in VARIABLES.items():
        values = getattr(t, name)
        add(name, AXES[: values.ndim], values, long_name, units)
        group.variables[name].attrs["coordinates"] = " ".join(NUMBERS)


def _labels(methods: Any) -> list[str]:
    """Names of the methods; with their numbers where a name occurs twice."""
    names = [m.name for m in methods]
    return [m.name if names.count(m.name) == 1 else f"{m.name}(eta={m.eta!r}, beta={m.beta!r})" for m in methods]


def _results(result: "StudyResult") -> dict[str, Any]:
    """What must come out again from the same study, but for the fields called wall_time."""
    rows = [finding.to_row() for finding in result.findings]
    slack = [row.to_row() for row in result.slack]
    return {"schema": SCHEMA, "study": result.study.name, "level": result.study.level, "findings": rows, "slack": slack}


def _manifest(result: "StudyResult", digests: Mapping[str, str], wall_time: float) -> dict[str, Any]:
    import jax

    import nag_ntk
    from nag_ntk.network import KEY_IMPLEMENTATION

    from .config import study_as_dict

    finished = datetime.now(UTC)
    packages = ("jax", "jaxlib", "numpy", "scipy", "scikit-learn", "python-flint")
    runs = {}
    for run in result.runs:
        t = run.trajectory
        runs[run.name] = {
            "weights_digest": t.weights_digest, "engine": t.engine, "dtype": t.dtype, "seeds": len(t.seeds),
        }  # fmt: skip
    return {
        "schema": SCHEMA,
        "package": PACKAGE,
        "versions": {
            PACKAGE: nag_ntk.__version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in packages},
        },
        "platform": {
            "system": platform.platform(),
            "machine": platform.machine(),
            "backend": jax.default_backend(),
            "device_kind": jax.devices()[0].device_kind,
            "devices": len(jax.devices()),
        },
        "flags": {
            "x64": bool(jax.config.jax_enable_x64),  # pyright: ignore[reportAttributeAccessIssue]
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
        },
        "key_implementation": KEY_IMPLEMENTATION,
        "study": study_as_dict(result.study),
        "runs": runs,
        "skipped": list(result.skipped),
        "files": dict(digests),
        "wall_time": {
            "started": (finished - timedelta(seconds=wall_time)).isoformat(timespec="seconds"),
            "finished": finished.isoformat(timespec="seconds"),
            "seconds": round(wall_time, 3),
        },
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _write_trajectories(path: Path, runs: Any) -> None:
    """Laid out in memory, then written at once: HDF5 itself crashes the process when a disk is full."""
    import h5netcdf

    image = io.BytesIO()
    with h5netcdf.File(image, "w") as file:
        for run in runs:
            _record(file.create_group(run.name), run)
    path.write_bytes(image.getbuffer())
    _sync(path)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    _sync(path)


def _sync(path: Path) -> None:
    """Have the disk hold it, so that a file that got its final name is whole even after a power cut."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _stage(out: Path, *, keep: bool = True) -> Iterator[Path]:
    """A temporary folder inside `out`, hence in its filesystem; whatever happens, it is gone afterwards.

    Folders made on the way are removed too, unless the block succeeds and `keep` is set.
    """
    made = [folder for folder in (out, *out.parents) if not os.path.lexists(folder)]
    staging: Path | None = None
    done = False
    try:
        if out.exists() and not out.is_dir():
            raise StoreError(f"cannot write results to {out}: it is a file, not a folder; name another --out")
        out.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=out))
        yield staging
        done = True
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        cure = "make room or name another --out" if full else "name another --out"
        raise StoreError(f"cannot write results to {out}: {error.strerror or error}; {cure}") from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        if not (done and keep):
            with suppress(OSError):
                for folder in made:
                    folder.rmdir()


def _refuse_foreign(out: Path) -> None:
    """A folder may be empty or hold earlier results; anything else could be somebody's work."""
    others = sorted(entry.name for entry in out.iterdir() if not entry.name.startswith("."))
    if MANIFEST in others:
        _own_manifest(out)
    elif others:
        raise StoreError(f"{out} is not empty and has no {MANIFEST} (it holds {others[0]}); name another --out")
    for name in (MANIFEST, RESULTS, TRAJECTORIES):
        if (out / name).is_dir():
            raise StoreError(f"{out / name} is a folder; name another --out")
    for entry in out.glob(f"{_STAGING}*"):
        with suppress(OSError):
            if time.time() - entry.stat().st_mtime > _STALE_AFTER:
                shutil.rmtree(entry, ignore_errors=True)


def _own_manifest(out: Path) -> dict[str, Any]:
    manifest = _read_json(out / MANIFEST)
    if manifest.get("package") != PACKAGE:
        raise StoreError(f"{out / MANIFEST} was not written by {PACKAGE}; name another folder")
    return manifest


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise StoreError(f"{path} is damaged or truncated: it is not JSON; remove it and verify again") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path} was not written by {PACKAGE}: it holds no JSON object; name another folder")
    return value


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _commit(staging: Path, out: Path) -> None:
    """Give the staged files their names, the manifest last; if that fails, the earlier files come back."""
    kept = staging / "earlier"
    kept.mkdir()
    moved: list[str] = []
    try:
        for name in (RESULTS, TRAJECTORIES, MANIFEST):
            if (out / name).exists():
                shutil.copy2(out / name, kept / name)
        for name in (RESULTS, TRAJECTORIES, MANIFEST):
            moved.append(name)
            os.replace(staging / name, out / name)
    except BaseException:  # an interrupt too must not leave a mixture
        for name in moved:
            if (kept / name).exists():
                os.replace(kept / name, out / name)
            elif not (staging / name).exists():
                (out / name).unlink(missing_ok=True)
        raise
    with suppress(OSError):  # not every system can sync a folder
        handle = os.open(out, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
