"""nag-ntk compare: verdicts, margins, findings of one alone and keys of the studies, counted and in lines that fit."""

import json
from pathlib import Path

import pytest

from proofs_check import store
from proofs_check.judging.finding import Finding, Verdict
from proofs_check.judging.result import StudyResult
from proofs_check.report.differences import differences, headline, sections
from proofs_check.store import StoredResult
from proofs_check.store.files import digest
from proofs_check.study.load import parse_study

STUDY = """
name: a
dataset: {source: sphere, samples: 4, dimension: 3}
methods: [nesterov]
width: 8
seeds: 2
steps: 3
"""


def row(lemma, verdict="SUPPORTED", margin=0.25, run="main"):
    return {"lemma": lemma, "run": run, "verdict": verdict, "margin": margin}


def compared(first, second, tolerance=0.01, studies=({}, {})):
    pairs = zip((first, second), studies, strict=True)
    sides = (StoredResult("a", 0.1, tuple(rows), manifest={"study": study}) for rows, study in pairs)
    return differences(*sides, tolerance)


@pytest.mark.parametrize(
    ("one", "two", "tolerance", "changed"),
    [
        (1.0, 1.009, 0.01, False),
        (1.0, 1.02, 0.01, True),
        (1.02, 1.0, 0.01, True),
        (1.0, 1.02, 0.1, False),
        (-1.0, -1.02, 0.01, True),
        (-1.0, 1.0, 1.0, True),
        (1e-9, 1.1e-9, 0.01, True),
        (0.0, 0.0, 0.0, False),
        (0.1, 0.1, 0.0, False),
        (0.1, 0.1000001, 0.0, True),
        (None, None, 0.01, False),
        (None, 0.0, 0.01, True),
        (0.0, None, 0.01, True),
        ("inf", "inf", 0.01, False),
        ("inf", "-inf", 0.01, True),
        ("inf", 1e300, 0.01, True),
        (1.0, "-inf", 2.0, True),
    ],
)
def test_margins(one, two, tolerance, changed):
    found = compared([row("a", margin=one)], [row("a", margin=two)], tolerance)
    assert [change[2:] for change in found.margins] == ([(one, two)] if changed else [])
    assert not found.found_otherwise


def test_a_finding_is_known_by_lemma_and_run():
    first = [row("a"), row("b", "REFUTED", -1.0), row("b", run="other"), row("c"), row("twice"), row("twice", "ERROR")]
    second = [row("b"), row("b", run="other", margin=0.5), row("twice"), row("twice", "VACUOUS"), row("d", "ERROR")]
    found = compared(first, second)
    assert found.both == 4
    assert [tuple(one) for one in found.verdicts] == [
        ("b", "main", "REFUTED", "SUPPORTED"),
        ("twice", "main", "ERROR", "VACUOUS"),
    ]
    assert [tuple(one) for one in found.margins] == [("b", "other", 0.25, 0.5)]
    assert [tuple(one) for one in found.first] == [("a", "main", "SUPPORTED"), ("c", "main", "SUPPORTED")]
    assert [tuple(one) for one in found.second] == [("d", "main", "ERROR")]
    assert found.found_otherwise
    counts = "2 verdicts changed, 1 margin changed; 2 findings only in A, 1 only in B"
    assert headline(found) == f"4 findings in both: {counts}; the studies agree."
    assert dict(sections(found)) == {
        "Other verdicts": ["b @ main: REFUTED -> SUPPORTED", "twice @ main: ERROR -> VACUOUS"],
        "Other margins, by more than 0.01 of the larger": ["b @ other: +0.25 -> +0.5"],
        "Only in A": ["a @ main: SUPPORTED", "c @ main: SUPPORTED"],
        "Only in B": ["d @ main: ERROR"],
    }


def test_the_order_of_the_rows_does_not_matter():
    rows = [row("a"), row("a", "REFUTED", -1.0, "other"), row("b", "VACUOUS", None)]
    assert compared(rows, rows[::-1]) == compared(rows, rows)
    assert not compared(rows, rows[::-1]).found_otherwise


@pytest.mark.parametrize(("first", "second"), [([row("a")], []), ([], [row("a")]), ([row("a")], [row("a", "ERROR")])])
def test_each_kind_of_other_finding_counts(first, second):
    assert compared(first, second).found_otherwise


def test_keys_of_the_studies():
    one = {"level": 0.1, "dtype": None, "runs": {"a": {"methods": ["x" * 100, "y"], "download": True}, "b": {}}}
    two = {"level": 0.1, "dtype": "float32", "runs": {"a": {"methods": ["z"], "download": False}}}
    found = compared([], [], studies=(one, two))
    assert dict(sections(found)) == {
        "The studies differ in": [
            "dtype: null -> float32",
            f"runs.a.methods[0]: {'x' * 37}... -> z",
            "runs.a.methods[1]: y -> absent",
            "runs.a.download: true -> false",
            "runs.b: there -> absent",
        ]
    }
    assert headline(found).endswith("; the studies differ in 5 keys.")
    assert not found.found_otherwise
    many = compared([], [], studies=({"at": list(range(40))}, {"at": list(range(1, 41))}))
    lines = dict(sections(many))["The studies differ in"]
    assert (len(lines), lines[-1]) == (31, "and 10 more; --json has them all")


def write(folder, *findings, text=STUDY):
    study = parse_study(text, name="a.yaml", base=Path())
    store.write(StudyResult(study, findings, (), ()), Path(folder), wall_time=1.0)


ONE = Finding("distance", "a", Verdict.SUPPORTED, "so", margin=0.25)
OTHER = Finding("distance", "a", Verdict.REFUTED, "so", margin=-0.25)
NASTY = Finding("my lemma " + "long " * 30 + "\x1b[31m[red]", "a", Verdict.ERROR, "so")


def test_the_command_compares_folders(call, monkeypatch):
    write("A", ONE, NASTY)
    write("B", OTHER, text=STUDY.replace("width: 8", "width: 16"))
    for columns in (40, 80):
        monkeypatch.setenv("COLUMNS", str(columns))
        end = call("compare", "A", "B")
        assert (end.code, end.err) == (1, "")
        assert max(map(len, end.out.split("\n"))) <= columns
        words = " ".join(end.out.split())
        assert words.startswith("A: A B: B Other verdicts distance @ a: SUPPORTED -> REFUTED Only in A my lemma long")
        assert "\\u001b[31m[red]" in words
        assert "The studies differ in runs.a.width: 8 -> 16 1 finding in both: 1 verdict changed, 0 margins" in words
        assert words.endswith("1 finding only in A, 0 only in B; the studies differ in 1 key.")
    document = json.loads(call("compare", "A", "B", "--json").out)
    assert (document["A"], document["B"], document["both"], document["tolerance"]) == ("A", "B", 1, 0.01)
    assert document["verdicts"] == [{"lemma": "distance", "run": "a", "before": "SUPPORTED", "after": "REFUTED"}]
    assert [one["verdict"] for one in document["first"]] == ["ERROR"]
    assert document["study"] == [{"key": "runs.a.width", "before": 8, "after": 16}]


def test_exit_codes(call):
    write("A", ONE)
    write("B", Finding("distance", "a", Verdict.SUPPORTED, "so", margin=0.3))
    for arguments, margins in ((("A", "A"), 0), (("A", "B"), 1), (("A", "B", "--tolerance", "0.5"), 0)):
        end = call("compare", *arguments)
        assert end.code == 0
        assert f"0 verdicts changed, {margins} margin" in end.out
        assert call("compare", *arguments, "--json").code == 0
    write("C", OTHER)
    assert [call("compare", "A", "C", *more).code for more in ((), ("--json",))] == [1, 1]


MISTAKES = {
    "no folder": (("A", "none"), "none holds no results: it has no manifest.json; run nag-ntk verify first"),
    "a file": (("A/results.json", "A"), "A/results.json holds no results"),
    "one folder": (("A",), "Missing argument 'B'"),
    "tolerance": (("A", "A", "--tolerance", "-1"), "-1.0 is not in the range"),
    "no number": (("A", "A", "--tolerance", "nan"), "--tolerance is a finite number, such as 0.01, got nan"),
    "endless": (("A", "A", "--tolerance", "inf"), "--tolerance is a finite number"),
    "changed": (("A", "changed"), "results.json is not what manifest.json says was written; verify again"),
    "other rows": (("A", "other"), "the results in A or other are not as this version writes them ("),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_one_sentence(call, case):
    arguments, message = MISTAKES[case]
    for name in ("A", "changed", "other"):
        write(name, ONE)
    for name in ("changed", "other"):
        (Path(name) / "results.json").write_text('{"study": "a", "level": 0.1, "findings": [3]}')
    manifest = json.loads(Path("other/manifest.json").read_text())
    manifest["files"]["results.json"] = digest(Path("other/results.json"))
    Path("other/manifest.json").write_text(json.dumps(manifest))
    end = call("compare", *arguments)
    assert (end.code, end.out) == (2, "")
    assert message in end.err
    assert end.err.count("\n") == 1
