"""The runs kept of a study under way: the same bits again, and what is damaged, foreign or of another study is told."""

import dataclasses
import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest
import small

from nag_ntk import sphere
from nag_ntk.run.encoding import encoded
from proofs_check import store
from proofs_check.lemmas import CATALOGUE
from proofs_check.running import looks, runner
from proofs_check.running.prepare import RunSetup
from proofs_check.store import sealed
from proofs_check.store.files import replaced
from proofs_check.store.identity import code_digest, difference
from proofs_check.store.lock import LOCK, lock
from proofs_check.study.load import parse_study

ROOT = Path(__file__).resolve().parents[3]
STUDY = small.STUDY + "runs: {first: {}, second: {key: 1}}\n"


def parse(text=STUDY):
    return parse_study(text, name="small.yaml", base=Path())


def run(out, study=None, *, resume=False, notes=None, stop_at=None, max_seeds=None):
    """Runs a study as the command line does; `stop_at` interrupts it when that run is about to be done."""

    def progress(name, done, total):
        if name == stop_at:
            raise KeyboardInterrupt

    study = study or parse()
    wanted = store.request(study, max_seeds)
    with store.under_way(out, wanted, resume=resume, note=(notes if notes is not None else []).append) as cells:
        if max_seeds is None:
            result = runner.verify(study, cells=cells, progress=progress)
        else:
            result = looks.verify_until_decided(study, max_seeds, cells=cells, progress=progress)
        store.write(result, out, wall_time=1, request=wanted)
        cells.discard()
    return result


def outcome(out):
    results = json.loads((out / "results.json").read_text())
    for row in results["findings"]:
        del row["wall_time"]
    return results, (out / "trajectories.nc").read_bytes()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of an uninterrupted study."""
    out = tmp_path_factory.mktemp("cells") / "whole"
    run(out)
    return out


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a study that was interrupted in its second run."""
    out = tmp_path_factory.mktemp("cells") / "stopped"
    with pytest.raises(KeyboardInterrupt):
        run(out, stop_at="second")
    return out


@pytest.fixture
def half(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "half")


def test_finished_runs_are_kept_until_the_study_is_done(whole, half):
    assert names(half) == ["cells"]
    assert names(half / "cells") == ["first.4.npz", "study.json"]
    run(half, resume=True)
    assert outcome(half) == outcome(whole)
    assert names(half) == names(whole) == ["manifest.json", "results.json", "trajectories.nc"]


def test_a_kept_run_is_read_and_not_simulated(half, monkeypatch):
    calls = []
    simulate = runner.simulate
    monkeypatch.setattr(
        runner, "simulate", lambda *args, **kwargs: calls.append(kwargs["key"]) or simulate(*args, **kwargs)
    )
    run(half, resume=True)
    assert calls == [1]


def same_bits(first, second):
    assert type(first) is type(second)
    if isinstance(first, np.ndarray):
        assert (first.dtype, first.shape) == (second.dtype, second.shape)
        assert first.tobytes() == second.tobytes()
    elif is_dataclass(first):
        for field in fields(first):
            same_bits(getattr(first, field.name), getattr(second, field.name))
    elif isinstance(first, tuple):
        for one, other in zip(first, second, strict=True):
            same_bits(one, other)
    else:
        assert first == second


@pytest.mark.parametrize("recorded", ["everything", "little"])
def test_a_trajectory_comes_back_bit_for_bit(tmp_path, recorded):
    """Among its entries NaN, infinities and -0.0, which equality would not tell from others."""
    lemmas = CATALOGUE if recorded == "everything" else ()
    made = runner.execute(parse().runs[0], RunSetup.of(parse().runs[0], lemmas, 0.1), 0.1).trajectory
    residual = made.residual.copy()
    residual.flat[:4] = np.nan, np.inf, -np.inf, -0.0
    made = dataclasses.replace(made, residual=residual)
    assert (made.recursion is not None) == (made.gram_path is not None) == bool(lemmas)
    cells = store.Cells(tmp_path)
    same_bits(cells.keep("a", 4, {"x": 0.1}, made), made)
    same_bits(cells.read("a", 4, {"x": 0.1}), made)
    assert cells.read("a", 5, {"x": 0.1}) is None


def test_what_cannot_be_kept_is_refused(tmp_path):
    for value in ({1, 2}, (object(),), np.array([None])):
        with pytest.raises(TypeError, match="a cell cannot keep"):
            encoded(value, "x", {})


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)


