"""Lemmas of a user's own, from files and plugins: whatever one does, the rows of all others stay as they were."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from in_process import caller

from proofs_check.judging.finding import Verdict
from proofs_check.lemma import Inequality
from proofs_check.lemmas import CATALOGUE
from proofs_check.plugins import guard, own
from proofs_check.running import runner, session
from proofs_check.running.prepare import CannotRun
from proofs_check.running.runner import verify
from proofs_check.study.load import load_study, parse_study

STUDY = """
dataset: {source: sphere, samples: 3, dimension: 3}
methods: [gradient_descent, nesterov]
width: 16
seeds: 12
steps: 4
lemmas: [distance, flip-inclusion, residual-recursion]
"""
OTHERS = ("distance", "flip-inclusion", "residual-recursion")
HEAD = """import sys, time
import numpy as np
from proofs_check.lemma import Control, Inequality, Lemma, NotApplicable, Run, Trials
"""
# one lemma per line of trouble; each line that should be told is marked
BAD = {
    "raises": ("    return 1 / 0  # here", "ZeroDivisionError: division by zero"),
    "deep": ("    return np.linalg.inv(np.zeros((2, 2)))  # here", "LinAlgError: Singular matrix"),
    "exits": ("    sys.exit('bye')  # here", "RuntimeError: SystemExit(bye) would have ended the program"),
    "loops": ("    while True: pass  # here", "TimeoutError: stopped after 0.5 s"),
    "swallows": (
        "    while True:\n        try: time.sleep(9)  # here\n        except Exception: pass",
        "TimeoutError: stopped after 0.5 s",
    ),
    "mutates": ("    run.trajectory.residual_norm[:] = 0  # here", "ValueError: assignment destination is read-only"),
    "overwrites": ("    run.trajectory.residual *= 0  # here", "ValueError: output array is read-only"),
}  # fmt: skip
# what is wrong with the return value is told with the line of the check
WRONG = {
    "nothing": ("None", "TypeError: expected an Inequality, Trials, Law, Proof or NotApplicable, got NoneType"),
    "truth": ("np.True_", "TypeError: expected an Inequality"),
    "no-parts": ("{}", "ValueError: the check returned no part at all"),
    "seeds": ("Inequality(np.zeros((3, 5)), 1.0, ('seed', 'step'))", "ValueError: axis 0 of observed must count"),
    "scalar": ("Inequality(0.5, 1.0)", "ValueError: axis 0 of observed must count the 12 seeds, got shape ()"),
    "axes": ("Inequality(np.zeros((12, 2)), 1.0)", "ValueError: observed has shape (12, 2), so it needs 2 names"),
    "bound": ("Inequality(np.zeros(12), np.ones(5))", "ValueError: bound has shape (5,), which does not broadcast"),
    "larger": ("Inequality(np.zeros((12, 1)), np.ones((12, 4)), ('seed', 'step'))", "ValueError: bound has"),
    "mask": ("Inequality(np.zeros(12), 1.0, where=np.ones(4, bool))", "ValueError: where has shape (4,)"),
    "words": ("Inequality(np.array(['a'] * 12), 1.0)", "TypeError: observed must be an array of real numbers"),
    "complex": ("Inequality(np.zeros(12), 1j)", "TypeError: bound must be an array of real numbers, got complex"),
    "ragged": ("Inequality([[1.0], [1.0, 2.0]] * 6, 1.0)", "TypeError: observed must be an array"),
    "labels": (
        "Inequality(np.zeros((12, 2)), 1.0, ('seed', 'method'), labels={'method': ('a',)})",
        "ValueError: 1 labels for the 2 positions of the axis method",
    ),
    "undefined": (
        "Inequality(np.where(np.arange(12) == 3, np.nan, 0.0), 1.0)",
        "ValueError: NaN in observed at seed 3, where training stayed finite",
    ),
    "no-bound": (
        "Inequality(run.trajectory.residual_norm, np.nan, ('seed', 'method', 'step'))",
        "ValueError: NaN in bound at seed 0, method gradient_descent, step 0, where training stayed finite",
    ),
}  # fmt: skip


def lemma_text(name, body, **fields):
    fields = {"id": name, "title": name, "statement": name, **fields}
    told = "".join(f"    {key}={value!r},\n" for key, value in fields.items())
    function = f"check_{name.replace('-', '_')}"
    return (
        f"def {function}(run):\n{body}\n\nL_{function} = Lemma(\n{told}    check={function},\n    controls=(),\n)\n\n"
    )


def bad_file(folder):
    text = HEAD + "".join(lemma_text(name, body) for name, (body, _) in BAD.items())
    text += "".join(lemma_text(name, f"    return {returned}") for name, (returned, _) in WRONG.items())
    path = folder / "bad.py"
    path.write_text(text)
    return path


def rows(result, names=OTHERS):
    return [
        {key: value for key, value in found.to_row().items() if key != "wall_time"}
        for found in result.findings
        if found.lemma.partition("/")[0] in names
    ]


def studied(tmp_path, extra=""):
    return parse_study(STUDY + extra, name="s.yaml", base=tmp_path)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The catalogue's rows without any lemma beside them."""
    return rows(verify(studied(tmp_path_factory.mktemp("alone")), lemmas=CATALOGUE))


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """A study of bad lemmas, which come first, beside good ones; the file, the result, what was printed aside."""
    path = bad_file(tmp_path_factory.mktemp("bad"))
    found = own.available_lemmas([path])
    lemmas = [lemma for lemma in found.lemmas if own.is_own(lemma)]
    names = [*(lemma.id for lemma in lemmas), *OTHERS]
    study = studied(path.parent).model_copy(update={"lemmas": tuple(names), "check_seconds": 0.5})
    return path, verify(study, lemmas=(*lemmas, *CATALOGUE))


