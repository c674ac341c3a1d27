"""Measure the peak memory of one program on one shape in a process of its own.

The process runs python -m proofs_check.bench.peak NAME CELL.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

from proofs_check.bench.contestants import CONTESTANTS
from proofs_check.bench.record import Cell, Peak
from proofs_check.running import session


def highest() -> int:
    """Return the peak of this process's resident memory in bytes.

    It is read from /proc if that exists, since getrusage includes the memory of the parent at the start of the process.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(contestant: str, cell: Cell, timeout: float = 600) -> Peak:
    """Measure the peak memory of a contestant in a process of its own.

    Raises:
        RuntimeError: if the process failed, with the last line that it wrote.
    """
    command = [sys.executable, "-m", __name__, contestant, cell.model_dump_json()]
    # the import path of this process, so that a checkout measures itself; no compilation cache, so that all compile
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "NAG_NTK_CACHE": ""}
    process = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
    )
    if process.returncode:
        last = process.stderr.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise RuntimeError(f"measuring the memory of {contestant} at {cell} failed: {last[0]}")
    return Peak(contestant=contestant, cell=cell, needed=int(process.stdout.split()[-1]))


def main(contestant: str, cell: str) -> None:
    """Print the number of bytes by which a run raises the peak memory of this process."""
    session.silence()
    session.prepare_jax()

    small = Cell(n=2, d=2, m=8, seeds=1, steps=1)
    CONTESTANTS[contestant](small).run()  # loads everything that any shape needs
    before = highest()
    CONTESTANTS[contestant](Cell.model_validate_json(cell)).run()
    sys.stdout.write(f"{highest() - before}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
