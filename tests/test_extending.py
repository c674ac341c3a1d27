"""docs/extending.md and the README's lemma, executed as a reader would: files, then commands, then what they say."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import nag_ntk
from nag_ntk.engines import choice, registry
from proofs_check import testing
from proofs_check.commands import cli
from proofs_check.plugins import own
from proofs_check.running import session
from proofs_check.running.runner import verify
from proofs_check.study.load import parse_study

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "extending.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(text):
    """Kind and text of each block of a page; of a file also its name, from its first line."""
    for kind, body in BLOCK.findall(text):
        named = re.match(r"# ([\w.]+)\n", body)
        yield kind, named[1] if named else None, body


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    monkeypatch.setattr(cli, "_leave", lambda code: None)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    for name in ("my_lemmas", "false_lemmas", "layer_lemmas", "near_lemmas"):
        sys.modules.pop(name, None)


def run(line, capsys):
    """Exit code and output of a command, lines joined."""
    program, *arguments = line.split()
    assert program == "nag-ntk"
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    return end.value.code, " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_the_guide_runs_as_written(folder, capsys):
    said, codes, files, compared = "", [], [], 0
    for kind, name, body in blocks(GUIDE.read_text(encoding="utf-8")):
        if kind in ("python", "yaml"):
            (folder / name).write_text(body, encoding="utf-8")
            files.append(name)
        elif kind == "sh":
            outcomes = [run(line, capsys) for line in body.strip().split("\n")]
            codes += [code for code, _ in outcomes]
            said = " ".join(text for _, text in outcomes)
        elif kind == "text":
            at = 0
            for line in body.strip().split("\n"):
                wanted = " ".join(line.split())
                assert wanted in said[at:], (line, said)
                at += said[at:].index(wanted)
                compared += 1
    assert codes == [0, 1, 0, 0]
    assert compared == 14
    assert files[-1] == "run_my_lemmas.py"
    exec((folder / files[-1]).read_text(), {})
    assert "small growth SUPPORTED no violation in 100 seeds" in capsys.readouterr().out


def test_lemmas_are_short():
    for page in (GUIDE, ROOT / "README.md"):
        for kind, name, body in blocks(page.read_text(encoding="utf-8")):
            if kind == "python" and name and name.endswith("lemmas.py"):
                assert body.count("\n") <= 40, name


def test_the_lemma_with_radii_and_what_is_said_without_them(folder):
    body = next(body for _, name, body in blocks(GUIDE.read_text(encoding="utf-8")) if name == "near_lemmas.py")
    (folder / "near_lemmas.py").write_text(body, encoding="utf-8")
    (lemma,) = own.lemmas_of_file(folder / "near_lemmas.py")
    text = "dataset: {source: digits, samples: 8}\nmethods: [nesterov]\nwidth: 256\nseeds: 100\nsteps: 0"
    study = parse_study(text, name="s", base=folder)
    held, without = (
        verify(study, lemmas=[one]).findings[0] for one in (lemma, replace(lemma, radii=type(lemma).radii))
    )
    assert (held.verdict.value, held.violations) == ("SUPPORTED", 0)
    assert without.verdict.value == "VACUOUS"
    assert "the axis radius has no position" in without.reason
    assert "Lemma(radii=...)" in without.reason
    refuted = replace(lemma, id="false", check=lemma.controls[0].check, controls=())
    assert verify(study, lemmas=[refuted]).findings[0].verdict.value == "REFUTED"


def test_the_guide_names_every_question():
    text = GUIDE.read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)` \| ", text, re.MULTILINE))
    questions = {"complete", "not_refuted", "controls_refuted", "margins_have_the_right_sign", "same_in_any_batch"}
    questions |= {"fits_other_methods"}
    assert named >= questions
    assert all(callable(getattr(testing, name)) for name in questions)


def test_the_lemmas_of_the_readme(folder):
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("## A lemma of your own")[1].split("\n## ")[0]
    found = list(blocks(text))
    ((_, name, body),) = [block for block in found if block[0] == "python"]
    (folder / name).write_text(body, encoding="utf-8")
    ((_, _, commands),) = [block for block in found if block[0] == "sh"]
    assert all(name in line for line in commands.strip().split("\n"))
    study = parse_study(
        "dataset: {source: digits, samples: 8}\nmethods: [gradient_descent, nesterov]\nwidth: 128\nseeds: 100\n"
        "steps: 60",
        name="s.yaml", base=folder,
    )  # fmt: skip
    lemmas = own.lemmas_of_file(folder / name)
    verdicts = {found.lemma: found for found in verify(study, lemmas=lemmas).findings}
    assert [verdicts[lemma.id].verdict.value for lemma in lemmas] == ["SUPPORTED", "REFUTED"]
    assert verdicts[lemmas[1].id].witness["method"] == "gradient_descent"


def test_the_samples_of_the_architecture_run(monkeypatch):
    """A method, a lemma that passes the conformance kit, and a representation with which the dense engine trains."""
    names = {}
    for kind, body in BLOCK.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")):
        if kind == "python":
            exec(body, names)
    assert {"fista", "FEW_FLIPS", "MINE"} <= names.keys()
    monkeypatch.setitem(choice.REPRESENTATIONS, "mine", names["MINE"])
    monkeypatch.setitem(registry.ENGINES, "mine", registry.ENGINES["weights"])
    data, method = nag_ntk.sphere(4, 6), nag_ntk.nesterov(0.5, 0.6)
    mine, theirs = (nag_ntk.simulate(data, method, 64, 2, 5, engine=name) for name in ("mine", "weights"))
    assert (mine.residual == theirs.residual).all()