def test_bad_lemmas_harm_nobody(alone, beside):
    assert len(alone) >= len(OTHERS)
    assert rows(beside[1]) == alone


@pytest.mark.parametrize("name", [*BAD, *WRONG])
def test_a_bad_lemma_is_an_error_with_the_users_line(beside, name):
    path, result = beside
    (finding,) = [found for found in result.findings if found.lemma == name]
    assert finding.verdict is Verdict.ERROR
    lines = path.read_text().split("\n")
    start = lines.index(f"def check_{name.replace('-', '_')}(run):")
    if name in BAD:
        start = next(i for i in range(start, len(lines)) if lines[i].endswith("# here"))
    _, sentence = {**BAD, **WRONG}[name]
    assert finding.reason.startswith(sentence), finding.reason
    assert finding.reason.endswith(f"(bad.py:{start + 1})"), finding.reason


def test_what_rests_on_numbers_that_are_not_finite_is_not_compared(tmp_path):
    """The catalogue's rule, and a user's: where training left the floating-point numbers, NaN is no mistake."""
    text = STUDY.replace("methods: [gradient_descent, nesterov]", "methods: [{name: gradient_descent, eta: 1.0e+200}]")
    study = parse_study(text, name="s.yaml", base=tmp_path).model_copy(update={"lemmas": ("mine",)})

    def check(run):
        norms = run.trajectory.residual_norm
        assert not np.isfinite(norms).all()
        return Inequality(norms, 2 * norms[..., :1], ("seed", "method", "step"))

    lemma = replace(CATALOGUE[0], id="mine", check=check, scope="run", kind="every run")
    with np.errstate(over="ignore", invalid="ignore"):
        (finding,) = verify(study, lemmas=(lemma,)).findings
    assert finding.verdict is Verdict.VACUOUS
    assert "from step 1 on numbers are not finite" in finding.reason
    assert "gradient_descent in 12 of 12 seeds" in finding.reason


