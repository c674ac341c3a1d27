"""The command line: exit codes, one sentence per mistake, nothing left behind, and readers that go away."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from in_process import STUDY

from proofs_check import store
from proofs_check.commands import lemmas as lemmas_command
from proofs_check.judging.finding import Finding, Verdict
from proofs_check.judging.result import StudyResult
from proofs_check.lemmas import CATALOGUE
from proofs_check.running import runner

ROOT = Path(__file__).resolve().parents[3]


def environment(folder):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("JAX_", "COV_"))}
    return clean | {"PYTHONPATH": str(ROOT), "NAG_NTK_CACHE": str(folder / "cache"), "COLUMNS": "80"}


def command(*arguments):
    return [sys.executable, "-m", "proofs_check", *arguments]


def shell(folder, *arguments, **variables):
    """The program in a process of its own."""
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment(folder) | variables, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=300, encoding="utf-8",
    )  # fmt: skip


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Two runs of one study in an empty folder, in processes of their own."""
    folder = tmp_path_factory.mktemp("twice")
    (folder / "tiny.yaml").write_text(STUDY)
    # programs of an earlier run of the tests will do: test_interrupt_of_a_process sees that they are kept
    kept = {name: os.environ[name] for name in ("NAG_NTK_CACHE",) if name in os.environ}
    more = ([], ["--out", "again", "--quiet"])
    return folder, [shell(folder, "verify", "tiny.yaml", *words, **kept) for words in more]


def test_verify_writes_results_and_shows_them(twice):
    folder, (first, _) = twice
    assert first.returncode == 0, first.stderr
    stored = store.read(folder / "nag-ntk-results" / "tiny")
    assert len(stored.rows) > len(CATALOGUE) - 2  # heavy ball is not in this study; some lemmas have parts
    for row in stored.rows:
        assert row["lemma"] in first.stdout
        told = row["verdict"] not in ("SUPPORTED", "CERTIFIED")
        assert ("".join(row["reason"].split()) in "".join(first.stdout.split())) == told
    assert max(map(len, first.stdout.split("\n"))) <= 80
    assert "never proves a statement about all of them" in first.stdout
    assert "nag-ntk-results/tiny" in first.stdout
    assert "\x1b" not in first.stdout + first.stderr
    assert "100%" in first.stderr
    assert stored.manifest["flags"]["x64"] is True


def test_verify_again_gives_the_same_but_for_times(twice):
    folder, (_, second) = twice
    assert second.returncode == 0, second.stderr
    assert second.stderr == ""
    assert "none refuted" in second.stdout
    assert "flip-count" not in second.stdout
    first, again = (
        json.loads((folder / path / "results.json").read_text()) for path in ("nag-ntk-results/tiny", "again")
    )
    for row in first["findings"] + again["findings"]:
        assert row.pop("wall_time") >= 0
    assert first == again


def test_select_and_seeds_are_what_the_manifest_states(call):
    end = call("verify", "tiny.yaml", "--select", "distance", "--select", "flip-count", "--seeds", "3", "--out", "o")
    assert end.code == 0, end.err
    stored = store.read(Path("o"))
    assert [row["lemma"] for row in stored.rows] == ["flip-count", "distance", "distance/sharp"]
    assert stored.manifest["study"]["lemmas"] == ["distance", "flip-count"]
    assert stored.manifest["study"]["runs"]["tiny"]["seeds"] == 3
    assert stored.manifest["runs"]["tiny"]["seeds"] == 3


@pytest.mark.parametrize(
    ("verdicts", "options", "code"),
    [
        (["SUPPORTED", "VACUOUS"], [], 0),
        (["SUPPORTED", "VACUOUS"], ["--strict"], 4),
        (["SUPPORTED"], ["--strict"], 0),
        (["ERROR", "VACUOUS"], ["--strict"], 3),
        (["ERROR", "REFUTED"], [], 1),
    ],
)
def test_exit_codes(call, monkeypatch, verdicts, options, code):
    findings = tuple(Finding("distance", "tiny", Verdict(verdict), "so") for verdict in verdicts)
    monkeypatch.setattr(
        runner, "verify", lambda study, **_: StudyResult(study, findings, (), ("gd-contraction @ tiny",))
    )
    end = call("verify", "tiny.yaml", "--out", "o", *options)
    assert end.code == code
    assert [row["verdict"] for row in store.read(Path("o")).rows] == verdicts


