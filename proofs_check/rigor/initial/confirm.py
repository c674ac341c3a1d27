"""Recheck of a certificate after it is written: a run counts as proved only if the recheck confirms the file."""

import io
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from proofs_check.rigor.certificates import recheck as whole_run
from proofs_check.rigor.initial import recheck as initial
from proofs_check.rigor.initial import recheck_drawn

_HEAD = 4096


def objection(path: Path) -> str:
    """Recheck a file; return the objection, or "" if the file is confirmed.

    Args:
        path: the file, which is read alone, as by `nag-ntk recheck`.

    Returns:
        The sentence that `recheck` prints if it exits with code 1 or 2.

    Cost:
        About that of `prove`; for a certificate at initialisation see docs/initial-certificates.md.

    Example:
        >>> objection(Path("no such file"))[:15]
        'no certificate:'
    """
    check, _ = _program(path)
    with redirect_stdout(io.StringIO()) as output:
        code = check([str(path)])
    return "" if code == 0 else output.getvalue().strip()


def bounded(path: Path, memory: float, seconds: float) -> int:
    """Recheck a file in a process of its own; print one line.

    Args:
        path: the file.
        memory: GiB that the process may use.
        seconds: of a core that it may take.

    Returns:
        0 proved, 1 a claim fails or is not decided, 2 no certificate, or memory or time do not suffice.
    """
    return whole_run.bounded(str(path), memory, seconds, _program(path)[1])


def _program(path: Path) -> tuple[Callable[[list[str]], int], tuple[str, ...]]:
    """Choose the program by the format at the head of a file; that program checks the format again."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        head = b""
    for other in (initial, recheck_drawn):
        if other.FORMAT.encode() in head:
            return other.main, other.PLACE
    return whole_run.main, (whole_run.__file__,)
