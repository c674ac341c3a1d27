"""The YAML of a study: what is accepted, and what every kind of mistake is answered with."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nag_ntk
from proofs_check.study import yaml as yaml_source
from proofs_check.study.load import (
    ConfigError,
    Study,
    bundled_configs,
    load_study,
    parse_study,
    study_as_dict,
    study_schema,
)
from proofs_check.study.models import DATA_MODELS, RunFields, StudyFields, field_names
from proofs_check.study.sweep import swept_keys

BASE = """\
dataset: {source: digits, samples: 5}
methods: [nesterov]
width: 16
seeds: 2
steps: 3
"""


def parse(text: str, **options) -> Study:
    return parse_study(text, name="a.yaml", base=Path("/data"), **options)


def problems(text: str, **options) -> list[tuple[int | None, str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse(text, **options)
    return [(p.line, p.path, p.message) for p in caught.value.problems]


# A line to add after the five of BASE, or to put in place of the one with its key; then the one problem.
MISTAKES = {
    "misspelt key": ("widht: 3", 6, "widht", 'unknown key; did you mean "width"?'),
    "foreign key": ("zzz: 3", 6, "zzz", "unknown key; known: name, description, level"),
    "words for a number": ("width: yes", 3, "width", '1 or more, got the text "yes"'),
    "fraction": ("width: 1.5", 3, "width", "expected a whole number, 1 or more, got 1.5"),
    "whole float": ("width: 16.0", 3, "width", "got 16.0"),
    "quoted number": ('width: "10"', 3, "width", 'got the text "10"'),
    "boolean as number": ("seeds: true", 4, "seeds", "got true"),
    "boolean as float": ("level: true", 6, "level", "got true"),
    "nothing": ("width:", 3, "width", "got nothing (null)"),
    "zero": ("width: 0", 3, "width", "1 or more, got 0"),
    "negative": ("steps: -1", 5, "steps", "0 or more, got -1"),
    "key too large": (f"key: {2**63}", 6, "key", "from 0 to 2^63 - 1"),
    "negative key": ("key: -1", 6, "key", "from 0 to 2^63 - 1, got -1"),
    "level above": ("level: 1", 6, "level", "between 0 and 1, both excluded, got 1"),
    "delta zero": ("delta: 0.0", 6, "delta", "between 0 and 1"),
    "not a number": ("delta: .nan", 6, "delta", "got nan"),
    "infinite": ("memory_limit_gib: .inf", 6, "memory_limit_gib", "a finite number above 0, got inf"),
    "overflow": ("memory_limit_gib: 1e999", 6, "memory_limit_gib", "got inf"),
    "quoted float": ("level: '1e-3'", 6, "level", 'got the text "1e-3"'),
    "chunk": ("chunk: 0", 6, "chunk", "1 or more"),
    "empty out": ("out: ''", 6, "out", "text that is not empty"),
    "number as text": ("description: 3", 6, "description", "expected text, got 3"),
    "name": ("name: My Study", 6, "name", "small letters, digits"),
    "enum": ("start: gradiant", 6, "start", 'extrapolated, got the text "gradiant"; did you mean'),
    "init": ("init: antisymetric", 6, "init", 'independent, antisymmetric, got the text "antisymetric"; did you'),
    "odd width": ("width: 5\ninit: antisymmetric", 3, "width", "the width must be even, got 5"),
    "odd width of a run": ("init: antisymmetric\nruns: {a: {}, b: {width: 7}}", 7, "runs.b.width", "even, got 7"),
    "enum of nullable": ("dtype: float46", 6, "dtype", 'did you mean "float64"?'),
    "engine": (
        "engine: [auto]",
        6,
        "engine",
        "one of auto, weights, preactivations, batched-weights, batched-preactivations, screened, got a list",
    ),
    "dataset not a mapping": ("dataset: digits", 1, "dataset", "expected a mapping"),
    "dataset without source": ("dataset: {samples: 3}", 1, "dataset.source", "choose one of digits, diabetes, sphere"),
    "dataset source": ("dataset: {source: digit}", 1, "dataset.source", 'did you mean "digits"?'),
    "dataset source list": ("dataset: {source: [1]}", 1, "dataset.source", "got a list"),
    "dataset key": ("dataset: {source: digits, samples: 1, ofset: 2}", 1, "dataset.ofset", '"offset"?'),
    "dataset missing": ("dataset: {source: sphere, samples: 1}", 1, "dataset.dimension", "missing"),
    "dataset value": ("dataset: {source: digits, samples: 0}", 1, "dataset.samples", "1 or more, got 0"),
    "labels": ("dataset: {source: digits, samples: 1, labels: signs}", 1, "dataset.labels", "centred"),
    "angle": (
        "dataset: {source: pairs, pairs: 1, angle: 1.6, dimension: 2}",
        1,
        "dataset.angle",
        "at most pi/2, got 1.6",
    ),
    "normalise": ("dataset: {source: npz, path: a, normalise: yes}", 1, "dataset.normalise", "true or false"),
    "classes": (
        "dataset: {source: digits, samples: 1, classes: [3, 3]}",
        1,
        "dataset.classes",
        "different whole numbers",
    ),
    "class": ("dataset: {source: digits, samples: 1, classes: [3, 10]}", 1, "dataset.classes", "from 0 to 9, got"),
    "one class": (
        "dataset: {source: digits, samples: 1, labels: pair, classes: [3]}",
        1,
        "dataset",
        "need two classes",
    ),
    "no class": ("dataset: {source: mnist, path: a, samples: 1, labels: one}", 1, "dataset", "such as classes: [3]"),
    "no path": ("dataset: {source: mnist, samples: 1}", 1, "dataset", "download: true"),
    "path and download": (
        "dataset: {source: cifar10, samples: 1, path: a, download: true}",
        1,
        "dataset",
        "and not both",
    ),
    "split": ("dataset: {source: mnist, path: a, samples: 1, split: tset}", 1, "dataset.split", 'did you mean "test"?'),
    "parallel": ("dataset: {source: npz, path: a, parallel: dropp}", 1, "dataset.parallel", 'did you mean "drop"?'),
    "table without target": ("dataset: {source: table, path: a}", 1, "dataset.target", "required, but missing"),
    "table columns": (
        "dataset: {source: table, path: a, target: y, columns: [b, b]}",
        1,
        "dataset.columns",
        "different names of columns",
    ),
    "table column": ("dataset: {source: table, path: a, target: y, columns: b}", 1, "dataset.columns", "a list of"),
    "table classes": (
        "dataset: {source: table, path: a, target: y, labels: pair}",
        1,
        "dataset",
        "labels pair need two classes, such as classes: ['no', 'yes']",
    ),
    "table class": (
        "dataset: {source: table, path: a, target: y, labels: one, classes: [[1]]}",
        1,
        "dataset.classes[0]",
        "a text or a number",
    ),
    "words about arrays": (
        "dataset: {source: arrays, samples: 1, inputs: AAAAAAAA8D8=, targets: AAAAAAAA8D8=, origin: [1]}",
        1,
        "dataset.origin",
        "a mapping from texts to texts",
    ),
    "methods not a list": ("methods: nesterov", 2, "methods", 'a list, got the text "nesterov"; write'),
    "no methods": ("methods: []", 2, "methods", "at least one"),
    "method name": ("methods: [nesterof]", 2, "methods[0]", 'did you mean "nesterov"?'),
    "method number": ("methods: [nesterov, 3]", 2, "methods[1]", "a method's name or a mapping, got 3"),
    "method twice": ("methods: [nesterov, {name: nesterov}]", 2, "methods", "nesterov is listed twice"),
    "method key": ("methods: [{name: nesterov, betta: 0.1}]", 2, "methods[0].betta", 'did you mean "beta"?'),
    "method without name": ("methods: [{eta: 0.1}]", 2, "methods[0].name", "required, but missing"),
    "eta": ("methods: [{name: gradient_descent, eta: 0}]", 2, "methods[0].eta", "each step, got 0"),
    "eta nan": ("methods: [{name: gradient_descent, eta: .nan}]", 2, "methods[0].eta", "got nan"),
    "beta one": ("methods: [{name: nesterov, eta: 1, beta: 1}]", 2, "methods[0].beta", "each step, got 1"),
    "beta negative": ("methods: [{name: nesterov, eta: 1, beta: -0.1}]", 2, "methods[0].beta", "got -0.1"),
    "beta of descent": ("methods: [{name: gradient_descent, eta: 1, beta: 0}]", 2, "methods[0]", "remove"),
    "beta missing": ("methods: [{name: heavy_ball, eta: 1}]", 2, "methods[0]", "with eta needs beta"),
    "beta alone": ("methods: [{name: heavy_ball, beta: 0.5}]", 2, "methods[0]", "beta needs eta"),
    "scale and eta": ("methods: [{name: gradient_descent, eta: 1, scale: 2}]", 2, "methods[0]", "excludes"),
    "lemmas word": ("lemmas: al", 6, "lemmas", 'or a list of lemma ids, got the text "al"; did'),
    "no lemmas": ("lemmas: []", 6, "lemmas", "at least one"),
    "lemma twice": ("lemmas: [a, a]", 6, "lemmas", "a is listed twice"),
    "lemma number": ("lemmas: [a, 3]", 6, "lemmas[1]", "text that is not empty, got 3"),
    "no runs": ("runs: {}", 6, "runs", "got an empty mapping"),
    "runs list": ("runs: [a]", 6, "runs", "from names of runs to what they change, got a list"),
    "run not a mapping": ("runs: {a: 3}", 6, "runs.a", "what the run changes, got 3"),
    "run name": ("runs: {A b: {}}", 6, "runs.A b", "small letters, digits"),
    "run key": ("runs:\n  a:\n  b:\n    key: 1\n    widht: 1", 10, "runs.b.widht", 'did you mean "width"?'),
    "run field of the data": ("runs:\n  a:\n    dataset.samples: 0", 8, "runs.a.dataset.samples", "1 or more, got 0"),
    "run foreign field": ("runs:\n  a:\n    dataset.angle: 1", 8, "runs.a.dataset.angle", "unknown key"),
    "run misspelt field": ("runs:\n  a:\n    dataset.sample: 1", 8, "runs.a.dataset.sample", '"dataset.samples"?'),
    "run value": ("runs:\n  a:\n    width: -1", 8, "runs.a.width", "1 or more, got -1"),
    "study key in a run": ("runs:\n  a:\n    level: 0.1", 8, "runs.a.level", "belongs at the top level"),
    "swept classes": ("sweep: {dataset.classes: [3]}", 6, "sweep.dataset.classes", "unknown key"),
    "shared error once": ("runs: {a: {}, b: {}}\nkey: x", 7, "key", 'got the text "x"'),
    "always overridden": ("runs: {a: {chunk: 1}}\nchunk: x", 7, "chunk", 'got the text "x"'),
    "run dataset": ("runs:\n  a:\n    dataset: {source: npz}", 8, "runs.a.dataset.path", "missing"),
    "duplicate key": ("width: 16\nwidth: 17", 4, "width", "this key came before, on line 3; keep one"),
    "python tag": ("out: !!python/object/apply:os.system [ls]", 6, "out", "is not allowed"),
    "python scalar tag": ("out: !!python/name:os.system x", 6, "out", "is not allowed"),
    "own tag": ("width: !neurons 3", 3, "width", 'the tag "!neurons" is not allowed'),
    "binary tag": ("out: !!binary eA==", 6, "out", "is not allowed"),
    "bad number": ("width: !!int x", 3, "width", '"x" is not a usable number'),
    "endless number": ("width: " + "9" * 5000, 3, "width", "is not a usable number"),
    "endless hex": ("width: 0x" + "f" * 9000, 3, "width", "is not a usable number"),
    "number as key": ("1: 2", 6, "", 'a key here is not text; write "1" in quotes'),
    "list as key": ("? [1]\n: 2", 6, "", "a key here is not text"),
    "merge key": ("<<: {chunk: 1}", 6, "<<", "merge keys"),
    "cycle": ("runs: &x {a: *x}", 6, "runs.a", "contains itself"),
}


def with_line(text: str) -> str:
    """BASE with a line of the same key replaced, or with the text after it."""
    key = text.split(":")[0]
    if re.search(f"^{re.escape(key)}:", BASE, re.MULTILINE):
        return re.sub(f"^{key}:.*$", lambda _: text, BASE, flags=re.MULTILINE)
    return BASE + text + "\n"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_mistake_gives_one_problem_at_its_line(mistake):
    text, line, path, fragment = MISTAKES[mistake]
    [(found_line, found_path, message)] = problems(with_line(text))
    assert (found_line, found_path) == (line, path)
    assert fragment in message
    assert "type=" not in message
    assert "http" not in message
    assert "Input should" not in message


WHOLE = {
    "empty": ("", None, "the file is empty"),
    "only a comment": ("# nothing\n", None, "the file is empty"),
    "list": ("- a\n- b", None, "expected a mapping of keys such as dataset and methods; got a list"),
    "text": ("hello", None, 'got the text "hello"'),
    "broken": ("width: 1\n  seeds: 2", 2, "broken YAML: mapping values are not allowed here"),
    "unclosed": ("width: [1,\nseeds: 2", 2, "broken YAML: while parsing a flow sequence"),
    "null character": ("a\0b", None, "broken YAML: unacceptable character"),
    "parser overflow": ('a: "\\UFFFFFFFF"', None, "broken YAML"),
    "two documents": ("a: 1\n---\nb: 1", 2, "broken YAML: expected a single document"),
    "undefined alias": ("a: *x", 1, "undefined alias"),
    "deep": ("[" * 20_000, None, "nested too deeply"),
    "deep but closed": ("a: " + "[" * 3_000 + "]" * 3_000, None, "nested too deeply"),
    "yaml 1.1": ("%YAML 1.1\n---\na: no", None, "YAML 1.1 is not supported"),
    "alias bomb": (
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)),
        1,
        "aliases expand to more than",
    ),
}


def test_the_deepest_text_that_is_read():
    levels = yaml_source.MAX_DEPTH - 1  # the number is one
    for surplus, problem in ((0, ""), (1, "nested too deeply to be a study")):
        source = yaml_source.read_yaml("[" * (levels + surplus) + "0" + "]" * (levels + surplus))
        assert "".join(found.message for found in source.problems) == problem


@pytest.mark.parametrize("case", WHOLE)
def test_unreadable_text_gives_one_sentence(case):
    text, line, fragment = WHOLE[case]
    [(found_line, path, message)] = problems(text)
    assert (found_line, path) == (line, "")
    assert fragment in message
    assert "\n" not in message


def test_all_mistakes_come_at_once_in_the_order_of_the_file():
    text = (
        "widht: 3\nlevel: 2\nsteps: 1\nsteps: -1\nmethods:\n  - nesterov\n  - {name: polyak, eta: -1}\n"
        "lemmas: [gram-limt]\n"
    )
    found = problems(text, known_lemmas=["gram-limit", "kappa"])
    assert [(line, path) for line, path, _ in found] == [
        (1, "widht"),
        (2, "level"),
        (4, "steps"),
        (7, "methods[1].name"),
        (7, "methods[1].eta"),
        (8, "lemmas[0]"),
        (None, "dataset"),
        (None, "width"),
        (None, "seeds"),
    ]
    with pytest.raises(ConfigError) as caught:
        parse(text)
    lines = str(caught.value).splitlines()
    assert lines[0] == 'a.yaml:1:1: widht: unknown key; did you mean "width"?'
    assert lines[-1] == "a.yaml: seeds: required, but missing"


def test_a_missing_field_is_told_for_each_run_that_lacks_it():
    text = BASE.replace("width: 16\n", "") + "runs:\n  a: {width: 3}\n  b: {}\n  c:\n"
    assert problems(text) == [
        (7, "runs.b.width", "required, but missing"),
        (8, "runs.c.width", "required, but missing"),
    ]


def test_unknown_lemmas_are_problems_only_when_the_known_ones_are_given():
    text = BASE + "lemmas:\n  - gram-limit\n  - gram-limmit\n  - xyz\n"
    assert parse(text).lemmas == ("gram-limit", "gram-limmit", "xyz")
    first, second = problems(text, known_lemmas=["gram-limit"])
    assert first == (8, "lemmas[1]", 'no lemma is called the text "gram-limmit"; did you mean "gram-limit"?')
    assert second[:2] == (9, "lemmas[2]")
    assert "nag-ntk lemmas" in second[2]
    assert parse(BASE, known_lemmas=["gram-limit"]).lemmas == "all"


def test_messages_stay_on_one_line_whatever_the_text_holds():
    [(_, path, message)] = problems(BASE + '"a\\nb": 1\n')
    assert "\n" not in path + message
    [(_, _, message)] = problems(BASE + f'start: "x\\ny\\e[31m{"z" * 500}"\n')
    assert message.isprintable()
    assert len(message) < 200
    for text in ('lemmas: ["x\\ny", "x\\ny"]', 'methods: "x\\ny"', 'name: "x\\ny"', 'runs: {"x\\ny": 3}'):
        [(_, path, message)] = problems(with_line(text))
        assert (path + message).isprintable()


def test_defaults():
    study = parse(BASE)
    assert (study.name, study.level, study.delta, study.lemmas) == ("a", 1e-3, 0.1, "all")
    assert (study.memory_limit_gib, study.out, study.description) == (None, None, "")
    [run] = study.runs
    assert (run.name, run.start, run.engine) == ("a", "gradient", "auto")
    assert (run.dtype, run.key, run.chunk) == (None, 0, None)
    assert (run.dataset.labels, run.dataset.offset) == ("parity", 0)
    assert run.methods[0].label == "nesterov"
    assert run.methods[0].eta is None


def test_a_file_name_that_is_no_study_name_becomes_one():
    assert parse_study(BASE, name="My Study (2).yaml", base=Path()).name == "my-study-2"
    assert parse_study(BASE, name="???.yaml", base=Path()).name == "study"
    named = parse(BASE + "name: mine\n")
    assert (named.name, named.runs[0].name) == ("mine", "mine")


def test_values_keep_their_types():
    study = parse(BASE.replace("16", str(10**30)) + "level: 1e-3\nmemory_limit_gib: 4\nkey: 010\n")
    assert study.level == 0.001
    assert study.memory_limit_gib == 4.0
    assert study.runs[0].width == 10**30
    assert study.runs[0].key == 10


def test_methods_in_all_their_forms():
    text = (
        "methods: [gradient_descent, {name: nesterov}, {name: heavy_ball, eta: 0.5, beta: 0}, "
        "{name: gradient_descent, eta: 1}, {name: nesterov, scale: 1.5}]"
    )
    labels = [method.label for method in parse(with_line(text)).runs[0].methods]
    assert labels == [
        "gradient_descent",
        "nesterov",
        "heavy_ball(eta=0.5, beta=0.0)",
        "gradient_descent(eta=1.0)",
        "nesterov(scale=1.5)",
    ]


def test_a_run_overrides_shared_fields_and_replaces_the_dataset_whole():
    data = "{source: sphere, samples: 7, dimension: 3, labels: gaussian}"
    study = parse(BASE + f"key: 5\nruns:\n  a:\n  b: {{width: 99, dataset: {data}, dtype: float32}}\n")
    a, b = study.runs
    assert (a.name, a.width, a.dataset.source, a.dtype, a.key) == ("a", 16, "digits", None, 5)
    assert (b.name, b.width, b.dataset.source, b.dtype, b.key) == ("b", 99, "sphere", "float32", 5)
    assert study.run("b") is b


def test_aliases_and_repeated_anchors_are_fine():
    study = parse("key: &x 1\n" + BASE + "chunk: *x\nruns: {a: &r {steps: &x 9}, b: *r}\n")
    assert [(run.key, run.chunk, run.steps) for run in study.runs] == [(1, 1, 9), (1, 1, 9)]


def test_npz_paths_are_relative_to_the_file(tmp_path):
    (tmp_path / "a.yaml").write_text(with_line("dataset: {source: npz, path: sub/x.npz}"))
    [run] = load_study(tmp_path / "a.yaml").runs
    assert run.dataset.path == str(tmp_path / "sub" / "x.npz")
    assert parse(with_line("dataset: {source: npz, path: /x.npz}")).runs[0].dataset.path == "/x.npz"


def test_a_table_is_read_as_from_table_reads_it(tmp_path):
    (tmp_path / "a.csv").write_text("a;b;c;kind\n1;2;9;no\n3;1;9;yes\n4;7;9;maybe\n1;2;9;no\n")
    options = "columns: [b, a], parallel: drop, labels: pair, classes: [no, yes], delimiter: ';', offset: 0, samples: 3"
    text = with_line(f"dataset: {{source: table, path: a.csv, target: kind, {options}}}")
    (tmp_path / "a.yaml").write_text(text)
    [run] = load_study(tmp_path / "a.yaml").runs
    data = run.dataset.build()
    given = {"parallel": "drop", "labels": "pair", "classes": ["no", "yes"], "samples": 3}
    expected = nag_ntk.from_table(tmp_path / "a.csv", "kind", ["b", "a"], **given)
    assert (data.inputs.tolist(), data.targets.tolist()) == (expected.inputs.tolist(), [-1.0, 1.0])
    assert data.origin == expected.origin
    study = load_study(tmp_path / "a.yaml")
    assert parse(json.dumps(study_as_dict(study))) == study
    plain = parse(with_line("dataset: {source: table, path: a, target: y, standardise: false}")).runs[0].dataset
    assert (plain.columns, plain.standardise, plain.parallel) == (None, False, "keep")
    assert {"dataset.columns", "dataset.classes"}.isdisjoint(swept_keys("table"))  # lists
    assert "dataset.parallel" in swept_keys("table")


def test_results_are_frozen_and_hashable():
    study = parse(BASE)
    with pytest.raises(ValueError, match="frozen"):
        study.runs[0].width = 3  # pyright: ignore
    assert hash(study) == hash(parse(BASE))


def test_a_run_changes_one_field_of_its_data():
    study = parse(
        BASE
        + """
