"""The report: complete, well-formed, escaped, made from the store alone; and its figures have texts and data."""

import csv
import json
import re
import shlex
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from proofs_check import store
from proofs_check.commands import cli
from proofs_check.judging.curves import curve_of
from proofs_check.judging.finding import SEED_LEVELS, Finding, Verdict
from proofs_check.judging.result import StudyResult
from proofs_check.judging.verdict import Outcome, decide
from proofs_check.lemma import Inequality, NotApplicable, Trials
from proofs_check.lemmas import CATALOGUE
from proofs_check.report import matrix, overview, page, terminal
from proofs_check.report.mathematics import statement
from proofs_check.running import runner, session
from proofs_check.study.load import parse_study

NASTY = "</style><script>alert('study')</script> & \"quotes\""
STUDY = f"""
name: tiny
description: {json.dumps(NASTY)}
dataset: {{source: sphere, samples: 4, dimension: 3}}
methods: [gradient_descent, nesterov]
lemmas: [distance, flip-inclusion, flip-fraction, gram-concentration, nesterov-contraction, residual-recursion,
  gd-matrix]
width: 64
seeds: 6
steps: 12
runs:
  first: {{}}
"""
SVG = "{http://www.w3.org/2000/svg}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"


@pytest.fixture(scope="module")
def result():
    return runner.verify(parse_study(STUDY, name="tiny.yaml", base=Path()))


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "out"
    store.write(result, out, wall_time=1.5, config="my studies/tiny.yaml")
    page.write(out)
    return out


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tree(text):
    """Strict: the page is well-formed XML too."""
    return ElementTree.fromstring(text)


def words(element):
    return " ".join("".join(element.itertext()).split())


def test_every_finding_is_there_with_its_reason(folder, tree):
    rows = tree.findall(".//table[@id='findings']/tbody/tr")
    stored = store.read(folder).rows
    assert [row.find("th/a").text for row in rows] == [row["lemma"] for row in stored]
    for row, finding in zip(rows, stored, strict=True):
        shown = words(row)
        assert finding["verdict"] in shown
        assert " ".join(finding["reason"].split()) in shown
        assert row.get("data-run") == finding["run"]
        assert row.get("data-group") in {lemma.group for lemma in CATALOGUE}
    said = words(tree)
    assert terminal.headline(stored) in said
    assert terminal.NO_PROOF in said


def test_the_page_opens_with_pictures_sentences_and_a_step_of_the_proof_each(result, folder, tree):
    first = tree.find(".//main/section")
    assert first.get("id") == "opening"
    shown = [figure.get("id") for figure in first.iter("figure")]
    assert shown == ["figure-theory-residual", "figure-movement"]
    stored = store.read(folder)
    said = words(first)
    for sentence in overview.run_in_words(stored.runs[0]):
        assert " ".join(sentence.split()) in said
    assert f"factors {overview.loosest(stored.slack)}." in said
    steps = first.findall(".//details[@class='step']")
    groups = {lemma["id"]: lemma["group"] for lemma in stored.lemmas}
    for step in steps:
        name = step.find("summary/span[@class='name']").text
        rows = [row for row in stored.rows if groups[row["lemma"].partition("/")[0]] == name]
        signs = words(step.find("summary/span[@class='signs']")).replace(" ", "")
        assert sorted(signs) == sorted(matrix.STYLES[row["verdict"]][0] for row in rows)
        assert {words(cell) for cell in step.findall(".//tbody/tr/th")} == {row["lemma"] for row in rows}
        for row in rows:
            told = row["verdict"] not in ("SUPPORTED", "CERTIFIED")
            assert (" ".join(row["reason"].split()) in words(step)) is told
    assert len(steps) == len(set(groups.values()))
    assert not any(step.get("open") for step in steps)


def test_the_second_picture_shows_flips_and_distance_of_the_run(result, folder):
    trajectory = result.runs[0].trajectory
    for row in table(folder, "movement"):
        k = ["gradient_descent", "nesterov"].index(row["method"])
        for name in ("flip_fraction", "distance"):
            seeds = np.sort(getattr(trajectory, name)[:, k, int(row["step"])])
            for level in SEED_LEVELS:
                assert float(row[f"{name}_observed_q{round(100 * level)}"]) == seeds[int(level * (len(seeds) - 1))]


def test_ids_are_unique_and_links_lead_somewhere(tree):
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for attribute in ("aria-labelledby", "aria-controls"):
        for element in tree.iter():
            assert set((element.get(attribute) or "").split()) <= set(ids)
    targets = [element.get("href") for element in tree.iter("a")]
    assert targets
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    used = [element.get("{http://www.w3.org/1999/xlink}href") for element in tree.iter(f"{SVG}use")]
    assert {target.removeprefix("#") for target in used} <= set(ids)


