"""Manifest of a finished study: its configuration, the versions, the machine, and the digests of its files."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import Any

import jax

import nag_ntk
from nag_ntk.network import KEY_IMPLEMENTATION
from proofs_check.judging.result import StudyResult
from proofs_check.store.files import PACKAGE
from proofs_check.study.load import study_as_dict

SCHEMA = 2


def describe(
    result: "StudyResult", digests: Mapping[str, str], wall_time: float, request: Mapping[str, Any] | None,
    config: str = "", changes: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Collect everything that a reader needs to run the study again, and the digests of the other files."""
    finished = datetime.now(UTC)
    packages = ("jax", "jaxlib", "numpy", "scipy", "scikit-learn", "python-flint")
    runs = {}
    for run in result.runs:
        t = run.trajectory
        data = {"name": run.data.name, "samples": run.data.size, "dimension": run.data.dimension, **run.data.origin}
        runs[run.name] = {
            "weights_digest": t.weights_digest, "engine": t.engine, "dtype": t.dtype, "init": t.init,
            "seeds": len(t.seeds), "data": data,
        }  # fmt: skip
    return {
        "schema": SCHEMA,
        "package": PACKAGE,
        "versions": {
            PACKAGE: nag_ntk.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
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
        "config": config,
        "changes": list(changes),
        "study": study_as_dict(result.study),
        "runs": runs,
        "skipped": list(result.skipped),
        "files": dict(digests),
        "request": request,
        "wall_time": {
            "started": (finished - timedelta(seconds=wall_time)).isoformat(timespec="seconds"),
            "finished": finished.isoformat(timespec="seconds"),
            "seconds": round(wall_time, 3),
        },
    }


def version(package: str) -> str | None:
    """Return the installed version of a package, None if it is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