runs:
  a: {dataset.samples: 7, dataset.classes: [1, 2]}
  b: {dataset: {source: sphere, samples: 3, dimension: 4}, dataset.dimension: 5}
  c: {}
"""
    )
    assert [run.dataset.samples for run in study.runs] == [7, 3, 5]
    assert (study.run("a").dataset.classes, study.run("b").dataset.dimension) == ((1, 2), 5)
    assert study.run("c").dataset.classes == ()


# Files and bundled names.


def refused(source) -> str:
    with pytest.raises(ConfigError) as caught:
        load_study(source)
    [problem] = caught.value.problems
    assert problem.line is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_named_with_the_bundled_ones():
    assert refused("no/x.yaml") == (
        "no/x.yaml: no such file, and no study of that name is bundled "
        "(acceleration, bu2021, digits, du2019, liu2021, paper, quick, sweep, theorem, theorem_width, tuning, "
        "wang2021, width)"
    )
    assert refused("quik.yaml").endswith('; did you mean "quick"?')


def test_files_that_cannot_be_studies(tmp_path):
    assert "a folder" in refused(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\x89PNG\xff\xfe\x00")
    assert "not UTF-8 text (byte 0)" in refused(tmp_path / "binary.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
    assert "more than 1000000 bytes" in refused(tmp_path / "large.yaml")
    assert "cannot be read" in refused("x" * 5000)
    assert "x\0y" in refused("x\0y")


def test_a_byte_order_mark_is_no_obstacle(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + BASE.encode())
    assert load_study(str(tmp_path / "a.yaml")).name == "a"


def test_an_existing_file_wins_over_a_bundled_study_and_a_folder_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_study("quick").runs[0].width == load_study("quick.yaml").runs[0].width == 1024
    (tmp_path / "quick").mkdir()  # such as the results of an earlier study
    assert load_study("quick").runs[0].width == 1024
    (tmp_path / "quick.yaml").write_text(BASE)
    assert load_study("quick.yaml").runs[0].width == 16


def test_bundled_studies_are_found_from_any_folder_without_importing_jax(tmp_path):
    root = Path(__file__).resolve().parents[3]
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from proofs_check.study.load import load_study\n"
        "assert load_study('quick').name == 'quick' and load_study('digits').runs[0].width == 10000\n"
        "assert not {'jax', 'nag_ntk', 'numpy'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.parametrize("name", sorted(bundled_configs()))
def test_bundled_studies_are_valid_and_run_the_three_methods(name):
    study = load_study(name)
    fewer = {
        "du2019": {"gradient_descent"}, "wang2021": {"gradient_descent", "heavy_ball"},  # as their papers have
        "tuning": {"heavy_ball", "nesterov"},  # its runs with momentum 0 are gradient descent
    }  # fmt: skip
    expected = fewer.get(name, {"gradient_descent", "heavy_ball", "nesterov"})
    assert {method.name for run in study.runs for method in run.methods} >= expected
    assert study.name == name
    assert study.description


# The canonical form and the schema.


def test_the_canonical_form_is_a_configuration_of_the_same_study():
    for study in (load_study("quick"), parse(with_line("methods: [{name: nesterov, eta: 1e-5, beta: 0}]"))):
        text = json.dumps(study_as_dict(study), ensure_ascii=False)
        again = parse(text)
        assert again == study
        assert json.dumps(study_as_dict(again), ensure_ascii=False) == text


def test_the_canonical_form_does_not_depend_on_how_the_file_is_written():
    shuffled = "# note\n" + "\n".join(reversed(BASE.splitlines())) + "\nengine: auto\nruns: {a: {}}\n"
    assert json.dumps(study_as_dict(parse(shuffled))) == json.dumps(study_as_dict(parse(BASE)))
    assert list(study_as_dict(parse(BASE))["runs"]["a"]) == list(field_names(RunFields))


def test_the_schema_names_every_key_and_its_range():
    schema = study_schema()
    properties = schema["properties"]
    assert set(properties) == {*field_names(StudyFields), *field_names(RunFields), "runs", "sweep"}
    assert set(schema["anyOf"][1]["required"]) == {"dataset", "methods", "width", "seeds", "steps"}
    assert properties["level"] == {
        **{"description": properties["level"]["description"], "title": "Level", "type": "number"},
        **{"default": 0.001, "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    }
    assert set(properties["dataset"]["discriminator"]["mapping"]) == set(DATA_MODELS)
    assert "nesterov" in properties["methods"]["items"]["anyOf"][0]["enum"]
    references = set(re.findall(r"#/\$defs/(\w+)", json.dumps(schema)))
    assert references <= set(schema["$defs"])
    of_runs = set(properties["runs"]["additionalProperties"]["properties"])
    assert {key for key in of_runs if not key.startswith("dataset.")} == set(field_names(RunFields))
    assert {"dataset.samples", "dataset.classes", "dataset.angle"} <= of_runs


def test_the_schema_accepts_the_bundled_studies_and_refuses_mistakes():
    validator = pytest.importorskip("jsonschema").Draft202012Validator(study_schema())
    for name in bundled_configs():
        assert validator.is_valid(study_as_dict(load_study(name)))
    whole = study_as_dict(load_study("quick"))
    assert not validator.is_valid({**whole, "widht": 3})
    assert not validator.is_valid({**whole, "runs": {"a": {"width": 0}}})


# Whatever comes in, nothing but a ConfigError comes out.


def survives(text: str) -> None:
    try:
        study, error = parse(text, known_lemmas=["gram-limit"]), None
    except ConfigError as caught:
        study, error = None, caught
    if error is not None:
        lines = str(error).splitlines()
        assert len(lines) == len(error.problems) > 0
        assert all(line.startswith("a.yaml:") for line in lines)
    if study is not None:
        assert parse(json.dumps(study_as_dict(study), ensure_ascii=False)) == study


@given(st.text())
def test_any_text_is_read_or_refused(text):
    survives(text)


YAML_PIECES = [*":\n{}[],#\\\t'\"", ": ", "  ", "- ", "? ", "&a ", "*a", "!!int ", "!x ", "|\n"]
YAML_PIECES += ["<<", "---\n", "%YAML 1.2\n", "width", "runs", "dataset", "1", "1e-3", ".nan", "null", "true"]


@given(st.lists(st.sampled_from(YAML_PIECES), max_size=30).map("".join))
def test_any_yaml_is_read_or_refused(text):
    survives(text)


KEYS = [*field_names(StudyFields), *field_names(RunFields), "runs", "source", "samples", "eta", "beta", "x"]
KEYS += ["scale", "angle", "pairs", "path", "dimension", "labels", "digits", "all", "list"]
KEYS += ["sweep", "dataset.samples", "dataset.key", "methods.scale", "methods.beta"]
WORDS = ["", "all", "auto", "nesterov", "heavy_ball", "digits", "npz", "pairs", "x"]
LEAVES = st.sampled_from([None, True, 0, 1, -1, 10**40, 0.5, 1e300, *WORDS])


def _nested(children):
    return st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(KEYS), children, max_size=4)


VALUES = st.recursive(LEAVES, _nested, max_leaves=12)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), st.booleans())
def test_any_values_are_taken_or_refused(values, complete):
    base = study_as_dict(parse(BASE))["runs"]["a"] if complete else {}
    survives(json.dumps({**base, **values}))