def test_nothing_is_fetched(text, tree):
    assert not re.findall(r"(?:src|srcset|action|poster|data)=", text)
    assert not re.findall(r"@import|url\((?!#)", text)
    hrefs = [v for element in tree.iter() for k, v in element.attrib.items() if k.endswith("href")]
    assert all(href.startswith(("#", "data:,")) for href in hrefs)


class Scripts(HTMLParser):
    """What a lenient parser, such as a browser's, takes for scripts."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def handle_starttag(self, tag, attrs):
        self.count += tag == "script"


def test_text_of_the_user_is_escaped(text, tree):
    parser = Scripts()
    parser.feed(text)
    assert parser.count == 1
    assert len(tree.findall(".//script")) == 1
    assert "&lt;script&gt;alert(&#39;study&#39;)&lt;/script&gt;" in text
    assert NASTY in words(tree)


def test_notes_of_the_study_are_at_its_head_and_escaped(result, tmp_path, tree):
    notes = ("Not passed by the conformance kit: mine", NASTY + "\x1b\ud800")
    store.write(replace(result, notes=notes), tmp_path / "o", wall_time=1)
    text = page.write(tmp_path / "o").read_text(encoding="utf-8")
    shown = ElementTree.fromstring(text).findall(".//header/p[@class='caution study-note']")
    assert [element.text for element in shown] == [notes[0], NASTY + r"\u001b\ud800"]
    assert not tree.findall(".//p[@class='caution study-note']")


def test_names_of_study_run_and_lemma_are_escaped(result, tmp_path):
    evil = "<script>alert(1)</script>"
    findings = (
        Finding(evil, evil, Verdict.REFUTED, evil, 2.0, 1.0, -1.0, worst_seed=3, witness={evil: evil},
                evidence={evil: evil}),
    )  # fmt: skip
    named = result.study.model_copy(update={"name": evil})
    store.write(StudyResult(named, findings, (), ()), tmp_path / "o", wall_time=1, config=f"'{evil}'.yaml")
    text = page.write(tmp_path / "o").read_text(encoding="utf-8")
    assert text.count("<script>") == 1
    tree = ElementTree.fromstring(text)
    assert evil in words(tree.find(".//h1"))
    assert evil in words(tree.find(".//article"))


def test_every_figure_has_a_text_with_numbers_and_its_data(folder, tree):
    figures = tree.findall(".//figure")
    assert len(figures) >= 3 + 4
    listed = json.loads((folder / "figures" / "index.json").read_text(encoding="utf-8"))
    assert len(listed) == len(figures)
    for figure in figures:
        drawing = figure.find(f"{SVG}svg")
        assert drawing.get("role") == "img"
        texts = {element.get("id"): element.text for element in drawing if element.tag in (f"{SVG}title", f"{SVG}desc")}
        title, description = (texts[name] for name in drawing.get("aria-labelledby").split())
        assert len(title.split()) >= 2
        assert len(re.findall(r"\d", description)) >= 4, description
        name = figure.get("id").removeprefix("figure-")
        assert listed[name] == {"title": title, "description": description}
        alone = ElementTree.parse(folder / "figures" / f"{name}.svg").getroot()
        assert "var(" not in ElementTree.tostring(alone, encoding="unicode")
        header, *rows = csv.reader((folder / "figures" / f"{name}.csv").read_text(encoding="utf-8").splitlines())
        assert rows
        assert {len(row) for row in rows} == {len(header)}
    labels = {words(label) for label in tree.iter(f"{SVG}text")}
    assert "training step t" in labels
    assert "‖ξ(t)‖, norm of the residual (1)" in labels


def table(folder, name):
    with (folder / "figures" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_data_of_figures_are_those_of_the_run(result, folder):
    norms = result.runs[0].trajectory.residual_norm
    recorded = table(folder, "residual-norm-first")
    for row in recorded:
        k = ["gradient_descent", "nesterov"].index(row["method"])
        seeds = np.sort(norms[:, k, int(row["step"])])
        for level in SEED_LEVELS:
            assert float(row[f"observed_q{round(100 * level)}"]) == seeds[int(level * (len(seeds) - 1))]
    finding = next(f for f in result.findings if f.lemma == "nesterov-contraction/sharp")
    worst = next(row for row in table(folder, "nesterov-contraction-sharp-first")
                 if int(row["step"]) == finding.witness["step"])  # fmt: skip
    assert float(worst["observed_q0"]) <= finding.observed <= float(worst["observed_q100"])
    assert float(worst["bound_q0"]) <= finding.bound <= float(worst["bound_q100"])


def test_statement_hypotheses_controls_and_margins(folder, tree):
    stored = {row["lemma"]: row for row in store.read(folder).rows if row["run"] == "first"}
    article = tree.find(".//article[@id='lemma-nesterov-contraction']")
    assert article.find(f".//{MATHML}math//{MATHML}mfrac") is not None
    said = words(article)
    assert "must be REFUTED" in said
    assert "rate 1 - 3/sqrt(kappa)" in said
    assert f"Not met in first (nesterov-contraction/sharp): {stored['nesterov-contraction/sharp']['reason']}" in said
    assert "Met, as far as a check can tell, in first" in words(tree.find(".//article[@id='lemma-distance']"))
    least = stored["nesterov-contraction/sharp"]["margins"][0]
    assert f"least {least:+.3g}" in said
    unmet = words(tree.find(".//article[@id='lemma-gram-concentration']"))
    assert "Not met in first" in unmet
    assert stored["gram-concentration/chernoff"]["reason"] in unmet


@pytest.mark.slow
def test_the_replay_command_comes_upon_the_worst_seed_again(result, folder, tree):
    finding = next(f for f in result.findings if f.lemma == "distance")
    shown = [words(code) for code in tree.findall(".//article[@id='lemma-distance']//code[@class='command']")]
    command = shlex.split(shown[0])
    assert command[:3] == ["nag-ntk", "verify", "my studies/tiny.yaml"]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    again = runner.verify(result.study, select=[options["--select"]], seeds=int(options["--seeds"]))
    found = next(f for f in again.findings if f.run == finding.run)
    assert (found.worst_seed, found.witness) == (finding.worst_seed, finding.witness)
    assert found.observed == pytest.approx(finding.observed, rel=1e-12)  # batches differ in the last bits


def test_the_report_is_made_from_the_store_alone(folder, text, monkeypatch):
    for name in ("verify", "execute", "simulate"):
        monkeypatch.setattr(runner, name, None)
    (folder / "report.html").unlink()
    end = CliRunner().invoke(cli.cli, ["report", str(folder)])
    assert end.exit_code == 0, end.output
    assert (folder / "report.html").read_text(encoding="utf-8") == text


def test_figures_of_an_earlier_report_go_and_own_files_stay(folder):
    (folder / "figures" / "mine.svg").write_text("mine")
    index = folder / "figures" / "index.json"
    before = json.loads(index.read_text(encoding="utf-8"))
    index.write_text(json.dumps(before | {"old": {}, "../../manifest": {}}))
    (folder / "figures" / "old.csv").write_text("1")
    page.write(folder)
    names = {path.name for path in (folder / "figures").iterdir()}
    assert "old.csv" not in names
    assert "mine.svg" in names
    page.discard(folder)
    assert [path.name for path in (folder / "figures").iterdir()] == ["mine.svg"]
    store.read(folder)
    page.write(folder)
    (folder / "figures" / "mine.svg").unlink()


@pytest.mark.parametrize("damage", ["absent", "truncated"])
def test_report_of_no_results(tmp_path, result, damage, monkeypatch, capsys):
    out = tmp_path / "o"
    if damage == "truncated":
        store.write(result, out, wall_time=1)
        path = out / "trajectories.nc"
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SystemExit) as end:
        cli.main(["report", str(out)])
    assert end.value.code == 2
    assert "verify" in capsys.readouterr().err
    assert not (out / "report.html").exists()


@pytest.fixture
def verified(tmp_path, monkeypatch, capsys, result):
    """`nag-ntk verify` with a run that is already there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    monkeypatch.setattr(runner, "verify", lambda study, **_: result)
    (tmp_path / "tiny.yaml").write_text(STUDY)

    def call(*more):
        with pytest.raises(SystemExit) as end:
            cli.main(["verify", "tiny.yaml", "--out", "o", *more])
        return SimpleNamespace(code=end.value.code, **dict(zip(("out", "err"), capsys.readouterr(), strict=True)))

    return call


