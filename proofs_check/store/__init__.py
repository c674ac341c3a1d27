"""What a run leaves behind: manifest.json, results.json, trajectories.nc, sweep.nc, certificates; all whole or none.

The last step of the way of the data before a report. The manifest is written last and holds the digests of the
others, so a folder whose manifest agrees with its files is the outcome of one run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arrays import AXES, NUMBERS, VARIABLES, image, write_trajectories
from .behind import check_certificates, write_certificates
from .cells import Cells, already_done, changed, under_way
from .files import (
    CELLS,
    CERTIFICATES,
    FIGURES,
    MANIFEST,
    REPORT,
    RESULTS,
    SWEEP,
    TRAJECTORIES,
    StoreError,
    commit,
    digest,
    own_manifest,
    read_json,
    refuse_foreign,
    refuse_links,
    replaced,
    stage,
    write_json,
)
from .grid import read_sweep, side_by_side, write_grid
from .identity import request
from .manifest import SCHEMA, describe
from .series import RECORDED, Series, read_series
from .steps import EVERY

if TYPE_CHECKING:
    from ..runner import StudyResult

__all__ = [
    "AXES",
    "CELLS",
    "CERTIFICATES",
    "EVERY",
    "FIGURES",
    "MANIFEST",
    "NUMBERS",
    "RECORDED",
    "REPORT",
    "RESULTS",
    "SCHEMA",
    "SWEEP",
    "TRAJECTORIES",
    "VARIABLES",
    "Cells",
    "Series",
    "StoreError",
    "StoredResult",
    "already_done",
    "changed",
    "check_writable",
    "image",
    "read",
    "read_series",
    "read_sweep",
    "refuse_links",
    "replaced",
    "request",
    "side_by_side",
    "under_way",
    "write",
]


@dataclass(frozen=True)
class StoredResult:
    """What a folder holds.

    Attributes:
        rows: one mapping per finding, as ``Finding.to_row`` made it.
        slack: one mapping per link of the proof, as ``SlackRow.to_row`` made it.
        lemmas: one mapping per lemma that was asked for, as ``Lemma.described`` made it.
        runs: one mapping per run, as ``summary.summary`` made it.
        manifest: where the rows come from.
        notes: sentences about the study, as ``runner.verify`` made them.
        study: name of the study.
        level: family-wise error level of the verdicts.
    """

    rows: tuple[Mapping[str, Any], ...]
    manifest: Mapping[str, Any]
    study: str
    level: float
    slack: tuple[Mapping[str, Any], ...] = ()
    lemmas: tuple[Mapping[str, Any], ...] = ()
    runs: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


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
    result: "StudyResult", out: Path, *, wall_time: float, request: Mapping[str, Any] | None = None, config: str = ""
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
        write_json(staging / RESULTS, _results(result))
        write_trajectories(staging / TRAJECTORIES, result.runs, result.curves)
        grid = side_by_side(result.study.runs, result.runs)
        if grid is not None:
            write_grid(staging / SWEEP, grid)
        write_certificates(staging, result.certificates, [finding.to_row() for finding in result.findings])
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
        more = (tuple(results.get(name, ())) for name in ("slack", "lemmas", "runs", "notes"))
        return StoredResult(tuple(results["findings"]), manifest, str(results["study"]), float(results["level"]), *more)
    except (KeyError, TypeError, ValueError):
        raise StoreError(f"{out / RESULTS} lacks study, level or findings; verify again") from None


def _results(result: "StudyResult") -> dict[str, Any]:
    """What must come out again from the same study, but for the fields called wall_time."""
    from ..summary import summary

    rows = [finding.to_row() for finding in result.findings]
    slack = [row.to_row() for row in result.slack]
    lemmas = [lemma.described() for lemma in result.lemmas]
    head = {"schema": SCHEMA, "study": result.study.name, "level": result.study.level}
    runs = [summary(run) for run in result.runs]
    return {**head, "findings": rows, "slack": slack, "lemmas": lemmas, "runs": runs, "notes": list(result.notes)}
