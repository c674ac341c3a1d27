"""A study of two processes goes on where it was, after either of them died; what cannot be kept is said."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nag_ntk
from proofs_check.store import shared
from proofs_check.store.files import StoreError

pytest.importorskip("orbax.checkpoint")
pytestmark = pytest.mark.slow  # and needs the extra `cluster`
ROOT = str(Path(nag_ntk.__file__).parents[1])
STUDY = """
dataset: {source: sphere, samples: 4, dimension: 3}
methods: [gradient_descent, {name: nesterov, eta: 0.1, beta: 0.5}]
lemmas: [residual-recursion, distance, initial-residual]
width: 3000
seeds: 3
steps: STEPS
chunk: 50
runs:
  first: {}
  second: {key: 1}
"""


class Pair:
    """Two processes that run one study in one folder."""

    def __init__(self, place, *arguments, steps=400, text=STUDY):
        (place / "mine.yaml").write_text(text.replace("STEPS", str(steps)))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        path = os.pathsep.join([ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
        surroundings = {
            **os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1",
            "NAG_NTK_CACHE": str(place / "cache"),
        }  # fmt: skip
        command = [
            sys.executable, "-m", "proofs_check", "verify", "mine.yaml", "--quiet", "--save-every", "0", *arguments,
            "--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--process-id",
        ]  # fmt: skip
        self.processes = [
            subprocess.Popen(
                [*command, str(i)], cwd=place, env=surroundings, text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for i in range(2)
        ]  # fmt: skip

    def wait(self, timeout=200):
        """Exit codes, and what each wrote to stdout and stderr."""
        try:
            said = [process.communicate(timeout=timeout) for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()
        return [process.returncode for process in self.processes], said


def outcome(out):
    """The results but for their times: rows, and the bytes of the arrays."""
    results = json.loads((out / "results.json").read_text())
    for row in results["findings"]:
        del row["wall_time"]
    return results, (out / "trajectories.nc").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder in which an uninterrupted study ran, and its compiled programs."""
    place = tmp_path_factory.mktemp("pair")
    codes, said = Pair(place, "--out", "whole").wait()
    assert codes == [0, 0], said
    assert not (place / "whole" / "cells").exists()
    return place


def killed_while_a_run_is_kept(place, out, victim):
    """Kills one of the two once some chunks of the second run are kept; the code and words of the other."""
    pair = Pair(place, "--out", out)
    kept = place / out / "cells" / "second.3.steps" / "state.npz"
    until = time.monotonic() + 150
    while not kept.exists() and time.monotonic() < until:
        time.sleep(0.01)
    pair.processes[victim].send_signal(signal.SIGKILL)
    codes, said = pair.wait()
    assert codes[victim] == -signal.SIGKILL
    assert kept.exists(), said
    return codes[1 - victim], said[1 - victim][1]


@pytest.mark.parametrize("victim", [0, 1])
def test_a_peer_that_dies_costs_the_chunk_in_progress(whole, victim):
    out = f"died{victim}"
    code, words = killed_while_a_run_is_kept(whole, out, victim)
    assert code != 0
    if victim == 1:  # without the first process JAX itself may end the other
        assert "another process of the group is gone" in words
        assert "the same call with --resume goes on from there" in words
    codes, said = Pair(whole, "--out", out, "--resume").wait()
    assert codes == [0, 0], said
    assert "going on: finished runs kept" not in said[1][1], "only the first process speaks"
    assert outcome(whole / out) == outcome(whole / "whole")


def test_a_study_that_has_changed_keeps_what_asks_the_same(whole):
    killed_while_a_run_is_kept(whole, "changed", 1)
    text = STUDY.replace("{key: 1}", "{key: 2}") + "level: 0.01\n"
    codes, said = Pair(whole, "--out", "changed", "--resume", text=text).wait()
    assert codes == [0, 0], said
    assert (
        "the study has changed: study.level was 0.001 and is 0.01; study.runs.second.key was 1 and is 2" in said[0][1]
    )
    assert "second.3.steps is another run: key was 1 and is 2; it starts from the beginning" in said[0][1]
    assert "the kept run first" not in said[0][1]
    assert "has changed" not in said[1][1], "only the first process speaks"
    codes, said = Pair(whole, "--out", "afresh", text=text).wait()
    assert codes == [0, 0], said
    assert outcome(whole / "changed") == outcome(whole / "afresh")
    assert not (whole / "changed" / "cells").exists()


def test_a_damaged_state_is_told_and_the_run_begun_anew(whole):
    killed_while_a_run_is_kept(whole, "damaged", 0)
    steps = whole / "damaged" / "cells" / "second.3.steps"
    largest = max((path for path in steps.glob("state-*/**/*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    codes, said = Pair(whole, "--out", "damaged", "--resume").wait()
    assert codes == [0, 0], said
    assert "is damaged" in said[0][1]
    assert outcome(whole / "damaged") == outcome(whole / "whole")


def test_a_study_that_is_done_is_shown_and_not_run_again(whole):
    codes, said = Pair(whole, "--out", "whole", "--resume").wait()
    assert codes == [0, 0], said
    assert "nothing was run" in said[0][0]
    assert "nothing was run" not in said[1][0]


def test_another_study_in_the_folder_is_refused_in_both(whole):
    codes, said = Pair(whole, "--out", "whole", "--resume", steps=401).wait()
    assert codes == [2, 2]
    assert "another study" in said[0][1]
    assert "the first process cannot begin" in said[1][1]


def test_what_cannot_be_kept_is_said(tmp_path, monkeypatch):
    wanted, notes = {"study": 1}, []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with shared.under_way(tmp_path / "out", wanted, note=notes.append) as cells:
        assert cells is None
    assert "nag-ntk[cluster]" in notes[0]
    with pytest.raises(StoreError, match=r"nag-ntk\[cluster\]"), shared.under_way(tmp_path, wanted, resume=True):
        pass
    monkeypatch.undo()
    monkeypatch.setattr(nag_ntk.run.devices, "writes", lambda: False)
    with (
        pytest.raises(StoreError, match="a folder that all of them see"),
        shared.under_way(tmp_path / "elsewhere", wanted, resume=True),
    ):
        pass
    assert not (tmp_path / "elsewhere").exists()
