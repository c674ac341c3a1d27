"""Write the results of a study to a folder atomically, and read them.

The manifest is written last and holds the digests of all other files, so files that agree with the manifest beside them
were written together.
"""

from collections.abc import Mapping, Sequence
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
        manifest: contents of manifest.json: the study, versions, machine and digests that the tables come from.
    """

    manifest: Mapping[str, Any] = field(default_factory=dict)


def check_writable(out: Path) -> None:
    """Check, before a long run, that its results can be written to a folder; leave the folder as it was.

    Args:
        out: folder for the results; it may be absent, empty, or hold earlier results.

    Raises:
        StoreError: if `out` is a file, cannot be made or written, or holds anything but results of this program
            (hidden files do not count).
    """
    out = Path(out)
    with stage(out, keep=False):
        refuse_foreign(out)


def write(
    result: StudyResult, out: Path, *, wall_time: float, request: Mapping[str, Any] | None = None, config: str = "",
    changes: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write the results of a finished study atomically: if this fails, the folder is as it was before.

    Args:
        result: from ``runner.verify``.
        out: the folder, made if absent.
        wall_time: seconds that the run took.
        request: everything that the numbers depend on, from ``identity.request``; a later `--resume` compares its own
            request with this one to decide if the study is done already.
        config: argument that named the study on the command line (a file or a bundled study), for a reader's advice
            on how to run the study again.
        changes: texts KEY=VALUE that changed the study on the command line, for the same advice.

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
        write_json(staging / MANIFEST, describe(result, digests, wall_time, request, config, changes))
        commit(staging, out)


def read(out: Path) -> StoredResult:
    """Read the results in a folder, and check every file against its digest in the manifest.

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
        StoreError: if the folder holds no intact results, or results of a study without a sweep.
    """
    if SWEEP not in read(out).manifest["files"]:
        raise StoreError(f"{out} holds no {SWEEP}: the study sweeps over nothing")
    return xarray.load_dataset(Path(out) / SWEEP, engine="h5netcdf")