MISTAKES = {
    "no file": (["nofile.yaml"], "nofile.yaml: no such file"),
    "nearly bundled": (["quik"], 'did you mean "quick"'),
    "folder": (["."], "a folder"),
    "unknown key": (["bad.yaml"], 'bad.yaml:2:1: widht: unknown key; did you mean "width"?'),
    "binary": (["binary.yaml"], "not UTF-8 text"),
    "parallel inputs": (["parallel.yaml"], ""),
    "too large": (["huge.yaml"], "the run needs about"),
    "select": (["tiny.yaml", "--select", "distnce"], 'no lemma is called "distnce"; did you mean "distance"?'),
    "no seeds": (["tiny.yaml", "--seeds", "0"], "'--seeds': 0 is not in the range"),
    "no number": (["tiny.yaml", "--seeds", "many"], "'many' is not a valid integer"),
    "option": (["tiny.yaml", "--frob"], "--frob"),
    "two files": (["tiny.yaml", "tiny.yaml"], "unexpected extra argument"),
    "out is a file": (["tiny.yaml", "--out", "bad.yaml"], "bad.yaml: it is a file, not a folder"),
    "out under a file": (["tiny.yaml", "--out", "bad.yaml/deep"], "bad.yaml/deep: Not a directory"),
    "out is foreign": (["tiny.yaml", "--out", "."], "is not empty and has no manifest.json"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_one_sentence_and_leave_nothing(call, tmp_path, case):
    arguments, message = MISTAKES[case]
    (tmp_path / "bad.yaml").write_text("seeds: 4\nwidht: 32\n" + STUDY.replace("seeds: 4\n", ""))
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "parallel.yaml").write_text(STUDY.replace("dimension: 3", "dimension: 1"))
    (tmp_path / "huge.yaml").write_text(STUDY.replace("width: 32", "width: 100000000000"))
    before = sorted(tmp_path.rglob("*"))
    end = call("verify", *arguments)
    assert end.code == 2, end.err
    last = end.err.strip().split("\n")[-1]
    assert last.startswith("nag-ntk: ")
    assert message in last
    assert "Traceback" not in end.err
    assert end.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_all_problems_of_a_config_are_told(call, tmp_path):
    (tmp_path / "bad.yaml").write_text("widht: 3\nsteps: -1\n")
    end = call("verify", "bad.yaml")
    assert end.code == 2
    assert end.err.startswith("nag-ntk: 6 problems in bad.yaml:\n  bad.yaml:1:1: widht: unknown key")


def test_a_full_disk_still_shows_the_verdicts(call, monkeypatch):
    def full(*_, **__):
        raise store.StoreError("cannot write results to o: No space left on device; make room")

    monkeypatch.setattr(store, "write", full)
    end = call("verify", "tiny.yaml", "--select", "distance", "--out", "o")
    assert end.code == 2
    assert "nag-ntk: cannot write results to o: No space left" in end.err
    assert "2 inconclusive" in end.out
    assert "Results in" not in end.out


@pytest.mark.parametrize(("place", "kept"), [((runner, "verify"), 0), ((store, "write"), 1)])
def test_interrupt(call, monkeypatch, place, kept):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*place, interrupt)
        end = call("verify", "tiny.yaml", "--select", "distance")
    assert end.code == 130
    last = end.err.strip().split("\n")[-1]
    assert last.startswith("nag-ntk: interrupted")
    assert len(list(Path().rglob("*.npz"))) == kept
    if kept:
        assert "finished runs kept in nag-ntk-results/tiny/cells: 1; the same call with --resume" in last
        assert call("verify", "tiny.yaml", "--select", "distance", "--resume").code == 0
        assert not list(Path().rglob("*.npz"))
    else:
        assert not Path("nag-ntk-results").exists()


def test_resume_of_a_finished_study_shows_it_and_runs_nothing(call, monkeypatch):
    arguments = ("verify", "tiny.yaml", "--select", "distance", "--strict")
    first = call(*arguments)
    with monkeypatch.context() as patch:
        patch.setattr(runner, "simulate", None)
        end = call(*arguments, "--resume")
    assert (first.code, end.code) == (4, 4)  # four seeds decide nothing
    last = "Results in nag-ntk-results/tiny are of this study already; nothing was run."
    assert end.out.strip().split("\n")[-1] == last
    assert end.out.split("\n")[:5] == first.out.split("\n")[:5]
    other = call("verify", "tiny.yaml", "--resume")
    assert other.code == 2
    assert "holds the results of another study: study.lemmas" in other.err


