"""A study that is killed or terminated, at whatever moment, goes on where it was, with the same bits."""

import json
import multiprocessing
import os
import random
import signal
import time

import pytest
from tiers import family

STUDY = """
dataset: {source: sphere, samples: 4, dimension: 3}
methods: [gradient_descent, {name: nesterov, eta: 0.1, beta: 0.5}]
lemmas: [residual-recursion, distance, lazy-exit, initial-residual]
width: 32
seeds: 5
steps: 8
chunk: 3
runs:
  first: {}
  second: {key: 1}
  third: {key: 2}
"""
KILLS = int(os.environ.get("KILLS", "15"))
"""How often the slow test kills at random; one durable call in 150 / KILLS is tried too. 50 take some minutes."""
CALLS = ("fsync", "replace", "rename")
"""What makes a file durable or gives it its name: between two of them a killed process leaves what it left."""


def work(folder, arguments, die_at=0):
    """In a process of its own: the command line, which kills itself before the durable call of that number."""
    os.chdir(folder)
    os.environ["NAG_NTK_CACHE"] = str(folder.parent / "cache")
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    calls = 0

    def dying(original):
        def call(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return call

    for name in CALLS:
        setattr(os, name, dying(getattr(os, name)))
    from proofs_check.commands import cli

    try:
        cli.main(arguments)
    finally:
        (folder / "calls").write_text(str(calls))


@pytest.fixture(scope="module")
def server():
    """Processes that begin with everything imported and no device of JAX started."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["proofs_check.commands.verify", "proofs_check.running.runner", "proofs_check.store", "sklearn"]
    )
    return context


@pytest.fixture(scope="module")
def reference(server, tmp_path_factory):
    """The folder of an uninterrupted study, the seconds it took, and its number of durable calls."""
    folder = tmp_path_factory.mktemp("endurance") / "reference"
    for _ in range(2):  # the first fills the compilation cache
        begun = time.monotonic()
        assert start(server, folder, "--out", "out").wait() == 0, (folder / "log").read_text()
        spent = time.monotonic() - begun
    return folder, spent, int((folder / "calls").read_text())


class start:
    """A call of `nag-ntk verify` under way."""

    def __init__(self, server, folder, *arguments, die_at=0, every="0"):
        folder.mkdir(exist_ok=True)
        (folder / "small.yaml").write_text(STUDY)
        command = ["verify", "small.yaml", "--save-every", every, *arguments]
        self.process = server.Process(target=work, args=(folder, command, die_at))
        self.process.start()

    def wait(self):
        self.process.join(timeout=120)
        code = self.process.exitcode
        self.process.close()
        return code


def outcome(out):
    """The results but for their times: rows, losses, and the bytes of the arrays."""
    results = json.loads((out / "results.json").read_text())
    for row in results["findings"]:
        del row["wall_time"]
    return results, (out / "trajectories.nc").read_bytes()


def check_resumes(server, folder, reference):
    """Goes on after a kill; the outcome is that of the uninterrupted study, and nothing is left over."""
    assert start(server, folder, "--out", "out", "--resume").wait() == 0, (folder / "log").read_text()
    assert outcome(folder / "out") == outcome(reference / "out")
    assert sorted(path.name for path in (folder / "out").iterdir() if not path.name.startswith(".nag-ntk")) == [
        "figures", "manifest.json", "report.html", "results.json", "trajectories.nc",
    ]  # fmt: skip


def kill_at_random(server, reference, count, seed):
    folder, spent, _ = reference
    moments = random.Random(seed)
    for index in range(count):
        place = folder.parent / f"random-{seed}-{index}"
        running = start(server, place, "--out", "out")
        time.sleep(moments.uniform(0, spent))
        running.process.kill()
        running.wait()
        found = sorted(path.name for path in place.glob("out/cells/*.npz"))
        before = {name: (place / "out/cells" / name).stat().st_mtime_ns for name in found}
        assert found == ["first.5.npz", "second.5.npz", "third.5.npz"][: len(found)], before
        check_resumes(server, place, folder)


def test_a_study_killed_at_a_random_moment_goes_on(server, reference):
    kill_at_random(server, reference, 1, seed=1)


@pytest.mark.slow
def test_a_study_killed_at_many_random_moments_goes_on(server, reference):
    kill_at_random(server, reference, KILLS, seed=2)


def killed_before(server, reference, number):
    folder = reference[0].parent / f"call-{number}"
    assert start(server, folder, "--out", "out", die_at=number).wait() == -signal.SIGKILL
    check_resumes(server, folder, reference[0])


@pytest.mark.parametrize("share", family([0.2, 0.5, 0.9], lambda share: share == 0.5))
def test_a_study_killed_between_two_durable_calls_goes_on(server, reference, share):
    killed_before(server, reference, round(share * reference[2]))


@pytest.mark.slow
def test_a_study_killed_before_any_durable_call_goes_on(server, reference):
    for number in range(1, reference[2] + 1, max(1, 150 // KILLS)):
        killed_before(server, reference, number)


def test_a_terminated_study_says_how_to_go_on_and_does(server, reference):
    folder = reference[0].parent / "terminated"
    running = start(server, folder, "--out", "out")
    while not (folder / "out/cells/first.5.npz").exists():
        time.sleep(0.001)
    running.process.terminate()
    assert running.wait() == 143
    last = (folder / "log").read_text().strip().split("\n")[-1]
    assert last.startswith("nag-ntk: terminated; finished runs kept in out/cells: ")
    assert last.endswith("the same call with --resume goes on from there")
    assert not list((folder / "out").rglob("*.tmp")) + list((folder / "out").glob(".nag-ntk*"))
    check_resumes(server, folder, reference[0])


def test_a_termination_before_the_first_run_is_done_leaves_nothing(server, reference):
    folder = reference[0].parent / "terminated-early"
    running = start(server, folder, "--out", "out", every="60")
    while not (folder / "out/cells/study.json").exists():
        time.sleep(0.001)
    running.process.terminate()
    assert running.wait() == 143
    assert "nag-ntk: terminated; of this run nothing was kept" in (folder / "log").read_text()
    assert not list((folder / "out").glob("*")), "the folder itself may be left, empty"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_was_lost_is_raised_again(number):
    from proofs_check.running import session

    kind = session.Terminated if number == signal.SIGTERM else KeyboardInterrupt
    before = signal.getsignal(number)
    with session.terminable() as check:
        check()
        with pytest.raises(kind):  # and dropped, as a callback called from C would
            os.kill(os.getpid(), number)
        with pytest.raises(kind):
            check()
    assert signal.getsignal(number) == before


def test_a_signal_within_the_callback_of_the_garbage_collector_is_raised_after_it(capfd):
    from jax._src import lib

    from proofs_check.running import session

    assert hasattr(lib, session.GC_CALLBACK)

    def _xla_gc_callback():
        os.kill(os.getpid(), signal.SIGINT)

    with session.terminable() as check:
        _xla_gc_callback()
        with pytest.raises(KeyboardInterrupt):
            check()
    assert "Traceback" not in capfd.readouterr().err


def test_a_termination_that_is_ignored_stays_ignored():
    from proofs_check.running import session

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with session.terminable() as check:
            os.kill(os.getpid(), signal.SIGTERM)
            check()
    finally:
        signal.signal(signal.SIGTERM, before)