def inside(path):
    """A place in the middle of the largest array: not every byte of an archive's headers says something."""
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda member: member.compress_size)
    return largest.header_offset + largest.compress_size // 2


DAMAGE = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-50]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "no archive": lambda path: path.write_text("hello"),
    "an array": lambda path: np.save(path.open("wb"), np.ones(3)),
    "a bit": lambda path: flip(path, inside(path)),
    "other arrays": lambda path: np.savez(path, header=np.ones(3), digest=np.ones(3)),
    "pickle": lambda path: np.savez(path, header=np.array([{}], dtype=object)),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_told_and_simulated_again(whole, half, damage):
    DAMAGE[damage](half / "cells" / "first.4.npz")
    notes = []
    run(half, resume=True, notes=notes)
    [note] = notes
    assert "first.4.npz is damaged (" in note
    assert note.endswith("; the run is simulated again")
    assert "\n" not in note
    assert outcome(half) == outcome(whole)


def test_no_flipped_bit_changes_what_is_read(half):
    path, good = half / "cells" / "first.4.npz", (half / "cells" / "first.4.npz").read_bytes()
    question = sealed.load(path)[0]["question"]
    notes = []
    cells = store.Cells(path.parent, notes.append)
    made = cells.read("first", 4, question)
    positions = np.random.default_rng(0).choice(len(good), 300, replace=False)
    for position in positions:
        path.write_bytes(good)
        flip(path, position)
        read = cells.read("first", 4, question)
        if read is not None:  # the flip hit what carries no value, such as the time of a member
            same_bits(read, made)
    assert len(notes) > 0.5 * len(positions)


def test_a_digest_that_agrees_with_itself_alone_is_noticed(half):
    """The archive's own checksums are right, an array is not."""
    path = half / "cells" / "first.4.npz"
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["residual"] = arrays["residual"] + 1e-12
    np.savez(path, **arrays)
    notes = []
    run(half, resume=True, notes=notes)
    assert "its digest does not agree" in notes[0]


def simulated(monkeypatch):
    """A list of what is simulated from now on: (key, width)."""
    calls, simulate = [], runner.simulate

    def counted(data, methods, width, seeds, steps, **options):
        calls.append((options["key"], width))
        return simulate(data, methods, width, seeds, steps, **options)

    monkeypatch.setattr(runner, "simulate", counted)
    return calls


def test_data_that_changed_are_told_and_their_runs_simulated_again(tmp_path):
    study = parse(
        STUDY.replace("{source: sphere, samples: 4, dimension: 3}", f"{{source: npz, path: {tmp_path}/a.npz}}")
    )
    rows = sphere(4, 3).inputs
    np.savez(tmp_path / "a.npz", inputs=rows, targets=np.ones(4))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", study, stop_at="second")
    np.savez(tmp_path / "a.npz", inputs=rows, targets=-np.ones(4))
    notes = []
    result = run(tmp_path / "out", study, resume=True, notes=notes)
    [note] = notes
    assert note.startswith("the kept run first answers another question: data was ")
    assert note.endswith("; it is simulated again")
    assert result.runs[0].data.targets.tolist() == [-1] * 4
    run(tmp_path / "again", study)
    assert outcome(tmp_path / "out") == outcome(tmp_path / "again")


