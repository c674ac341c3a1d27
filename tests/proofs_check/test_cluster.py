"""verify in two processes, and jobs of a cluster, on this machine."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import nag_ntk
from nag_ntk import InputError
from proofs_check import cluster

ROOT = str(Path(nag_ntk.__file__).parents[1])
STUDY = """
dataset: {source: sphere, samples: 4, dimension: 3}
methods: [gradient_descent, nesterov]
lemmas: [residual-recursion, distance, initial-residual]
width: 1100
seeds: 3
steps: 6
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(STUDY)
    return path


def surroundings(tmp_path):
    path = os.pathsep.join([ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {
        **os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1",
        "NAG_NTK_CACHE": str(tmp_path / "cache"),
    }  # fmt: skip


def verdicts(folder):
    rows = json.loads((folder / "results.json").read_text())["findings"]
    return [(row["lemma"], row["run"], row["verdict"]) for row in rows]


@pytest.mark.slow
def test_verify_in_two_processes_decides_as_one_and_writes_once(tmp_path, study):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = [sys.executable, "-m", "proofs_check", "verify", str(study), "--quiet", "--out"]
    group = ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--process-id"]
    calls = [[*base, "alone"], [*base, "both0", *group, "0"], [*base, "both1", *group, "1"]]
    running = [
        subprocess.Popen(
            call, cwd=tmp_path, env=surroundings(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for call in calls
    ]
    try:
        said = [process.communicate(timeout=400) for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert verdicts(tmp_path / "both0") == verdicts(tmp_path / "alone")
    assert len(verdicts(tmp_path / "alone")) >= 3
    assert not (tmp_path / "both1").exists()
    assert "Results in" in said[1][0]
    assert "Results in" not in said[2][0]  # the library that connects them says a line of its own


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--processes", "2"], "together"), (["--coordinator", "auto", "--processes", "2"], "together"),
        (["--coordinator", "h:1", "--processes", "2", "--process-id", "2"], "process 2 of 2"),
    ],
)  # fmt: skip
def test_processes_that_do_not_fit_together_end_with_one_sentence(tmp_path, study, arguments, words):
    done = subprocess.run(
        [sys.executable, "-m", "proofs_check", "verify", str(study), *arguments], cwd=tmp_path,
        env=surroundings(tmp_path), capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow  # needs the extra `cluster`
def test_a_job_per_configuration(tmp_path, study, monkeypatch):
    pytest.importorskip("submitit")
    for name, value in surroundings(tmp_path).items():
        monkeypatch.setenv(name, value)
    other = tmp_path / "other.yaml"
    other.write_text(STUDY.replace("width: 1100", "width: 64"))
    jobs = cluster.submit([study, other], tmp_path / "out", arguments=["--seeds", "2"], cluster="local")
    assert [path.name for path in jobs] == ["mine", "other"]
    for folder, job in jobs.items():
        assert job.result() == 0
        job._process.wait()  # submitit leaves its local processes unwaited for, and Python warns of that
        assert len(verdicts(folder)) >= 3
        manifest = json.loads((folder / "manifest.json").read_text())
        assert '"seeds": 2' in json.dumps(manifest)


@pytest.mark.slow
def test_jobs_that_cannot_be_are_named(tmp_path, study, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(InputError, match=r"nag-ntk\[cluster\]"):
        cluster.submit([study], tmp_path)
    monkeypatch.undo()
    pytest.importorskip("submitit")
    for configs in ([], [study, study]):
        with pytest.raises(InputError, match="different names"):
            cluster.submit(configs, tmp_path, cluster="local")