GOOD = (
    HEAD
    + '''
def growth(run, factor):
    """No residual grows."""
    norms = run.trajectory.residual_norm
    return Inequality(norms, factor * norms[..., :1], ("seed", "method", "step"))

GROWTH = Lemma(
    id="growth", title="No growth", statement="at most three times the start",
    check=lambda run: growth(run, 3.0),
    controls=(
        Control("half", "at most half", lambda run: growth(run, 0.5)),
        Control("none", "nothing at all", lambda run: growth(run, 0.0)),
    ),
)
LIKELY = Lemma(
    id="likely", title="Likely no growth", statement="the same", kind="probability",
    check=lambda run: {"loose": growth(run, 3.0), "tight": growth(run, 0.5)}, controls=GROWTH.controls,
)
'''
)


def test_a_plain_inequality_is_claimed_as_the_kind_says(tmp_path, monkeypatch):
    monkeypatch.setenv("NAG_NTK_CACHE", "")
    (tmp_path / "good.py").write_text(GOOD)
    study = studied(tmp_path, "lemma_files: [good.py]\n").model_copy(update={"lemmas": ("growth", "likely")})
    result = verify(study, seeds=120)
    assert "checked here: growth, likely; run nag-ntk check" in result.notes[0]
    found = {finding.lemma: finding for finding in result.findings}
    assert [finding.verdict.value for finding in found.values()] == ["SUPPORTED", "SUPPORTED", "REFUTED"]
    assert "claimed of every run" in found["growth"].reason
    assert found["likely/loose"].reason.endswith("claimed 0.1")
    assert found["likely/tight"].witness["method"] in ("gradient_descent", "nesterov")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = (\n", r"does not run: SyntaxError: '\(' was never closed \(mine.py:1\)$"),
        ("\nimport no_such_module\n", r"No module named 'no_such_module' \(mine.py:2\)$"),
        ("\n\nraise SystemExit(3)\n", r"RuntimeError: SystemExit\(3\) would have ended the program \(mine.py:3\)$"),
        ("import json\njson.loads('{')\n", r"JSONDecodeError: .* \(mine.py:2\)$"),
        ("x = 1\n", "holds no lemma: at the top level"),
        ("from proofs_check.lemmas import CATALOGUE\n", "holds no lemma"),
        (
            GOOD.replace('"growth"', '"distance"'),
            r'id "distance" \(check at mine.py:\d+\) is taken: .* in the catalogue',
        ),
        (GOOD.replace('"likely"', '"growth"'), r"is taken: another lemma of that id is check at mine.py:\d+$"),
        (GOOD.replace('"growth"', '"a/b"'), "the id 'a/b' .*mine.py:.* is not lower-case words"),
        (GOOD.replace('kind="probability"', 'kind="rumour"'), "kind must be one of .*, got 'rumour'"),
        (GOOD.replace('statement="the same"', "statement=3"), "statement must be text, got int"),
        (GOOD.replace("controls=GROWTH.controls", "controls=(1,)"), "each control must be a Control"),
        (GOOD.replace('kind="probability"', 'scope="all"'), 'scope must be "run", "study" or "once", got \'all\''),
        (GOOD.replace('kind="probability"', "radii=(1.0,)"), "radii must be a function, got tuple"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path, text, sentence):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(own.LemmaError, match=sentence) as caught:
        own.available_lemmas([tmp_path / "mine.py"])
    assert "\n" not in str(caught.value)


def test_a_file_may_import_what_lies_beside_it_and_hold_lemmas_in_a_tuple(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "growing_beside.py").write_text(GOOD)
    (tmp_path / "mine.py").write_text("import growing_beside as g\nALL = (g.GROWTH, g.LIKELY)\nAGAIN = g.GROWTH\n")
    found = own.available_lemmas([tmp_path / "mine.py", tmp_path / "." / "mine.py"])
    assert found.ids[-2:] == ("growth", "likely")
    assert set(found.digests) == {"growth", "likely"}
    sys.modules.pop("growing_beside")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs distributions, each a module and the value of its entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, text, value="ALL"):
        (tmp_path / f"{name}.py").write_text(text)
        info = tmp_path / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[nag_ntk.lemmas]\n{name}-lemmas = {name}:{value}\n")
        made.append(name)

    made = []
    yield install
    for name in made:
        sys.modules.pop(name, None)


