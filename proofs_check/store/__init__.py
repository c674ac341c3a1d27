"""Files of a study: manifest.json, results.json, trajectories.nc, sweep.nc, certificates, and the runs under way."""

from proofs_check.judging.result import Tables
from proofs_check.store.arrays import image
from proofs_check.store.cells import Cells
from proofs_check.store.files import (
    CELLS,
    FIGURES,
    MANIFEST,
    REPORT,
    RESULTS,
    SWEEP,
    TRAJECTORIES,
    StoreError,
    refuse_links,
    replaced,
)
from proofs_check.store.folder import StoredResult, check_writable, read, read_sweep, write
from proofs_check.store.grid import side_by_side
from proofs_check.store.identity import request
from proofs_check.store.manifest import SCHEMA
from proofs_check.store.resume import already_done, changed, under_way
from proofs_check.store.series import RECORDED, Series, read_series
from proofs_check.store.steps import EVERY

__all__ = [
    "CELLS",
    "EVERY",
    "FIGURES",
    "MANIFEST",
    "RECORDED",
    "REPORT",
    "RESULTS",
    "SCHEMA",
    "SWEEP",
    "TRAJECTORIES",
    "Cells",
    "Series",
    "StoreError",
    "StoredResult",
    "Tables",
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
