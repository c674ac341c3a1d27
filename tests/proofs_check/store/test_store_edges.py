"""One commit for all files of a study, certificates included; and no symbolic link is followed on the way."""

import errno
import itertools
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from test_store import STUDY, fail_at
from tiers import family

from proofs_check import store
from proofs_check.judging.finding import Finding, Verdict
from proofs_check.report import page
from proofs_check.rigor.certificates.certificate import file_name
from proofs_check.running import runner
from proofs_check.store.lock import LOCK, lock
from proofs_check.study.load import parse_study


@pytest.fixture(scope="module")
def plain():
    return runner.verify(parse_study(STUDY, name="tiny.yaml", base=Path()))


def certified(result, count, mark=""):
    bodies = {f"a.{k}.json": {"digest": f"{mark}{k}"} for k in range(count)}
    rows = [
        Finding("x", "first", Verdict.CERTIFIED, "", evidence={"certificate": name, "digest": body["digest"]})
        for name, body in bodies.items()
    ]
    return replace(result, findings=(*result.findings, *rows), certificates=bodies)


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_names_of_certificates_are_those_of_networks():
    names = [f"{run} {method} seed 0" for run in ("a_b", "a-b", "a b", "a.b") for method in ("x", "x-2", "x_2")]
    assert len({file_name(name).casefold() for name in names}) == len(names)
    assert all("/" not in file_name(name) for name in ("../x", "a/b"))


def test_two_methods_of_one_name_have_names_of_their_own():
    from proofs_check.certified import networks

    text = STUDY.replace("gradient_descent, {name: nest", "{name: nest")
    found = [one.name for one in networks.cases(parse_study(text, name="t.yaml", base=Path()), 1)]
    assert found == ["first nesterov seed 0", "first nesterov-2 seed 0"]


CASES = itertools.product([(2, 3), (3, 0), (None, 2)], ["fsync", "replace", "rename"], ["full", "interrupt"])


# the plain run has a full disk in every case, and an interrupt where certificates replace others
@pytest.mark.parametrize(("counts", "call", "kind"), family(CASES, lambda case: case[2] == "full" or case[0] == (2, 3)))
def test_all_files_or_none(plain, tmp_path, monkeypatch, counts, call, kind):
    """Whichever durable call fails, the folder is as it was; then the same call succeeds."""
    (earlier, now), out = counts, tmp_path / "out"
    if earlier is not None:
        store.write(certified(plain, earlier, "old"), out, wall_time=1)
    before, original = (tree(out) if earlier is not None else {}), getattr(os, call)
    error = OSError(errno.ENOSPC, "No space left on device") if kind == "full" else KeyboardInterrupt()
    for count in range(1, 40):  # each durable call in turn
        failing = fail_at(call, count, error)
        monkeypatch.setattr(os, call, failing)
        try:
            store.write(certified(plain, now), out, wall_time=2)
        except (store.StoreError, KeyboardInterrupt):
            found = tree(out) if out.exists() else {}
            if b'"seconds": 2' in found.get("manifest.json", b""):
                break  # all of it, interrupted after the last name was given
            assert found == before
            assert not list(out.glob("certificates")) or earlier
        else:
            break
        finally:
            monkeypatch.setattr(os, call, original)
    assert sorted(tree(out)) == sorted(
        ["manifest.json", "results.json", "trajectories.nc", *(f"certificates/a.{k}.json" for k in range(now))]
    )
    assert (out / "certificates").exists() == bool(now)
    store.read(out)


def test_a_row_that_names_another_certificate_is_refused(plain, tmp_path):
    made = certified(plain, 2)
    for bodies in ({**made.certificates, "a.1.json": {"digest": "0"}}, {"a.0.json": {"digest": "0"}}):
        with pytest.raises(store.StoreError, match=r"the certificate a\.1\.json, which is not that of its network"):
            store.write(replace(made, certificates=bodies), tmp_path / "out", wall_time=1)
    assert not (tmp_path / "out").exists()


