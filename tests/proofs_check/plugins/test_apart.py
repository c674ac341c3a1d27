"""Lemmas of a user's own run in a child process: whatever one does there harms neither the study nor the others."""

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from proofs_check.judging.ask import outcomes_of
from proofs_check.judging.finding import Verdict
from proofs_check.judging.verdict import decide
from proofs_check.lemma import Inequality, Law
from proofs_check.lemmas import CATALOGUE
from proofs_check.plugins import CHILD, own, process
from proofs_check.running import passed
from proofs_check.running.prepare import RunSetup
from proofs_check.running.runner import execute, verify
from proofs_check.study.load import parse_study

STUDY = """
dataset: {source: sphere, samples: 3, dimension: 3}
methods: [gradient_descent]
width: 16
seeds: 200
steps: 4
"""
HEAD = """import ctypes, os, signal, subprocess, sys, threading, time
import numpy as np
from proofs_check.lemma import Inequality, Law, Lemma, Proof, Trials

def good(run):
    norms = run.trajectory.residual_norm
    return Inequality(norms, 3.0 * norms[..., :1], ("seed", "method", "step"))

def law(interval, kind=Law):
    return kind(0.5, interval, 1.0, 0.0, 100)

def lemma(function):
    globals()["L" + function.__name__] = Lemma(
        id=function.__name__.replace("_", "-"), title="t", statement="s", check=function, controls=())
    return function

@lemma
def first(run):
    return good(run)
"""
LATE = "TimeoutError: stopped after 0.5 s"
# name -> the body of the check, and how the reason of its row begins; None: its row stands
CASES = {
    "interval-loops": ("def f(level):\n    while True: pass  # here\nreturn law(f)", LATE),
    "interval-raises": ("return law(lambda level: 1 / 0)  # here", "ZeroDivisionError: division by zero"),
    "interval-exits": ("return law(lambda level: sys.exit(4))  # here", "RuntimeError: SystemExit(4) would have ended"),
    "interval-dies": ("return law(lambda level: os._exit(0))", "RuntimeError: the check ended its process, with exit"),
    "property-raises": (
        "class Bad(Law):\n    p_value = property(lambda self: 1 / 0, lambda self, value: None)  # here\n"
        "return law(lambda level: (-1, 1), Bad)",
        "ZeroDivisionError: division by zero",
    ),
    "swallows": (
        "while True:\n    try: time.sleep(9)  # here\n    except BaseException: pass",
        LATE,
    ),
    "deaf": (
        "for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)\n"
        "while True: time.sleep(1)  # here",
        LATE,
    ),
    "thread": ("threading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()\nreturn good(run)", None),
    "moves": ("os.chdir('/')\nreturn good(run)", None),
    "writes": ("a = run.trajectory.residual\na.setflags(write=True)  # here\na[...] = 0", "ValueError: cannot set"),
    "derived": (
        "a = run.trajectory.residual_norm\na.setflags(write=True)\na[...] = 0\nb = run.data.inputs\n"
        "run.data.__dict__['inputs'] = 0 * b\nreturn good(run)",
        None,
    ),
    "leaves": ("os._exit(0)", "RuntimeError: the check ended its process, with exit status 0"),
    "falls": ("ctypes.string_at(0)  # here", "RuntimeError: the process of the check was ended by SIGSEGV"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "RuntimeError: the process of the check was ended by SIGKILL"),
    "noise": (
        "for fd in range(3, 20):\n    try: os.write(fd, b'{\"parts\": []}' * 9)\n    except OSError: pass\n"
        "os.write(1, b'\\xff' * 10**6)\nreturn good(run)",
        None,
    ),
    "closes": ("os.closerange(0, 200)\nreturn good(run)", None),
    "fills": ("x = []\nwhile True: x.append(np.zeros(10**7))  # here", "MemoryError"),
    "forks": (
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\nreturn good(run)",
        None,
    ),
    "patches": (
        "import proofs_check.judging.returned as r\nnp.sort = np.argmin = np.asarray = None\nreturn good(run)",
        "TypeError",
    ),
    "interrupts": ("raise KeyboardInterrupt  # here", "KeyboardInterrupt"),
    "objects": ("return Proof(True, 0.0, 1.0, 'r', {'a': object()}, {'f': np.float64(2)})", None),
}  # fmt: skip


QUICK = [
    "interval-raises", "interval-exits", "property-raises", "swallows", "moves", "writes", "derived", "noise", "closes",
    "falls", "interrupts", "objects",
]  # fmt: skip


def text():
    body = HEAD
    for name, (lines, _) in CASES.items():
        body += f"\n@lemma\ndef {name.replace('-', '_')}(run):\n    " + lines.replace("\n", "\n    ") + "\n"
    return body + "\n@lemma\ndef last(run):\n    return good(run)\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    study = parse_study(STUDY, name="s", base=tmp_path_factory.mktemp("s"))
    return execute(study.runs[0], RunSetup.of(study.runs[0], CATALOGUE[:1], 0.1), 0.1)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("lemmas") / "bad.py"
    file.write_text(text())
    return file