def test_verify_writes_the_report(verified):
    end = verified()
    assert end.code == 0, end.err
    assert "report.html" in end.out
    assert "tiny.yaml" in Path("o/report.html").read_text(encoding="utf-8")


def test_a_failure_of_the_report_loses_no_results(verified, monkeypatch):
    assert verified().code == 0
    monkeypatch.setattr(page, "render", lambda contents: 1 / 0)
    end = verified()
    assert end.code == 0
    assert "the results are written, the report is not: ZeroDivisionError" in end.err
    assert "nag-ntk report o tries again" in end.err
    assert "Results in o; " in end.out
    assert not Path("o/report.html").exists()  # that of the earlier results would contradict these
    store.read(Path("o"))


def test_an_interrupted_report_says_that_the_results_are_there(verified, monkeypatch):
    def stop(contents):
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "render", stop)
    monkeypatch.setattr(cli, "_leave", lambda code: None)
    end = verified()
    assert end.code == 130
    assert "the results are in o" in end.err
    store.read(Path("o"))


def test_resume_makes_a_missing_report(verified):
    assert verified().code == 0
    Path("o/report.html").unlink()
    assert verified("--resume").code == 0
    assert Path("o/report.html").exists()


def test_a_study_without_runs_or_findings(result, tmp_path):
    store.write(StudyResult(result.study, (), (), ()), tmp_path / "o", wall_time=1)
    said = words(ElementTree.parse(page.write(tmp_path / "o")).getroot())
    assert "0 findings: none refuted." in said