def test_plugins_are_found_and_broken_ones_left_out(installed):
    installed("plugin_good", GOOD + "ALL = [GROWTH, LIKELY]\n")
    installed("plugin_one", GOOD.replace('"growth"', '"alone"').replace('"likely"', '"not-named"'), "GROWTH")
    installed("plugin_raises", "1 / 0\n")
    installed("plugin_absent", "x = 1\n", "NOTHING")
    installed("plugin_wrong", "ALL = 3\n")
    installed("plugin_shadow", GOOD.replace('"growth"', '"distance"') + "ALL = [GROWTH, LIKELY]\n")
    found = own.available_lemmas()
    assert found.ids == (*(lemma.id for lemma in CATALOGUE), "growth", "likely", "alone")
    notes = {note.split()[2]: note for note in found.notes}
    assert "ZeroDivisionError: division by zero (plugin_raises.py:1)" in notes["plugin_raises-lemmas"]
    assert "AttributeError" in notes["plugin_absent-lemmas"]
    assert "of plugin_absent 1.2" in notes["plugin_absent-lemmas"]
    assert "no Lemma and no sequence of them, but a int" in notes["plugin_wrong-lemmas"]
    assert 'the id "distance"' in notes["plugin_shadow-lemmas"]
    assert len(notes) == 4


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """The program in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "s.yaml").write_text(STUDY)
    (tmp_path / "mine.py").write_text("print('noise at import')\n" + GOOD)
    return caller(monkeypatch, capsys)


def test_commands_know_them(call, installed):
    listed = call("lemmas", "--json", "--lemmas", "mine.py")
    assert [lemma["id"] for lemma in json.loads(listed.out)][-2:] == ["growth", "likely"]
    assert "noise at import" in listed.err
    assert "growth " in call("lemmas", "--lemmas", "mine.py").out.split("\n")[-3]
    told = call("explain", "growth", "--lemmas", "mine.py")
    assert told.code == 0
    assert "at most three times the start" in told.out
    assert "not stated" not in told.out
    assert 'no lemma is called "growth"' in call("explain", "growth").err
    assert "did you mean" in call("explain", "grwth", "--lemmas", "mine.py").err
    refused = call("explain", "growth", "--lemmas", "gone.py")
    assert refused.code == 2
    assert "gone.py cannot be read: No such file" in refused.err
    installed("plugin_raises", "1 / 0\n")
    installed("plugin_two", GOOD.replace('"growth"', '"grown"').replace('"likely"', '"liked"') + "ALL = [GROWTH]\n")
    told = call("explain", "grown")
    assert told.code == 0
    assert told.err.count("\n") == 1
    assert "plugin_raises.py:1" in told.err


def test_verify_by_option_and_by_study(call, tmp_path):
    found = call("verify", "s.yaml", "--lemmas", "mine.py", "--select", "growth", "--seeds", "90", "--out", "a")
    assert found.code == 0
    assert re.search(r"^ growth +✓ SUPPORTED", found.out, re.MULTILINE)
    assert "noise" not in found.out
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert manifest["study"]["lemma_files"] == [str(tmp_path / "mine.py")]
    assert list(manifest["request"]["file of the lemma"]) == ["growth"]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "s.yaml").write_text(
        STUDY.replace("lemmas: [", "lemmas: [growth, ") + "lemma_files: [../mine.py]\n"
    )
    found = call("verify", "elsewhere/s.yaml", "--lemmas", "mine.py", "--out", "b")
    assert found.code == 0
    assert "growth" in found.out
    refused = call("verify", "s.yaml", "--select", "growth")
    assert refused.code == 2
    assert 'no lemma is called "growth"' in refused.err


def test_mistakes_are_told_before_anything_runs(call, tmp_path):
    (tmp_path / "broken.py").write_text("\n1 / 0\n")
    refused = call("verify", "s.yaml", "--lemmas", "broken.py", "--out", "a")
    assert refused.code == 2
    assert "ZeroDivisionError: division by zero (broken.py:2)" in refused.err
    (tmp_path / "t.yaml").write_text(STUDY + "lemma_files: [broken.py]\nlevel: 3\n")
    refused = call("verify", "t.yaml", "--out", "a")
    assert refused.code == 2
    assert "level: expected a number" in refused.err
    (tmp_path / "t.yaml").write_text(STUDY + "lemma_files: [broken.py]\n")
    refused = call("verify", "t.yaml", "--out", "a")
    assert refused.code == 2
    assert "t.yaml:8:1: lemma_files: " in refused.err
    assert "(broken.py:2)" in refused.err
    (tmp_path / "t.yaml").write_text(STUDY.replace("lemmas: [", "lemmas: [grwth, ") + "lemma_files: [mine.py]\n")
    refused = call("verify", "t.yaml", "--out", "a")
    assert refused.code == 2
    assert 'lemmas[0]: no lemma is called the text "grwth"; did you mean "growth"?' in refused.err
    assert not (tmp_path / "a").exists()


def test_a_changed_file_is_another_study(call, tmp_path):
    words = ("verify", "s.yaml", "--lemmas", "mine.py", "--select", "growth", "--out", "a")
    assert call(*words).code == 0
    assert "nothing was run" in call(*words, "--resume").out
    (tmp_path / "mine.py").write_text(GOOD.replace("3.0", "0.5"))
    refused = call(*words, "--resume")
    assert refused.code == 2
    assert "file of the lemma.growth was" in refused.err
    assert call(*words).code == 1
    (tmp_path / "mine.py").write_text(GOOD.replace("3.0", "2.5"))  # of no matter to who does not ask for it
    words = ("verify", "s.yaml", "--lemmas", "mine.py", "--select", "distance", "--out", "b")
    assert call(*words).code == 0
    (tmp_path / "mine.py").write_text(GOOD)
    assert "nothing was run" in call(*words, "--resume").out


def test_what_a_terminal_would_obey_is_not_shown():
    shown = guard.describe(ValueError("a\x1b[31mRED\x1b]0;title\x07"))
    assert shown == r"ValueError: a\u001b[31mRED\u001b]0;title\u0007"


def test_bundled_studies_name_no_files():
    assert load_study("quick").lemma_files == ()
    assert load_study("quick").check_seconds == 300
    assert Path(own.__file__).name == "own.py"


PROBING = (
    HEAD
    + """