# What becomes of the study whose first run is kept; what is simulated then; words of the notes.
CHANGES = {
    "a later run cured": (("{key: 1}", "{key: 2}"), [(2, 32)], "study.runs.second.key was 1 and is 2"),
    "a run added": (
        ("{key: 1}", "{key: 1}, third: {key: 2}"),
        [(1, 32), (2, 32)],
        "study.runs.third was absent and is there; kept",
    ),
    "a run removed": ((", second: {key: 1}", ""), [], "study.runs.second was there and is absent; kept"),
    "a run before it": (
        ("{first: {}", "{zeroth: {key: 3}, first: {}"),
        [(3, 32), (1, 32)],
        "study.runs.zeroth was absent and is there; kept",
    ),
    "a lemma less": (("[distance, flip-count]", "[flip-count]"), [(1, 32)], "study.lemmas[0] was distance and is"),
    "a lemma less that recorded": (
        ("[distance, flip-count]", "[distance]"),
        [(0, 32), (1, 32)],
        "the kept run first answers another question: recorded.radii[0] was ",
    ),
    "a lemma more": (("flip-count]", "flip-count, gram-positive]"), [(1, 32)], "study.lemmas[2] was absent"),
    "the level": (("width: 32", "level: 0.5\nwidth: 32"), [(1, 32)], "study.level was 0.001 and is 0.5"),
    "the memory": (("width: 32", "memory_limit_gib: 9\nwidth: 32"), [(1, 32)], "study.memory_limit_gib was None"),
    "its place in a grid": (
        ("first: {}", "first: {at: {a: 1}}"),
        [(1, 32)],
        "study.runs.first.at.a was absent and is 1",
    ),
    "the key of the kept run": (
        ("first: {}", "first: {key: 4}"),
        [(4, 32), (1, 32)],
        "the kept run first answers another question: key was 0 and is 4; it",
    ),
    "its step size": (("eta: 0.1", "eta: 0.2"), [(0, 32), (1, 32)], "methods[1].eta was 0.1 and is 0.2"),
    "its seeds": (("seeds: 4", "seeds: 5"), [(0, 32), (1, 32)], "study.runs.first.seeds was 4 and is 5"),
    "a lemma that records more": (
        ("flip-count]", "flip-count, residual-recursion]"),
        [(0, 32), (1, 32)],
        "recorded.recursion was False and is True",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_finished_runs_that_ask_the_same_are_kept_when_the_study_changes(half, tmp_path, monkeypatch, case):
    change, expected, words = CHANGES[case]
    study, notes, calls = parse(STUDY.replace(*change)), [], simulated(monkeypatch)
    assert study != parse()
    run(half, study, resume=True, notes=notes)
    assert calls == expected
    assert notes[0].startswith("the study has changed: ")
    assert words in "\n".join(notes)
    assert len(notes) == (1 if words.startswith("study") else 2), "a word of each run that is not read"
    run(tmp_path / "anew", study)
    assert outcome(half) == outcome(tmp_path / "anew")
    assert names(half) == names(tmp_path / "anew"), "nothing is left of the study before"
    assert store.already_done(half, store.request(study)) is not None
    with pytest.raises(store.StoreError, match="holds the results of another study"):
        store.already_done(half, store.request(parse()))


def test_a_study_changed_twice_is_the_last_one(half, monkeypatch):
    calls, more = simulated(monkeypatch), STUDY.replace("{key: 1}", "{key: 1}, third: {key: 2}")
    with pytest.raises(KeyboardInterrupt):
        run(half, parse(more), resume=True, stop_at="third")
    notes = []
    run(half, parse(more.replace("width: 32", "level: 0.5\nwidth: 32")), resume=True, notes=notes)
    assert calls == [(1, 32), (2, 32), (2, 32)]
    assert notes == [
        "the study has changed: study.level was 0.001 and is 0.5; kept runs that ask what they asked are read"
    ]


def test_looks_may_be_taken_further(half, monkeypatch):
    calls = simulated(monkeypatch)
    wanted = store.request(parse(), 8)
    with store.under_way(half, wanted, resume=True) as cells:
        looks.verify_until_decided(parse(), 8, cells=cells)
    assert calls[0] == (1, 32), "the first look reads what is kept"


REFUSED = {
    "name": (lambda r: r["study"].update(name="other"), "name was small and is other .give the study the name small"),
    "code": (lambda r: r.update(code="2"), "install the code that the study was started with"),
    "versions": (lambda r: r["versions"].update(jax="0"), "versions.jax was .* and is 0"),
    "key": (lambda r: r.update(key_implementation="rbg"), "key_implementation was threefry2x32 and is rbg"),
    "x64": (lambda r: r.update(x64=False), "x64 was True and is False"),
    "devices": (lambda r: r.update(devices=1000), r"devices was \d+ and is 1000 .JAX_NUM_CPU_DEVICES=\d+ in the env"),
}
OF_RESULTS = {
    "study": (lambda r: r["study"]["runs"]["second"].update(width=33), "study.runs.second.width was 32 and is 33"),
    "lemmas": (lambda r: r["study"].update(lemmas=["distance"]), r"study.lemmas\[1\] was flip-count and is absent"),
    "looks": (lambda r: r.update(max_seeds=9), "max_seeds was None and is 9"),
    "a file": (lambda r: r["file of the lemma"].update(mine="1"), "file of the lemma.mine was absent and is 1"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_another_study_is_refused(whole, half, what):
    change, message = REFUSED[what]
    wanted = store.request(parse())
    change(wanted)
    before = sorted(half.rglob("*"))
    with pytest.raises(store.StoreError, match=message) as caught, store.under_way(half, wanted, resume=True):
        pass
    assert str(caught.value).endswith("cells to start over, or name another --out")
    assert sorted(half.rglob("*")) == before
    with pytest.raises(store.StoreError, match=message.replace(" .give the study the name small", "")):
        store.already_done(whole, wanted)


@pytest.mark.parametrize("what", OF_RESULTS)
def test_results_of_another_study_are_refused(whole, half, what):
    change, message = OF_RESULTS[what]
    wanted = store.request(parse())
    change(wanted)
    with pytest.raises(store.StoreError, match=message):
        store.already_done(whole, wanted)
    notes = []
    with store.under_way(half, wanted, resume=True, note=notes.append) as cells:
        assert cells.finished() == 1
    assert "the study has changed: " in notes[0]


def test_the_request_is_the_same_when_nothing_changed(tmp_path):
    assert difference(store.request(parse()), json.loads(json.dumps(store.request(parse())))) == ""
    assert difference({"a": [1, 2], "b": {}}, {"a": [1], "b": {"c": 1}, "d": 2}).count(" was ") == 3
    assert difference({str(i): i for i in range(9)}, {}).endswith("; and 6 more")


def test_the_digest_of_the_code_sees_every_source(monkeypatch):
    before, read = code_digest(), Path.read_bytes
    files = [*ROOT.glob("nag_ntk/**/*.py"), *ROOT.glob("proofs_check/**/*.py")]
    assert len(files) > 50
    for changed in files[::10]:
        monkeypatch.setattr(Path, "read_bytes", lambda path, it=changed: read(path) + b" " * (path.samefile(it)))
        assert code_digest() != before, changed


def test_a_study_under_way_is_not_thrown_away_unasked(half):
    with pytest.raises(
        store.StoreError, match=r"under way .finished runs: 1.; --resume goes on with it; remove .*cells"
    ):
        run(half)
    (half / "cells" / "first.4.npz").unlink()  # then there is nothing to lose
    run(half)


def test_a_study_without_a_finished_run_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "deep" / "out", stop_at="first")
    assert names(tmp_path) == []


def test_earlier_results_stay_until_the_new_are_whole(whole, tmp_path):
    out = shutil.copytree(whole, tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run(out, stop_at="second")
    assert outcome(out) == outcome(whole)
    assert store.already_done(out, store.request(parse())) is None  # of the study under way, not yet
    run(out, resume=True)
    assert outcome(out) == outcome(whole)


def test_resume_of_nothing_begins_and_of_results_does_nothing(tmp_path):
    notes = []
    run(tmp_path / "out", resume=True, notes=notes)
    assert notes == [f"{tmp_path / 'out'} holds no study under way; it starts from the beginning"]
    assert store.already_done(tmp_path / "out", store.request(parse())) is not None
    assert store.already_done(tmp_path / "absent", store.request(parse())) is None


def test_results_of_an_earlier_version_are_no_study_of_ours(whole, tmp_path):
    out = shutil.copytree(whole, tmp_path / "out")
    manifest = json.loads((out / "manifest.json").read_text())
    del manifest["request"]
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(store.StoreError, match="holds the results of another study"):
        store.already_done(out, store.request(parse()))


def test_somebodys_cells_are_left_alone(whole, tmp_path):
    out = shutil.copytree(whole, tmp_path / "out")
    (out / "cells").mkdir()
    (out / "cells" / "mouse.csv").write_text("years of work")
    for resume in (False, True):
        with pytest.raises(store.StoreError, match="cells was not written by nag-ntk"):
            run(out, resume=resume)
    assert names(out / "cells") == ["mouse.csv"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"package": "nag-ntk"}', "x"])
def test_a_damaged_description_of_the_study_is_told(half, content):
    (half / "cells" / "study.json").write_text(content)
    with pytest.raises(store.StoreError, match=r"study.json.*(damaged|no JSON object)"):
        run(half, resume=True)
    assert (half / "cells" / "first.4.npz").exists()


def test_a_file_has_its_name_when_it_is_whole_and_not_before(tmp_path):
    path = tmp_path / "a"
    for content in (b"first", b"second"):
        before = path.read_bytes() if path.exists() else None
        with replaced(path) as file:
            file.write(content)
            file.flush()
            assert (path.read_bytes() if path.exists() else None) == before
        assert path.read_bytes() == content

    def interrupted():
        with replaced(path) as file:
            file.write(b"third")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"second"
    assert names(tmp_path) == ["a"]


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_only_the_run_in_progress(whole, half, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(FULL))
        with pytest.raises(store.StoreError, match=r"second.4.npz: No space left on device; make room"):
            run(half, resume=True)
    assert names(half / "cells") == ["first.4.npz", "study.json"]
    run(half, resume=True)
    assert outcome(half) == outcome(whole)


REAL = """
set -e
mkdir small && mount -t tmpfs -o size=300k none small
code=0; {python} verify s.yaml --out small/out --quiet 2> message || code=$?
ls small/out/cells > kept
mount -o remount,size=64m none small
{python} verify s.yaml --out small/out --quiet --resume >&2
cp -r small/out out
exit $code
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("unshare") or sys.platform != "linux", reason="makes a small disk of its own")
def test_a_disk_that_is_really_full(tmp_path):
    (tmp_path / "s.yaml").write_text(STUDY.replace("{key: 1}", "{key: 1, steps: 3000}"))
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no mounts of one's own")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("JAX_", "COV_"))}
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", REAL.format(python=f"{sys.executable} -m proofs_check")], cwd=tmp_path,
        env=clean | {"PYTHONPATH": str(ROOT), "NAG_NTK_CACHE": str(tmp_path / "cache")}, capture_output=True, text=True,
    )  # fmt: skip
    message = (tmp_path / "message").read_text()
    assert done.returncode == 2, done.stderr + message
    assert (tmp_path / "kept").read_text().split() == ["first.4.npz", "study.json"]
    assert "No space left on device; make room" in message
    assert message.strip().endswith("cells: 1; the same call with --resume goes on from there")
    assert message.count("\n") == 1
    assert len(store.read(tmp_path / "out").rows) == 6


def test_two_writers_of_one_folder(half):
    with (
        lock(half),
        pytest.raises(store.StoreError, match=rf"is being written to by process {os.getpid()} on .*; wait"),
    ):
        run(half, resume=True)
    run(half, resume=True)


def test_a_lock_has_one_holder_at_a_time(tmp_path):
    """Threads stand for processes: a lock of flock belongs to the open file."""
    inside, held, refused, wrong = [], [], [], []

    def attempt():
        for _ in range(200):
            try:
                with lock(tmp_path / "out"):
                    inside.append(1)
                    if len(inside) != 1:
                        wrong.append(len(inside))
                    held.append(1)
                    inside.pop()
            except store.StoreError:
                refused.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(held) + len(refused) == 1200
    assert held
    assert refused
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_that_its_holder_removed_is_no_lock(tmp_path, monkeypatch):
    """Between opening and locking the file, its holder removes it and lets go."""
    out, flock = tmp_path / "out", fcntl.flock

    def late(*arguments):
        monkeypatch.setattr(fcntl, "flock", flock)
        (out / LOCK).unlink()
        flock(*arguments)

    monkeypatch.setattr(fcntl, "flock", late)
    with lock(out), pytest.raises(store.StoreError, match="being written to"), lock(out):
        pass
    assert not out.exists()


LOOKS = """
dataset: {source: sphere, samples: 2, dimension: 2}
methods: [nesterov]
width: 32
seeds: 8
steps: 3
level: 0.06
lemmas: [flip-count, distance]
"""


def test_looks_that_were_interrupted_go_on_with_the_same_verdicts(tmp_path, monkeypatch):
    study = parse(LOOKS)
    run(tmp_path / "whole", study, max_seeds=32)
    calls, simulate = [], runner.simulate

    def counted(data, methods, width, seeds, steps, **options):
        calls.append(seeds)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return simulate(data, methods, width, seeds, steps, **options)

    monkeypatch.setattr(runner, "simulate", counted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", study, max_seeds=32)
    assert names(tmp_path / "out" / "cells") == ["small.16.npz", "small.8.npz", "study.json"]
    run(tmp_path / "out", study, max_seeds=32, resume=True)
    assert calls == [8, 16, 32, 32]
    assert outcome(tmp_path / "out") == outcome(tmp_path / "whole")