def asked(run, path, names):
    """Lemmas asked one after the other, decided at the end."""
    before, here, lemmas = run.trajectory.residual.copy(), os.getcwd(), own.load(path)[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "MEMORY", 1.5 * 2**30 / (os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
        checks = [check for lemma in lemmas if lemma.id in names for check in outcomes_of(lemma, run, "s", 0.5)]
        found = {finding.lemma: finding for finding in decide(checks, 0.05)}
    assert (run.trajectory.residual == before).all()
    assert os.getcwd() == here
    assert len(found) == len(names)
    return found


def judge(finding, path):
    body, told = CASES.get(finding.lemma, ("", None))
    if told is None:
        assert finding.verdict is (Verdict.CERTIFIED if finding.lemma == "objects" else Verdict.SUPPORTED), finding
        return
    assert finding.verdict is Verdict.ERROR
    assert finding.reason.startswith(told), finding.reason
    lines = path.read_text().split("\n")
    start = lines.index(f"def {finding.lemma.replace('-', '_')}(run):")
    if "# here" in body:
        start = next(i for i in range(start, len(lines)) if lines[i].endswith("# here"))
        assert finding.reason.endswith(f"(bad.py:{start + 1})"), finding.reason
    else:
        assert f"(bad.py:{start}" in finding.reason or f"(bad.py:{start + 1}" in finding.reason, finding.reason


@pytest.fixture(scope="module")
def rows(run, path):
    return asked(run, path, [*QUICK, "first", "last"])


@pytest.mark.parametrize("name", [*QUICK, "first", "last"])
def test_what_a_check_does_is_told_in_its_own_row(rows, path, name):
    judge(rows[name], path)


@pytest.mark.slow
def test_all_that_a_check_may_do(run, path):
    names = [*CASES, "first", "last"]
    for finding in asked(run, path, names).values():
        judge(finding, path)
    mark = CHILD._folder.name.encode()
    CHILD.end()
    for folder in Path("/proc").glob("[0-9]*"):  # what "forks" began is gone
        try:
            assert mark not in (folder / "environ").read_bytes()
        except OSError:
            continue


def test_ctrl_c_ends_the_study_and_the_child(run, path):
    (lemma,) = [lemma for lemma in own.load(path)[0] if lemma.id == "swallows"]
    timer = threading.Timer(4.0, os.kill, (os.getpid(), signal.SIGINT))
    CHILD.begin()
    pid, folder = CHILD._process.pid, CHILD._folder
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        outcomes_of(lemma, run, "s", 60.0)
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_study_without_such_lemmas_starts_no_process(tmp_path):
    CHILD.end()
    study = parse_study(STUDY + "lemmas: [flip-inclusion]\n", name="s", base=tmp_path)
    assert verify(study).findings[0].verdict is Verdict.SUPPORTED
    assert CHILD._process is None


def test_objects_are_checked_here_on_copies(run):
    def check(run):
        array = run.trajectory.residual
        array = array if array.base is None else array.base
        array.setflags(write=True)
        array[...] = 0
        return Law(0.5, lambda level: __import__("sys").exit(3), 1.0, 0.0, 10)

    before = run.trajectory.residual.copy()
    lemma = replace(CATALOGUE[0], id="mine", check=check, scope="run")
    (finding,) = decide(outcomes_of(lemma, run, "s", 1.0), 0.05)
    assert finding.reason.startswith("RuntimeError: SystemExit(3) would have ended the program")
    assert (run.trajectory.residual == before).all()


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        (lambda norms: 3 * norms[:, :, :1], Verdict.SUPPORTED),
        (lambda norms: 3 * norms[:, :, :1].max(0, keepdims=True), Verdict.ERROR),
        (lambda norms: 3 * norms[:, :, :1].mean() + 0 * norms, Verdict.ERROR),
        (lambda norms: 9 * np.roll(norms, 1, axis=0).max() + 0 * norms, Verdict.ERROR),
    ],
)
def test_a_bound_that_mixes_seeds_is_an_error(run, bound, verdict):
    def check(run):
        norms = run.trajectory.residual_norm
        return Inequality(norms, bound(norms), ("seed", "method", "step"))

    lemma = replace(CATALOGUE[0], id="mine", check=check, scope="run", kind="every run")
    (finding,) = decide(outcomes_of(lemma, run, "s", 1.0), 0.05)
    assert finding.verdict is verdict, finding
    if verdict is Verdict.ERROR:
        assert "depends on the batch: seed" in finding.reason


def test_lemmas_that_passed_the_kit_are_known_by_content(tmp_path, monkeypatch):
    monkeypatch.setenv("NAG_NTK_CACHE", str(tmp_path))
    passed.remember("a", "growth")
    assert passed.has_passed("a", "growth")
    assert not passed.has_passed("a", "other")
    assert not passed.has_passed("b", "growth")
    monkeypatch.setenv("NAG_NTK_CACHE", "")
    passed.remember("a", "growth")
    assert not passed.has_passed("a", "growth")