import jax.numpy as jnp
from nag_ntk import Probe

def check(run):
    found = run.trajectory.probes["moved"]
    return Inequality(found.values, 1e9, ("seed", "method", "step"))

def moved(network):
    return jnp.sum(network.movement**2)

CONTROLS = ()
GOOD = Lemma(id="good", title="g", statement="g", check=check, controls=CONTROLS, probes=(Probe("moved", moved, 2),))
BROKEN = Lemma(
    id="broken", title="b", statement="b", check=check, controls=CONTROLS,
    probes=(Probe("other", lambda network: network.nothing, 2),),  # broken
)
CLASH = Lemma(
    id="clash", title="c", statement="c", check=check, controls=CONTROLS, probes=(Probe("moved", moved, 4),),
)
RADII = Lemma(
    id="radii", title="r", statement="r", check=check, controls=CONTROLS,
    radii=lambda n, width, delta: (1 / 0,),  # radii
)
LOOPS = Lemma(
    id="loops", title="r", statement="r", check=check, controls=CONTROLS,
    radii=lambda n, width, delta: tuple(0.0 for _ in iter(int, 1)),  # loops
)
"""
)


def test_what_cannot_be_recorded_is_told_before_anything_is_trained(tmp_path, alone, monkeypatch):
    path = tmp_path / "probing.py"
    path.write_text(PROBING)
    lemmas = own.lemmas_of_file(path)
    study = studied(tmp_path).model_copy(update={"check_seconds": 0.5})
    names = tuple(lemma.id for lemma in lemmas)
    asked = study.model_copy(update={"lemmas": (*names, *OTHERS)})
    with monkeypatch.context() as patch:
        patch.setattr(runner, "simulate", None)
        with pytest.raises(CannotRun) as caught:
            verify(asked, lemmas=(*lemmas, *CATALOGUE))
    said = [problem.message for problem in caught.value.problems]
    lines = PROBING.split("\n")
    for name, sentence in (
        ("broken", "AttributeError: 'Snapshot' object has no attribute 'nothing'"),
        ("clash", "ValueError: another lemma of this study has another probe called moved"),
        ("radii", "ZeroDivisionError: division by zero"),
        ("loops", "TimeoutError: stopped after 0.5 s"),
    ):
        (reason,) = (message for message in said if f"what {name} needs cannot be recorded: {sentence}" in message)
        marked = [i for i, line in enumerate(lines, 1) if line.endswith(f"# {name}")]
        assert not marked or reason.endswith(f"(probing.py:{marked[0]})"), reason
    assert len(said) == 4
    result = verify(study.model_copy(update={"lemmas": ("good", *OTHERS)}), lemmas=(*lemmas, *CATALOGUE))
    (good,) = (found for found in result.findings if found.lemma == "good")
    assert good.verdict is Verdict.INCONCLUSIVE  # twelve seeds
    assert result.runs[0].trajectory.probes["moved"].steps.tolist() == [0, 2, 4]
    assert [row["lemma"] for row in rows(result)] == [row["lemma"] for row in alone]
    screened = study.model_copy(
        update={"runs": (study.runs[0].model_copy(update={"engine": "screened", "width": 64}),)}
    )
    (found,) = verify(screened.model_copy(update={"lemmas": ("good",)}), lemmas=lemmas).findings
    assert found.verdict is Verdict.VACUOUS
    assert "screened" in found.reason


def test_check_tells_question_by_question(call, tmp_path, monkeypatch):
    study = "study={'width': 32, 'steps': 3, 'methods': ['gradient_descent']}, controls=("
    text = '"""Growth of residuals."""\n' + GOOD.replace("controls=(", study, 1)
    (tmp_path / "kit.py").write_text(text)
    monkeypatch.setenv("NAG_NTK_CACHE", str(tmp_path / "cache"))
    good = call("check", "kit.py", "--select", "growth", "--seeds", "16")
    assert not (tmp_path / "cache" / "passed").exists()  # fewer seeds than the kit's
    assert good.code == 0
    assert good.out.count("✓") == 6
    assert good.out.endswith("All is well.\n")
    (tmp_path / "kit.py").write_text(text.replace("growth(run, 0.0)", "growth(run, 9.0)"))
    bad = call("check", "kit.py", "--select", "growth", "--seeds", "16")
    assert bad.code == 1
    assert "✗ controls_refuted" in bad.out
    assert "control none is INCONCLUSIVE, not REFUTED" in bad.out
    assert bad.out.endswith("1 problem.\n")
    assert call("check", "gone.py").code == 2
    refused = call("check", "kit.py", "--select", "grwth")
    assert refused.code == 2
    assert 'has no lemma called "grwth"; it has growth, likely' in refused.err


MIXED = {
    "against-the-mean": "n.mean(axis=0)",
    "against-the-first": "n[:1]",
    "against-the-last": "n[-1:]",
    "against-the-next": "np.roll(n, 1, axis=0)",
    "by-their-number": "len(n)",
}


def test_a_check_that_mixes_seeds_is_found_by_few_of_them(tmp_path):
    text = HEAD
    for name, other in (*MIXED.items(), ("alone", "n[:, :, :1]")):
        bound = f"10 + 10 * {other} + 0 * n"
        body = f"    n = run.trajectory.residual_norm\n    return Inequality(n, {bound}, ('seed', 'method', 'step'))"
        text += lemma_text(name, body)
    (tmp_path / "mixed.py").write_text(text)
    lemmas = [lemma for lemma in own.available_lemmas([tmp_path / "mixed.py"]).lemmas if own.is_own(lemma)]
    study = studied(tmp_path).model_copy(update={"lemmas": tuple(lemma.id for lemma in lemmas)})
    reasons = {found.lemma: found.reason for found in verify(study, lemmas=lemmas).findings}
    assert "seeds must be independent trials" not in reasons.pop("alone")
    for name in MIXED:
        assert "seeds must be independent trials" in reasons[name], name
