"""Compilation of the .v files with coqc in a scratch folder, and queries to Coq for axioms and values."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from proofs_check.formal.sources import FOLDER, requirements, texts

INSTALL = (
    "coqc is not on the path: install Coq, 8.16 or newer (Debian and Ubuntu: apt-get install coq; macOS: brew install "
    "coq; elsewhere: opam install coq). Its standard library is enough"
)
CLASSICAL_REALS = (
    "ClassicalDedekindReals.sig_forall_dec",
    "ClassicalDedekindReals.sig_not_dec",
    "FunctionalExtensionality.functional_extensionality_dep",
)
"""The axioms of Coq's library of classical real numbers; no other axiom is allowed."""
_LIMIT = 600.0


class CoqMissing(Exception):
    """coqc is not installed; the message says what to install."""


class NotProved(Exception):
    """Coq rejected a file; the message is the first error, with its place."""


@dataclass(frozen=True)
class Compiled:
    """A folder of compiled files.

    Attributes:
        folder: the folder.
        version: the version of Coq.
        seconds: total wall time.
        each: wall time by file name, in the order of completion.
    """

    folder: Path
    version: str
    seconds: float
    each: dict[str, float]


def coqc() -> str:
    """Find the path of coqc.

    Raises:
        CoqMissing: coqc is not installed.
    """
    path = shutil.which("coqc")
    if path is None:
        raise CoqMissing(INSTALL)
    return path


def version() -> str:
    """Return the version of Coq, e.g. "8.16.1"."""
    process = subprocess.run([coqc(), "--print-version"], capture_output=True, text=True, timeout=60, check=False)
    return (process.stdout.split() or ["unknown"])[0]


def build(scratch: Path, jobs: int, source: Path = FOLDER) -> Compiled:
    """Compile every file from scratch.

    Args:
        scratch: an existing folder; the sources are copied into it.
        jobs: largest number of files that are compiled at the same time.
        source: the folder of the .v files.

    Returns:
        The folder of the compiled files, with times.

    Raises:
        CoqMissing: coqc is not installed.
        NotProved: Coq rejected a file.

    Cost:
        Some 15 s on two cores.
    """
    tool, began = version(), time.monotonic()
    files = texts(source)
    for name, text in files.items():
        (scratch / f"{name}.v").write_text(text, encoding="utf-8")
    waiting = {name: requirements(text) for name, text in files.items()}
    running: dict[Future[float], str] = {}
    each: dict[str, float] = {}
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while waiting or running:
                for name in [name for name, needs in waiting.items() if needs <= set(each)]:
                    del waiting[name]
                    running[pool.submit(_compile, scratch, name)] = name
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(done)
                    each[name] = done.result()
        except NotProved:
            pool.shutdown(cancel_futures=True)
            raise
    return Compiled(scratch, tool, time.monotonic() - began, each)


def _compile(folder: Path, name: str) -> float:
    began = time.monotonic()
    run(folder, name)
    return time.monotonic() - began


def run(folder: Path, name: str) -> str:
    """Compile one file of a folder and return its output.

    Raises:
        NotProved: Coq rejected the file or took more than ten minutes.
    """
    command = [coqc(), "-q", "-R", ".", "NagNtk", f"{name}.v"]
    try:
        process = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotProved(f"{name}.v: coqc took more than {_LIMIT:.0f} s") from None
    if process.returncode:
        message = " ".join((process.stderr or process.stdout).split())
        raise NotProved(f"{name}.v: {message[:600] or f'coqc ended with {process.returncode}'}")
    return process.stdout


def axioms(compiled: Compiled, theorems: Iterable[str], jobs: int) -> dict[str, tuple[str, ...]]:
    """Return the axioms that each theorem uses, as Print Assumptions names them.

    Args:
        compiled: from `build`.
        theorems: ids, "file.name".
        jobs: largest number of processes at the same time.

    Returns:
        id -> sorted names of axioms; an empty tuple for a theorem that needs none.

    Raises:
        NotProved: Coq gave no answer.

    Cost:
        Half a second of a core per theorem, because Coq visits everything that the theorem uses.
    """
    ids = list(theorems)
    jobs = min(jobs, len(ids))
    with ThreadPoolExecutor(jobs) as pool:
        parts = pool.map(lambda place: _axioms(compiled.folder, ids[place::jobs], f"assumptions{place}"), range(jobs))
        by_theorem = {name: rests for part in parts for name, rests in part.items()}
    return {name: by_theorem[name] for name in ids}


def all_axioms(compiled: Compiled, theorems: Iterable[str]) -> tuple[str, ...]:
    """Return the axioms that at least one of the theorems uses, with a single query.

    Args:
        compiled: from `build`.
        theorems: ids, "file.name"; at least two.

    Returns:
        The names of the axioms, sorted.
    """
    ids = list(theorems)
    files = " ".join(sorted({name.partition(".")[0] for name in ids}))
    together = ", ".join(f"@NagNtk.{name}" for name in ids)
    text = f"From NagNtk Require {files}.\nDefinition together := ({together}).\n"
    (compiled.folder / "together.v").write_text(text, encoding="utf-8")
    run(compiled.folder, "together")
    return _axioms(compiled.folder, ["together.together"], "assumptions")["together.together"]


def _axioms(folder: Path, ids: list[str], name: str) -> dict[str, tuple[str, ...]]:
    files = sorted({name.partition(".")[0] for name in ids})
    # a marker before each answer, because Print Assumptions does not repeat the name
    questions = [f'Goal True. idtac "@@ {each}". Abort.\nPrint Assumptions NagNtk.{each}.' for each in ids]
    lines = [f"From NagNtk Require {' '.join(files)}.", *questions]
    (folder / f"{name}.v").write_text("\n".join(lines) + "\n", encoding="utf-8")
    by_theorem = {}
    for part in run(folder, name).split("@@ ")[1:]:
        theorem, _, answer = part.partition("\n")
        # the name of an axiom begins a line; the lines of its type are indented
        names = re.findall(r"^([A-Za-z_][\w.']*)\s*(?::|$)", answer, flags=re.M)
        by_theorem[theorem.strip()] = tuple(sorted(set(names) - {"Axioms"}))
        if not names and "Closed under the global context" not in answer:
            raise NotProved(f"no answer about the axioms of {theorem.strip()}: {answer[:200]}")
    return by_theorem