DAMAGE = {
    "changed": (lambda f: f.write_text('{"digest": "1"}'), "is not what manifest.json says"),
    "gone": (Path.unlink, "cannot be read"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_certificate_is_noticed(plain, tmp_path, name):
    damage, words = DAMAGE[name]
    store.write(certified(plain, 2), tmp_path, wall_time=1)
    damage(tmp_path / "certificates" / "a.0.json")
    with pytest.raises(store.StoreError, match=words):
        store.read(tmp_path)


@pytest.mark.parametrize("change", ["row", "manifest"])
def test_rows_and_certificates_that_do_not_belong_together_are_noticed(plain, tmp_path, change):
    store.write(certified(plain, 1), tmp_path, wall_time=1)
    told = json.loads((tmp_path / "manifest.json").read_text())
    if change == "row":
        text = (tmp_path / "results.json").read_text().replace('"digest": "0"', '"digest": "1"')
        (tmp_path / "results.json").write_text(text)
        told["files"]["results.json"] = store.files.digest(tmp_path / "results.json")
    else:
        del told["files"]["certificates/a.0.json"]
    (tmp_path / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(store.StoreError, match=r"a\.0\.json is (not the certificate|named by a row)"):
        store.read(tmp_path)


def test_a_file_of_somebody_else_among_the_certificates_is_kept(plain, tmp_path):
    store.write(certified(plain, 1), tmp_path, wall_time=1)
    (tmp_path / "certificates" / "mine.json").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(store.StoreError, match=r"mine\.json is not of the results"):
        store.write(plain, tmp_path, wall_time=1)
    assert tree(tmp_path) == before


def test_a_disk_that_is_full_while_the_report_is_made_leaves_the_results(plain, tmp_path, monkeypatch):
    store.write(certified(plain, 1), tmp_path, wall_time=1)
    before = tree(tmp_path)
    original = os.fsync
    for count in (1, 3):  # of a folder it may fail
        monkeypatch.setattr(os, "fsync", fail_at("fsync", count, OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            page.write(tmp_path)
        monkeypatch.setattr(os, "fsync", original)
        assert {name: tree(tmp_path)[name] for name in before} == before
        store.read(tmp_path)


LINKS = [
    LOCK, ".nag-ntk-removed", "manifest.json", "results.json", "sweep.nc", "trajectories.nc", "report.html", "cells",
    "certificates", "figures", "certificates/a.0.json", "figures/index.json", "figures/x.svg", "cells/study.json",
    "cells/first.4.steps/state.npz",
]  # fmt: skip


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_in_a_folder_of_results_is_named_and_not_followed(plain, tmp_path, name, dangling):
    out, target = tmp_path / "out", tmp_path / "theirs"
    store.write(certified(plain, 1), out, wall_time=1)
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.startswith("cells/") and not name.endswith("study.json"):
        (out / "cells" / "study.json").write_text("{}")
    if path.is_dir():
        for child in path.iterdir():
            child.unlink()
        path.rmdir()
    path.unlink(missing_ok=True)
    if not dangling:
        target.mkdir() if name in ("cells", "certificates", "figures", ".nag-ntk-removed") else target.write_text("{}")
        if target.is_dir():
            (target / "index.json").write_text('["thesis"]')
            (target / "thesis.csv").write_text("years of work")
    path.symlink_to(target)
    before = sorted((p.name, p.is_dir() or p.read_bytes()) for p in tmp_path.glob("theirs*/**/*"))

    def under_way():
        with store.under_way(out, {}):
            pass

    for act in (
        lambda: store.check_writable(out), lambda: store.write(plain, out, wall_time=1), under_way,
        lambda: page.discard(out),
    ):  # fmt: skip
        with pytest.raises(store.StoreError, match="is a symbolic link") as caught:
            act()
        assert str(path) in str(caught.value)
    assert path.is_symlink()
    assert target.exists() != dangling
    assert sorted((p.name, p.is_dir() or p.read_bytes()) for p in tmp_path.glob("theirs*/**/*")) == before
    if not dangling and target.is_file():
        assert target.read_text() == "{}"


@pytest.mark.parametrize("act", ["lock", "replaced", "write_json"])
def test_a_link_that_appears_later_is_not_followed_either(tmp_path, act):
    from proofs_check.store import files

    theirs = tmp_path / "theirs"
    theirs.write_text("years of work")
    name = {"lock": LOCK, "replaced": ".x.tmp", "write_json": "x"}[act]
    (tmp_path / name).symlink_to(theirs)

    def write():
        if act == "lock":
            with lock(tmp_path):
                pass
        elif act == "replaced":
            with files.replaced(tmp_path / "x") as file:
                file.write(b"x")
        else:
            files.write_json(tmp_path / "x", {})

    with pytest.raises(store.StoreError, match="symbolic link"):
        write()
    assert theirs.read_text() == "years of work"


def test_the_folder_itself_may_be_a_link(plain, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    store.write(plain, tmp_path / "out", wall_time=1)
    page.write(tmp_path / "out")
    assert {"manifest.json", "report.html"} <= contents_of(tmp_path / "real")


def contents_of(folder):
    return {path.name for path in folder.iterdir()}
