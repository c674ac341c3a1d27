"""Program of the child process, which calls a user's own lemmas on runs that are mapped read-only.

A request is a line of JSON on standard input. An answer is a file, written under another name and renamed, so that a
check cannot write to it by accident. A crash here ends this process and not the study.
"""

import faulthandler
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np


def main() -> NoReturn:
    """Answer requests until standard input ends; the command-line argument is the folder for the answers."""
    folder = Path(sys.argv[1])
    requests = os.dup(0)  # the user's code finds standard input empty
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    _die_with_parent()
    try:
        from proofs_check.judging import answering  # noqa: F401

        (folder / "ready").touch()
        with open(requests, "rb", closefd=False) as lines:
            for line in lines:
                _answer(json.loads(line), folder)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)  # threads that do not end would keep the process alive
    raise AssertionError


def _answer(request: dict[str, Any], folder: Path) -> None:
    from proofs_check.judging import answering

    os.chdir(request["cwd"])
    sys.path[:] = request["path"]
    _limit(request["memory"])
    threads, names = threading.active_count(), _names()
    lines = (folder / "lines").open("w")
    faulthandler.enable(lines)
    if request["seconds"] is not None:
        faulthandler.dump_traceback_later(request["seconds"], file=lines)
    arrays: dict[str, np.ndarray] = {}
    header = answering.answer(request, arrays)
    faulthandler.cancel_dump_traceback_later()
    header["stirring"] = threading.active_count() > threads or _changed(names)
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    written = folder / f"writing-{request['number']}"
    with open(written, "wb") as file:
        np.savez(file, allow_pickle=False, header=text, **arrays)
    os.rename(written, folder / f"answer-{request['number']}.npz")
    try:
        lines.close()
    except OSError:  # a check closed all descriptors
        pass


def _names() -> dict[str, dict[str, Any]]:
    """Return module -> name -> value, for the modules that the next check relies on."""
    modules = ("numpy", "proofs_check", "nag_ntk")
    return {name: dict(vars(module)) for name, module in list(sys.modules.items()) if name.partition(".")[0] in modules}


def _changed(names: dict[str, dict[str, Any]]) -> bool:
    """Return True if a check has replaced one of these values."""
    return any(
        vars(sys.modules[module]).get(name) is not value
        for module, values in names.items()
        for name, value in values.items()
    )


def _limit(memory: int) -> None:
    """Limit the memory of the process and the sizes of its files."""
    import resource

    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
        hard = resource.getrlimit(kind)[1]
        soft = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(kind, (soft, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _die_with_parent() -> None:
    """Ask the system to end this process when the study ends, however it does (Linux)."""
    if sys.platform == "linux":
        import ctypes
        import signal

        prctl: Callable = ctypes.CDLL(None).prctl
        prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG
