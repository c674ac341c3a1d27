"""Texts of a user's own made to do harm, at every place where they leave the program; and TeX that is no formula."""

import ast
import csv
import io
import json
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import small
import xarray
from hypothesis import given
from hypothesis import strategies as st
from in_process import caller

from proofs_check import store
from proofs_check.bench import tables
from proofs_check.commands import console
from proofs_check.judging.curves import Curve
from proofs_check.judging.result import Tables
from proofs_check.lemmas import CATALOGUE
from proofs_check.report import mathematics, page, terminal
from proofs_check.results import Results
from proofs_check.running import runner, session
from proofs_check.store.files import write_json
from proofs_check.store.grid import write_grid
from proofs_check.store.series import read_series, record_curves
from proofs_check.study.load import parse_study
from proofs_check.study.text import make_visible, visible

HALF = "half \ud800 of a pair"
STUDY = r'description: "half \uD800 of a pair"' + small.STUDY

ROOT = Path(__file__).resolve().parents[3]
HARMFUL = {
    "escape": "\x1b[31mred", "title": "\x1b]0;title\x07", "C1": "\x9b31m", "backspace": "ok\b\b", "return": "bad\rgood",
    "bell": "\a", "delete": "\x7f", "nul": "a\0b", "override": "\u202egpj.exe", "isolate": "\u2066a\u2069",
    "no width": "a\u200bb\ufeff", "tag": "\U000e0001", "line": "a\u2028b", "half": "\ud800", "other half": "\udfff",
    "none": "\uffff",
}  # fmt: skip
PLAIN = (
    "κ ≤ λ₀",
    "Übergröße naïve",
    "日本語",
    "👩\u200d🔬 🙂",
    "\u0645\u06cc\u200c\u062e",
    "e\u0301",
    "a\tb\nc",
    r"\u001b",
    "",
)
ANY = st.text(st.characters(codec=None, exclude_categories=()))


def harmless(text):
    """Whether neither terminal nor page is told anything by it."""
    hidden = [
        c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t\u200c\u200d"
    ]
    return not hidden


@pytest.mark.parametrize("kind", HARMFUL)
def test_what_does_harm_is_shown_as_an_escape_of_json(kind):
    shown = visible(f"é {HARMFUL[kind]} é")
    assert harmless(shown)
    assert "\\" in shown
    assert json.loads(f'"{shown}"') == f"é {HARMFUL[kind]} é"


@pytest.mark.parametrize("text", PLAIN)
def test_what_does_none_stays(text):
    assert visible(text) == text


def test_an_end_of_line_of_another_system_is_one():
    assert visible("a\r\nb\rc") == "a\nb\\rc"


@pytest.mark.parametrize("text", ["a\u200db", "\u200d", "é\u200d", "é\u200d\u200bé", "\u200c\u200c"])
def test_what_joins_nothing_is_shown(text):
    assert "\u200d" not in visible(text)
    assert "\u200c" not in visible(text)


@given(ANY)
def test_any_text_becomes_harmless_and_loses_nothing(text):
    shown = visible(text)
    assert harmless(shown)
    assert visible(shown) == shown
    shown.encode()
    kept = [c for c in text if c.isprintable()]
    letters = iter(shown)
    assert all(c in letters for c in kept)


@given(st.recursive(ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner)))
def test_json_is_read_again_as_it_was(value):
    text = visible(json.dumps(value, ensure_ascii=False))
    assert harmless(text)
    # two halves of a pair side by side are the sign that they make
    assert json.loads(text.encode()) == json.loads(json.dumps(value))
    assert make_visible(make_visible(value)) == make_visible(value)


def all_text(inside=""):
    return f"{inside}[red]x[/red] [link=http://x]y[/link] :smile: <b>&amp; $x^$ " + " ".join(HARMFUL.values())


ROW = {
    "verdict": "REFUTED", "lemma": all_text("l"), "run": all_text("r"), "margin": -1.0, "violations": 1, "trials": 2,
    "limit": 0.5, "reason": "first line\n" + all_text("second line"),
}  # fmt: skip
LOSS = {"run": all_text("r"), "step": all_text("s"), "what": all_text("w"), "method": all_text("m"), "lost": None,
        "reason": all_text("why")}  # fmt: skip


@pytest.fixture
def printed(capsys):
    """What was printed, with none of it obeyed: the marks of rich are still to be read."""

    def read(*wanted):
        text = "".join(capsys.readouterr())
        assert harmless(text)
        for one in (*wanted, "[red]x[/red]", "[link=http://x]", ":smile:", r"\u001b[31mred", r"\ud800"):
            assert "".join(one.split()) in "".join(text.split())
        return text

    return read


@pytest.mark.parametrize("width", [80, 4000])
def test_the_table_in_a_terminal(printed, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    tables = Tables(all_text("study"), 0.1, (ROW,), (LOSS,))
    terminal.render(tables, console=console.screen(), verbose=True, links=True)
    text = printed()
    assert any(line.rstrip().endswith("first line") for line in text.split("\n"))


def test_lines_in_a_terminal(printed):
    console.say(all_text("1"))
    printed("1[red]")
    console.note(all_text("2"))
    printed("2[red]")


def test_the_names_of_bars(printed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "4000")
    with console.progress([all_text("run")], quiet=False) as bar:
        bar(all_text("run"), 1, 1)
    printed("run[red]")


def test_the_tables_of_a_benchmark(printed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "4000")
    monkeypatch.setattr(tables, "provenance", lambda report: all_text("where"))
    monkeypatch.setattr(
        tables, "tables", lambda report: [tables.Table(all_text("t"), (all_text("c"),), [(all_text("r"),)], "")]
    )
    tables.render(None, console.screen())  # pyright: ignore[reportArgumentType]
    printed("t[red]", "c[red]", "r[red]", "where[red]")


def test_an_object_in_a_notebook():
    found = Results(all_text("study"), 0.1, (ROW,))
    assert harmless(repr(found))
    assert harmless(found._repr_html_())


def test_a_page_and_a_figure(tmp_path):
    page._write(tmp_path / "a.svg", all_text())
    assert harmless((tmp_path / "a.svg").read_text())


def test_curves_of_any_name_are_written_and_read():
    h5netcdf = pytest.importorskip("h5netcdf")
    names = [
        "z/y",
        "z",
        "",
        "step",
        "step/x",
        "..",
        "a//b",
        "a/b",
        "/",
        "x" * 10**5,
        "/".join("y" * 10**4),
        *HARMFUL.values(),
    ]
    side = np.zeros((1, 5, 3))
    curves = [Curve(f"l/{name}" if name else "l", "r", (all_text("m"),), np.arange(3), side, side) for name in names]
    image = io.BytesIO()
    with h5netcdf.File(image, "w") as file:
        group = file.create_group("r")
        group.attrs["width"] = 4
        group.dimensions = {"seed": 2, "step": 1}
        group.create_variable("seed", ("seed",), data=np.arange(2))
        group.create_variable("step", ("step",), data=np.arange(1))
        record_curves(file, curves, (0, 0.1, 0.5, 0.9, 1))
    image.seek(0)
    found = read_series(image)
    assert {one.name for one in found} == {visible(curve.lemma)[:200] for curve in curves}
    assert len(found) == len(names)
    assert harmless("".join(one.methods[0] for one in found))


def test_a_grid_with_texts(tmp_path):
    grid = xarray.Dataset({"run": (("axis",), np.array(["a", "b"], object))},
                          {"axis": np.array([HARMFUL["nul"], HARMFUL["half"]], object)})  # fmt: skip
    write_grid(tmp_path / "a.nc", grid)
    with xarray.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as read:
        assert read.axis.values.tolist() == [r"a\u0000b", r"\ud800"]


LEMMAS = """
from proofs_check.lemma import Inequality, Lemma, NotApplicable

TEXT = {text!r}

def good(run):
    return Inequality(run.trajectory.residual_norm, 1e9, ("seed", "method", "step"))

def parts(run):
    return {{TEXT: good(run), "step": good(run), "": good(run), "not/": NotApplicable(TEXT), "..": good(run),
            "labels": Inequality(run.trajectory.residual_norm, 1e9, ("seed", "method", "step"),
                                 labels={{"method": (TEXT, TEXT + "2")}})}}

def raises(run):
    print(TEXT.encode("ascii", "replace"))
    raise ValueError(TEXT)

FIRST, SECOND = (
    Lemma(id=name, title=TEXT, statement=TEXT, tex="so $x$ " + TEXT, hypotheses=TEXT, check=check, controls=())
    for name, check in (("has-parts", parts), ("raises", raises))
)
"""
HOSTILE = """
dataset: {source: sphere, samples: 3, dimension: 3}
methods: [gradient_descent, nesterov]
width: 16
seeds: 12
steps: 4
lemmas: [has-parts, raises]
description: "\\e[31m \\uD800 \\u202E <script>x</script>"
"""


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    return caller(monkeypatch, capsys)


def test_a_hostile_lemma_through_the_command(tmp_path, call):
    (tmp_path / "h.yaml").write_text(HOSTILE)
    (tmp_path / "mine.py").write_text(LEMMAS.format(text=all_text("t") + " <script>y</script>"))
    end = call("verify", "h.yaml", "--lemmas", "mine.py", "--out", "o")
    assert end.code == 3  # one check raises
    assert "internal error" not in end.err
    assert harmless(end.out + end.err)
    assert "the report is not" not in end.err
    for name in ("results.json", "manifest.json"):
        text = (tmp_path / "o" / name).read_bytes().decode()
        assert harmless(text)
        json.loads(text)
    stored = store.read(tmp_path / "o")
    assert "has-parts/" + all_text("t") + " <script>y</script>" in {row["lemma"] for row in stored.rows}
    assert len([one for one in read_series(tmp_path / "o") if one.name.startswith("has-parts")]) >= 4
    report = (tmp_path / "o" / "report.html").read_bytes().decode()
    assert harmless(report)
    tree = ElementTree.fromstring(report)
    assert len(list(tree.iter("script"))) == 1
    for path in (tmp_path / "o" / "figures").iterdir():
        text = path.read_bytes().decode()
        assert harmless(text)
        if path.suffix == ".svg":
            ElementTree.fromstring(text)
        elif path.suffix == ".csv":
            assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1
    assert call("verify", "h.yaml", "--lemmas", "mine.py", "--out", "o", "--resume").code == 3
    for command in (("lemmas",), ("explain", "has-parts"), ("lemmas", "--json")):
        end = call(*command, "--lemmas", "mine.py")
        assert end.code == 0
        assert harmless(end.out + end.err)
    assert any(all_text("t") in lemma["title"] for lemma in json.loads(end.out))


@pytest.mark.parametrize(
    "words",
    [("verify", "{}.yaml"), ("report", "{}"), ("explain", "{}"), ("{}",), ("verify", "--{}"), ("search", "{}"),
     ("verify", "quick", "--seeds", "{}"), ("init", "a/{}"), ("check", "{}"), ("width", "{}"),
     ("bench", "--read", "{}"), ("certify", "{}"), ("search", "--replay", "{}"), ("recheck", "{}")],
)  # fmt: skip
def test_the_words_of_a_command(call, words):
    end = call(*(word.format(HARMFUL["escape"] + HARMFUL["override"] + "\udcff") for word in words))
    assert end.code == 2, end.err
    assert harmless(end.out + end.err)


def goes_round(source):
    """The prints of a module: of click, of Python, of rich, of the streams themselves."""
    words = ("click.echo", "click.secho", "print", "Console", "rich.print", "traceback.print_exc",
             "sys.stdout.write", "sys.stderr.write")  # fmt: skip
    return [
        f"{ast.unparse(node.func)}, line {node.lineno}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in words
    ]


PRINT = {
    "commands/console.py",
    "rigor/certificates/recheck.py",  # it stands alone, and prints ASCII
    "judging/child.py",  # what a lemma of a user's own prints
    "plugins/process.py",
    "bench/peak.py",  # a number, to its parent
}


def test_every_print_goes_through_the_console():
    for path in sorted([*(ROOT / "proofs_check").rglob("*.py"), *(ROOT / "nag_ntk").rglob("*.py")]):
        if path.as_posix().removeprefix(f"{ROOT.as_posix()}/proofs_check/") not in PRINT:
            assert goes_round(path.read_text()) == [], path


@pytest.mark.parametrize("line", ["click.echo(x)", "print(x)", "Console().print(x)", "sys.stderr.write(x)"])
def test_a_print_that_goes_round_it_is_found(line):
    assert goes_round(f"def f(x):\n    {line}\n")


def test_half_of_a_surrogate_pair_is_kept_in_json(tmp_path):
    write_json(tmp_path / "a.json", {HALF: [HALF, "é", 'a "quoted" \\ text']})
    content = (tmp_path / "a.json").read_bytes()
    assert json.loads(content.decode()) == {HALF: [HALF, "é", 'a "quoted" \\ text']}
    assert "é".encode() in content


def test_a_study_with_one_is_written_and_read(tmp_path):
    store.write(runner.verify(parse_study(STUDY, name="a.yaml", base=tmp_path)), tmp_path / "out", wall_time=1.0)
    assert store.read(tmp_path / "out").manifest["study"]["description"] == HALF
    text = page.write(tmp_path / "out").read_bytes().decode()
    assert r"half \ud800 of a pair" in text


@pytest.mark.parametrize(
    "tex",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\class{verdict}{x}",
        r"\style{position:fixed}{x}",
        r"x &#x202e; y",
    ],
)
def test_a_formula_that_is_more_than_one_is_shown_as_plain_text(tex):
    with pytest.raises(ValueError, match=r"a formula has no (href|class|style|characters)"):
        mathematics.formula(tex, alone=False)
    assert str(mathematics.statement(f"at most ${tex}$", "at most <x>")) == "at most &lt;x&gt;"


def test_every_statement_of_the_catalogue_is_shown_as_a_formula():
    for lemma in CATALOGUE:
        assert "<math" in mathematics.statement(lemma.tex, lemma.statement), lemma.id