def test_resume_says_what_it_reads_and_what_is_damaged(call, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", interrupt)
        call("verify", "tiny.yaml", "--select", "distance")
    folder = Path("nag-ntk-results/tiny/cells")
    (folder / "tiny.4.npz").write_bytes(b"")
    refused = call("verify", "tiny.yaml", "--select", "distance")
    assert refused.code == 2
    assert "holds a study under way (finished runs: 1); --resume goes on with it" in refused.err
    end = call("verify", "tiny.yaml", "--select", "distance", "--resume")
    assert end.code == 0
    lines = [line for line in end.err.split("\n") if line.startswith("nag-ntk: ")]
    assert lines[0] == f"nag-ntk: going on: finished runs kept in {folder}: 1"
    assert lines[1].startswith(f"nag-ntk: {folder}/tiny.4.npz is damaged (")


def test_interrupt_of_a_process(tmp_path):
    (tmp_path / "long.yaml").write_text(STUDY.replace("steps: 5", "steps: 2000000\nchunk: 100"))
    process = subprocess.Popen(
        command("verify", "long.yaml"), cwd=tmp_path, env=environment(tmp_path), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("cache/*")) and time.monotonic() < deadline:  # compiled for the run
        time.sleep(0.05)
    assert list(tmp_path.glob("cache/*"))
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert err.strip().split("\n")[-1].startswith("nag-ntk: interrupted")
    assert "Traceback" not in err
    assert not (tmp_path / "nag-ntk-results").exists()


def test_the_unexpected_is_one_line_and_exit_3(call, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(runner, "verify", broken)
    end = call("verify", "tiny.yaml")
    assert end.code == 3
    assert "nag-ntk: internal error: ZeroDivisionError: a b (test_cli.py:" in end.err
    assert "Traceback" not in end.err
    monkeypatch.setenv("NAG_NTK_DEBUG", "1")
    assert "Traceback" in call("verify", "tiny.yaml").err


def test_lemmas(call):
    end = call("lemmas")
    assert [line.split()[0] for line in end.out.splitlines()] == [lemma.id for lemma in CATALOGUE]
    listed = json.loads(call("lemmas", "--json").out)
    assert [lemma["id"] for lemma in listed] == [lemma.id for lemma in CATALOGUE]
    assert all(lemma["statement"] and len(lemma["controls"]) >= 2 for lemma in listed)


@pytest.mark.parametrize("lemma", CATALOGUE, ids=lambda lemma: lemma.id)
def test_explain(call, lemma):
    end = call("explain", lemma.id)
    assert end.code == 0
    packed = "".join(end.out.split())
    for text in (lemma.statement, lemma.hypotheses, lemma.kind, lemma.source, lemma.decision):
        assert "".join(text.split()) in packed
    assert ("source not re-read" in " ".join(end.out.split())) == (lemma.provenance != "derived")
    for control in lemma.controls:
        assert "".join(control.statement.split()) in packed


def test_explain_accepts_a_part_and_helps_with_a_slip(call):
    assert call("explain", "nesterov-contraction/sharp").code == 0
    end = call("explain", "Gram_Limt")
    assert (end.code, end.err) == (2, 'nag-ntk: no lemma is called "Gram_Limt"; did you mean "gram-limit"?\n')
    assert "nag-ntk lemmas lists them" in call("explain", "zzz").err


def test_recalled_sources_say_so():
    assert lemmas_command._PROVENANCE["recalled"] == "source not re-read"
    assert {lemma.provenance for lemma in CATALOGUE} <= lemmas_command._PROVENANCE.keys()


def test_schema(call):
    assert json.loads(call("schema").out)["properties"]["width"]["minimum"] == 1


def test_help_and_version(call):
    assert call("--help").code == 0
    assert "verify" in call().out
    assert call().code == 2
    assert call("--version").out.startswith("nag-ntk 0.")
    assert "--strict" in call("verify", "--help").out


@pytest.mark.parametrize("arguments", [["lemmas", "--json"], ["explain", "gram-limit"]])
def test_a_reader_that_goes_away(tmp_path, arguments):
    process = subprocess.Popen(
        command(*arguments), cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()  # long before the program prints
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=120) == 0


CACHED = """
import sys
import jax
counts = {"cache_hits": 0, "cache_misses": 0}
def count(event, **_):
    name = event.rsplit("/", 1)[-1]
    if name in counts:
        counts[name] += 1
jax.monitoring.register_event_listener(count)
from proofs_check.commands import cli
cli._leave = lambda code: None
try:
    cli.main(["verify", "tiny.yaml", "--select", "distance", "--quiet"])
finally:
    print(counts["cache_hits"], counts["cache_misses"])
"""


@pytest.mark.slow
def test_a_second_process_compiles_nothing_again(tmp_path):
    (tmp_path / "tiny.yaml").write_text(STUDY)
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", CACHED], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True,
            timeout=300,
        )  # fmt: skip
        found.append([int(word) for word in done.stdout.split()[-2:]])
    (_, compiled), (read, again) = found
    assert compiled > 3
    assert (read, again) == (compiled, 0)
