"""Write the results of a study to a folder, and read them: all files whole, or none.

The manifest is written last and holds the digests of the others, so a folder whose manifest agrees with its files is
the outcome of one study.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray

from proofs_check.judging.result import StudyResult, Tables
from proofs_check.store.arrays import write_trajectories
from proofs_check.store.behind import check_certificates, write_certificates
from proofs_check.store.files import (
    CERTIFICATES,
    MANIFEST,
    RESULTS,
    SWEEP,
    TRAJECTORIES,
    StoreError,
    commit,
    digest,
    own_manifest,
    read_json,
    refuse_foreign,
    stage,
    write_json,
)
from proofs_check.store.grid import side_by_side, write_grid
from proofs_check.store.manifest import SCHEMA, describe


@dataclass(frozen=True)
class StoredResult(Tables):
    """The tables of a study as a folder holds them.

    Attributes:
        manifest: where the tables come from.
    """

    manifest: Mapping[str, Any] = field(default_factory=dict)


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
    with stage(out, keep=False):
        refuse_foreign(out)


def write(
    result: StudyResult, out: Path, *, wall_time: float, request: Mapping[str, Any] | None = None, config: str = ""
) -> None:
    """Write a finished study; on any failure the folder is as it was before.

    Args:
        result: from ``runner.verify``.
        out: the folder, made if absent.
        wall_time: seconds that the run took.
        request: what the numbers depend on (identity.py), kept so that a later call can tell whether it is done.
        config: what the study was called by on the command line, so that a reader can say how to run it again.

    Raises:
        StoreError: if the folder is not usable or the disk is full.
    """
    out = Path(out)
    with stage(out) as staging:
        refuse_foreign(out)
        tables = result.tables
        write_json(staging / RESULTS, {"schema": SCHEMA, **tables.as_dict()})
        write_trajectories(staging / TRAJECTORIES, result.runs, result.curves)
        grid = side_by_side(result.study.runs, result.runs)
        if grid is not None:
            write_grid(staging / SWEEP, grid)
        write_certificates(staging, result.certificates, tables.rows)
        files = sorted(path for path in staging.rglob("*") if path.is_file())
        digests = {path.relative_to(staging).as_posix(): digest(path) for path in files}
        write_json(staging / MANIFEST, describe(result, digests, wall_time, request, config))
        commit(staging, out)


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
    manifest = own_manifest(out)
    if manifest.get("schema") != SCHEMA:
        raise StoreError(f"{out / MANIFEST} has schema {manifest.get('schema')!r}, this version reads {SCHEMA}")
    digests = manifest.get("files")
    if not isinstance(digests, dict) or not {RESULTS, TRAJECTORIES} <= digests.keys():
        raise StoreError(f"{out / MANIFEST} names no digests of the files beside it; verify again")
    for name in digests:
        if name not in (RESULTS, TRAJECTORIES, SWEEP) and not name.startswith(f"{CERTIFICATES}/"):
            raise StoreError(f"{out / MANIFEST} names {name}, which is no file of results; verify again")
        try:
            same = digest(out / name) == digests[name]
        except OSError as error:
            raise StoreError(f"{out / name} cannot be read: {error.strerror or error}; verify again") from None
        if not same:
            raise StoreError(f"{out / name} is not what {MANIFEST} says was written; verify again")
    results = read_json(out / RESULTS)
    check_certificates(out, results.get("findings"), digests)
    try:
        return StoredResult.from_dict(results, manifest=manifest)
    except (KeyError, TypeError, ValueError):
        raise StoreError(f"{out / RESULTS} lacks study, level or findings; verify again") from None


def read_sweep(out: Path) -> xarray.Dataset:
    """Read the runs of a sweep side by side, as `grid.side_by_side` describes, from a folder of results.

    Args:
        out: a folder that `nag-ntk verify` has written to.

    Raises:
        StoreError: if it holds no whole results, or those of a study without a sweep.
    """
    if SWEEP not in read(out).manifest["files"]:
        raise StoreError(f"{out} holds no {SWEEP}: the study sweeps over nothing")
    return xarray.load_dataset(Path(out) / SWEEP, engine="h5netcdf")
