"""Submission of several studies to a cluster, one Slurm job each, by submitit (the extra `cluster`).

A job is `nag-ntk verify` as it would be typed, in a process of its own, so a job that dies is submitted
again with "--resume" among its arguments. docs/devices.md shows how.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nag_ntk import InputError


def study_job(config: str, out: str, arguments: Sequence[str] = ()) -> int:
    """Run `nag-ntk verify CONFIG --out OUT ...`, the work of one job.

    Returns:
        The exit code: 0 nothing refuted, 1 something refuted, others as `nag-ntk --help` has them.
    """
    command = [sys.executable, "-m", "proofs_check", "verify", config, "--out", out, "--quiet", *arguments]
    return subprocess.run(command, check=False).returncode


def submit(
    configs: Sequence[str | Path], out: Path, *, arguments: Sequence[str] = (), cluster: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> dict[Path, Any]:  # fmt: skip
    """Submit a job per configuration.

    Args:
        configs: YAML files, or names of bundled studies.
        out: folder of the results, a folder per configuration in it, called after the file.
        arguments: further arguments of `nag-ntk verify`.
        cluster: "slurm", "local" (processes of this machine), or None: Slurm where there is one.
        parameters: submitit's, such as timeout_min, cpus_per_task, slurm_partition.

    Returns:
        The folder of each configuration's results -> the submitted job; job.result() waits for its exit code.

    Raises:
        InputError: if submitit is not installed, or two configurations would share a folder.
    """
    try:
        import submitit  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(
            "jobs are submitted by submitit, which is not installed: pip install nag-ntk[cluster]"
        ) from None
    folders = [out.resolve() / Path(config).stem for config in configs]
    if not folders or len(set(folders)) < len(folders):
        raise InputError("configs must be one or more files of different names: their results go to folders so called")
    executor = submitit.AutoExecutor(folder=out.resolve() / "jobs", cluster=cluster)
    executor.update_parameters(name="nag-ntk", **(parameters or {}))
    resolved = [str(Path(config).resolve()) if Path(config).exists() else str(config) for config in configs]
    with executor.batch():
        jobs = [
            executor.submit(study_job, config, str(folder), tuple(arguments))
            for config, folder in zip(resolved, folders, strict=True)
        ]
    return dict(zip(folders, jobs, strict=True))