def test_infinities_and_errors_are_shown(result, tmp_path):
    findings = (
        Finding("distance", "first", Verdict.REFUTED, "no number", float("nan"), 1.0, -float("inf"), -float("inf"),
                (-float("inf"),) * 5, 6, 6, 0.5, worst_seed=0, witness={"seed": 0}),
        Finding("distance", "drawn", Verdict.ERROR, "ValueError: < & >"),
        Finding("gd-matrix", "once", Verdict.CERTIFIED, "proved", 0.0, 1.0, 1.0, evidence={"boxes": [1, 2]}),
    )  # fmt: skip
    told = StudyResult(result.study, findings, result.runs, (), lemmas=CATALOGUE)
    store.write(told, tmp_path / "o", wall_time=1)
    said = words(ElementTree.parse(page.write(tmp_path / "o")).getroot())
    assert "margin −∞" in said
    assert "ValueError: < & >" in said


@pytest.mark.parametrize("lemma", CATALOGUE, ids=lambda lemma: lemma.id)
def test_statements_become_mathematics(lemma):
    tree = ElementTree.fromstring(f"<p>{statement(lemma.tex, lemma.statement)}</p>")
    formulas = list(tree.iter(f"{MATHML}math"))
    assert formulas
    assert "\\" not in words(tree)  # an unknown command would come through as it is
    assert "$" not in words(tree)
    assert all(formula.get("alttext") for formula in formulas)
    assert lemma.group != "your own"


def test_tex_that_is_not_understood_is_shown_in_plain_text():
    assert statement("at most $x^{$", "at most <x>") == "at most &lt;x&gt;"
    assert "<" in ElementTree.fromstring(f"<p>{statement('a < b, $a<b$', '')}</p>").text


def trials(observed, bound, axes, **more):
    return Outcome("l", "r", Trials(Inequality(observed, bound, axes, **more), 0.1, tuple(range(len(observed)))))


def test_a_curve_has_both_sides_and_the_worst_of_other_axes():
    draw = np.random.default_rng(0)
    observed = draw.random((5, 2, 7, 3))
    bound = draw.random((5, 2, 7, 3)) + 0.5
    where = np.broadcast_to(np.arange(7)[:, None] > 0, observed.shape)
    labels = {"method": ("a", "b")}
    curve = curve_of(trials(observed, bound, ("seed", "method", "step", "sample"), where=where, labels=labels))
    assert curve.methods == ("a", "b")
    assert curve.observed.shape == curve.bound.shape == (2, len(SEED_LEVELS), 7)
    assert np.isnan(curve.observed[:, :, 0]).all()
    for k in range(2):
        for t in range(1, 7):
            entries = [list(zip(observed[s, k, t], bound[s, k, t], strict=True)) for s in range(5)]
            pairs = [min(((b - o) / b, o, b) for o, b in samples) for samples in entries]
            assert curve.observed[k, :, t].tolist() == [sorted(p[1] for p in pairs)[int(q * 4)] for q in SEED_LEVELS]
            assert curve.bound[k, :, t].tolist() == [sorted(p[2] for p in pairs)[int(q * 4)] for q in SEED_LEVELS]


def test_a_curve_of_labelled_times_and_of_one_method():
    times = {"time": ("step 0", "step 40")}
    curve = curve_of(trials(np.ones((3, 2)), 2.0, ("seed", "time"), labels=times), "nesterov")
    assert curve.steps.tolist() == [0, 40]
    assert curve.methods == ("nesterov",)


@pytest.mark.parametrize(
    "check",
    [
        trials(np.ones((3, 2)), 2.0, ("seed", "sample")),
        trials(np.ones((3, 2)), 2.0, ("seed", "method", "step")),
        trials(np.ones((3, 2)), np.ones((7, 7)), ("seed", "step")),
        trials(np.ones((3, 2)), 2.0, ("seed", "step"), where=np.zeros((3, 2), bool)),
        Outcome("l", "r", NotApplicable("no")),
        Outcome("l", "r", ValueError()),
    ],
)
def test_no_curve(check):
    assert curve_of(check) is None


def test_margins_of_the_seeds_are_kept():
    margins = np.linspace(0.1, 0.9, 11)
    (finding,) = decide([trials(1 - margins, 1.0, ("seed",))], 0.01)
    assert finding.margins == pytest.approx([0.1, 0.18, 0.5, 0.82, 0.9])
    assert finding.margins[2] == finding.median_margin
    assert finding.margins[0] == finding.margin
