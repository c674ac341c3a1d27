"""Studies from Python: the object says what the files say, whether just made or read from a folder."""

import base64
import copy
import json
import pickle
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import nag_ntk
import proofs_check
from nag_ntk import InputError
from proofs_check.store import StoreError
from proofs_check.study.load import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore:lemmas that are handed over as objects")

STUDY = {
    "dataset": {"source": "sphere", "samples": 4, "dimension": 3},
    "methods": ["gradient_descent", "nesterov"],
    "lemmas": ["distance", "flip-count", "gram-concentration", "nesterov-contraction", "nesterov-matrix"],
    "width": 64,
    "seeds": 6,
    "runs": {"training": {"steps": 12}, "draw": {"steps": 0}},
}


def always_less(run):
    t = run.trajectory
    return proofs_check.Trials(proofs_check.Inequality(t.residual_norm, 0.0, ("seed", "method", "step")), 0.0, t.seeds)


NONSENSE = proofs_check.Lemma(
    id="nonsense", title="<b>No residual</b>", statement="xi(t) = 0", hypotheses="none", kind="every run",
    source="derived", provenance="derived", decision="one violation refutes", check=always_less, controls=(),
)  # fmt: skip


@pytest.fixture(scope="module")
def results():
    return proofs_check.verify(STUDY, lemmas=[NONSENSE], select=[*STUDY["lemmas"], "nonsense"])


@pytest.fixture(scope="module")
def folder(results, tmp_path_factory):
    return results.save(tmp_path_factory.mktemp("saved") / "out").parent


def test_the_rows_are_those_of_the_file(results, folder):
    stored = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert list(results.rows) == stored["findings"]
    assert [row["lemma"] for row in results.rows] == [finding.lemma for finding in results.made.findings]
    assert results.exit_code == 1  # nonsense is refuted
    assert (folder / "report.html").exists()


def test_read_gives_the_same_object(results, folder):
    again = proofs_check.read(folder)
    assert (again.study, again.level, again.rows, again.slack) == (
        results.study, results.level, results.rows, results.slack,
    )  # fmt: skip
    assert repr(again) == repr(results)
    assert again.to_xarray().identical(results.to_xarray())
    assert again.runs == ()
    with pytest.raises(ValueError, match="read from a folder"):
        again.save(folder)


def test_the_arrays_are_what_was_recorded(results):
    tree = results.to_xarray()
    for run in results.runs:
        for name in ("residual", "residual_norm", "flip_fraction", "distance", "undecided"):
            np.testing.assert_array_equal(tree[run.name][name], getattr(run.trajectory, name))
        assert list(tree[run.name].seed) == list(run.trajectory.seeds)
    # below a run its dimensions would have to agree with those of the checks, and nobody could open the file as a tree
    assert tree["training"].residual_norm.sel(algorithm="nesterov", step=12).sizes == {"seed": 6}
    assert tree["Checks/training/distance"].observed.dims == ("algorithm", "quantile", "step")


def test_the_text_has_a_line_per_row_and_counts(results):
    lines = repr(results).splitlines()
    assert len(lines) == len(results) + 2
    for line, row in zip(lines[1:], results.rows, strict=False):
        assert line.split()[:3] == [row["verdict"], row["lemma"], row["run"]]
    assert "1 refuted" in lines[-1] or "2 refuted" in lines[-1]


def test_the_table_is_well_formed_and_escaped(results):
    class Cells(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.texts, self.unclosed = [], [], 0

        def handle_starttag(self, tag, attrs):
            self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

        def handle_data(self, data):
            self.texts += [data] if self.open[-1] == "td" else []

    page = Cells()
    page.feed(proofs_check.Results("a <b> & c", 0.1, ({**results.rows[0], "reason": "1 < 2 <script>"},))._repr_html_())
    assert not page.open
    assert page.texts[-1] == "1 < 2 <script>"
    page = Cells()
    page.feed(results._repr_html_())
    for row in results.rows:
        assert row["reason"] in page.texts


def test_select(results):
    assert {row["lemma"] for row in results.select("gram-concentration").rows} == {
        "gram-concentration/chernoff", "gram-concentration/hoeffding",
    }  # fmt: skip
    assert {row["run"] for row in results.select(run="draw").rows} == {"draw"}
    assert all(row["verdict"] == "REFUTED" for row in results.select(verdict="REFUTED").rows)
    assert len(results.select("distance", verdict="REFUTED")) == 0
    with pytest.raises(KeyError, match=r"no row has the lemma flip; there are: .*distance"):
        results.select("flip")  # the beginning of a word is not a lemma
    with pytest.raises(KeyError, match="no verdict is called CERTIFED; there are: CERTIFIED, "):
        results.select(verdict="CERTIFED")
    with pytest.raises(KeyError, match="no row has the run x"):
        results.select(run="x")


def test_what_is_derived_from_the_residual_is_drawn_with_its_name(results):
    from matplotlib.figure import Figure

    axes = results.plot("loss", method="nesterov", ax=Figure().add_subplot())
    norms = np.sort(results.runs[0].trajectory.residual_norm[:, 1], axis=0)[2]
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), norms**2 / 2, rtol=1e-15)  # the same two operations
    assert "loss" in axes.get_ylabel()


@pytest.mark.parametrize("name", ["residual_norm", "flip_fraction", "distance"])
def test_a_plot_shows_the_median_over_seeds(results, name):
    from matplotlib import pyplot

    axes = results.plot(name, method="nesterov")
    try:
        line, *bound = axes.get_lines()
        assert len(bound) == (name == "distance")  # a recorded quantity and a lemma, which comes first
        values = np.sort(results.runs[0].trajectory.__getattribute__(name)[:, 1], axis=0)[2]  # lower median of six
        positive = values > 0  # zero sits on the lower end of a logarithmic axis
        np.testing.assert_array_equal(line.get_ydata()[positive], values[positive])
        assert axes.get_xlabel() == "training step t"
        assert "width 64, 6 seeds" in axes.get_title()
    finally:
        pyplot.close("all")


def test_a_plot_of_a_lemma_has_both_sides_and_takes_axes(results):
    from matplotlib.figure import Figure

    given = Figure().add_subplot()
    assert results.plot("nesterov-contraction/sharp", ax=given) is given
    assert {line.get_label().partition(",")[0] for line in given.get_lines()} == {"measured", "bound"}
    with pytest.raises(KeyError, match=r"there are: .*residual_norm @ training"):
        results.plot("gram-limit", ax=given)
    with pytest.raises(KeyError, match="has several parts; name one: nesterov-contraction/paper-form, "):
        results.plot("nesterov-contraction", ax=given)
    with pytest.raises(KeyError, match="no method heavy_ball; it has: gradient_descent, nesterov"):
        results.plot(method="heavy_ball", ax=given)


def test_values_of_numpy_and_pathlib_are_values_of_a_study(tmp_path):
    rows = np.random.default_rng(0).normal(size=(4, 3))
    np.savez(tmp_path / "mine.npz", inputs=rows, targets=np.ones(4))
    study = {
        "dataset": {"source": "npz", "path": tmp_path / "mine.npz", "normalise": np.True_},
        "methods": [nag_ntk.heavy_ball(0.1, 0.5), nag_ntk.gradient_descent(0.2)],
        "width": np.int64(64), "seeds": np.array(6), "steps": 12,
    }  # fmt: skip
    made = proofs_check.verify(study, select="distance")
    assert [method.eta for method in made.runs[0].methods] == [0.1, 0.2]
    for wrong, said in (
        ({**study, "dataset": {1.0}}, "study.dataset holds a set"),
        ({**study, "methods": {"nesterov"}}, "study.methods holds a set"),
        ([study], "got list"),
    ):
        with pytest.raises(InputError, match=said):
            proofs_check.verify(wrong)
    loop = {**study}
    loop["runs"] = loop
    with pytest.raises(InputError, match="which a YAML file could not say"):
        proofs_check.verify(loop)


SMALL = {"width": 16, "seeds": 3, "steps": 5}
POINTS = nag_ntk.sphere(4, 3)


def test_objects_say_what_a_mapping_says(tmp_path):
    """Data, a method with a delay of its own and one with numbers for each step, all handed over as objects."""
    methods = [
        nag_ntk.nesterov_increasing(0.1, 5.0),
        nag_ntk.scheduled("mine", (0.2, 0.1, 0.1, 0.1, 0.1), 0.5, 0.25),
        "heavy_ball",
    ]
    results = proofs_check.verify(data=POINTS, methods=methods, **SMALL, select=["distance"], out=tmp_path / "out")
    (run,) = results.runs
    assert run.methods[:2] == tuple(methods[:2])
    assert run.methods[2] == nag_ntk.theorem_tuning("heavy_ball", POINTS)
    np.testing.assert_array_equal(run.data.inputs, POINTS.inputs)
    expected = nag_ntk.simulate(POINTS, run.methods, 16, 3, 5, engine=run.trajectory.engine)
    np.testing.assert_array_equal(run.trajectory.residual, expected.residual)
    within = proofs_check.verify({"dataset": POINTS, "methods": methods, **SMALL}, select=["distance"])
    assert [row["margin"] for row in within.rows] == [row["margin"] for row in results.rows]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["runs"]["study"]["data"].items() >= POINTS.origin.items()
    again = proofs_check.verify(manifest["study"])
    assert [row["margin"] for row in again.rows] == [row["margin"] for row in results.rows]


@pytest.mark.parametrize(
    ("given", "fields", "message"),
    [
        ("quick", {"data": POINTS}, "data beside a study that is a name, a file or a Study"),
        (None, {"width": 8}, "width need data beside them"),
        (None, {"data": nag_ntk.Dataset(np.eye(708), np.ones(708))}, "at most 500,000 itself"),
        (None, {"data": POINTS, "methods": []}, "a list of at least one"),
    ],
)
def test_objects_that_cannot_be_a_study_are_refused_in_a_sentence(given, fields, message):
    with pytest.raises((InputError, ConfigError), match=message):
        proofs_check.verify(given, **fields)


def text(*numbers):
    return base64.b64encode(np.array(numbers, "<f8").tobytes()).decode()


@pytest.mark.parametrize(
    ("samples", "inputs", "targets", "message"),
    [
        (1, "", text(1.0), "not empty"),
        (2, text(1.0, 0.0, 1.0), text(1.0, 2.0), "inputs must be base64 .* for each of 2 samples"),
        (1, text(1.0, 0.0), text(1.0, 2.0), "targets must be base64 .* one number for each"),
        (1, "no base64!", text(1.0), "inputs must be base64"),
        (1, "AAAA", text(1.0), "inputs must be base64"),
        (1, text(np.nan), text(1.0), "inputs must be finite"),
        (1, text(2.0), text(1.0), "unit norm"),
    ],
)
def test_numbers_in_a_study_are_looked_at(samples, inputs, targets, message):
    data = {"source": "arrays", "samples": samples, "inputs": inputs, "targets": targets}
    with pytest.raises((ConfigError, InputError), match=message):
        proofs_check.verify({"dataset": data, "methods": ["nesterov"], **SMALL})


def test_data_with_a_repeated_row_cost_no_verdict(tmp_path):
    """lambda_0 is 0, and its computed value now below, now above."""
    for seed in range(6):
        rows = np.random.default_rng(seed).normal(size=(4, 3))
        rows[1] = rows[0]
        np.savez(tmp_path / "twice.npz", inputs=rows, targets=np.ones(4))
        study = {
            "dataset": {"source": "npz", "path": str(tmp_path / "twice.npz"), "normalise": True},
            "methods": [nag_ntk.nesterov(0.1, 0.5), nag_ntk.gradient_descent(0.1)],
            "width": 64, "seeds": 6, "steps": 12,
        }  # fmt: skip
        made = proofs_check.verify(study, select=["gram-positive", "distance"])
        assert made.select("gram-positive").rows[0]["verdict"] == "VACUOUS"
        assert [row["lemma"] for row in made.select("distance").rows] == ["distance", "distance/sharp"]
        with pytest.raises(InputError, match=r"state no tuning|kappa does not exist"):
            proofs_check.verify({**study, "methods": ["nesterov"]})


def test_a_chain_of_losses_that_fails_costs_no_verdict(monkeypatch):
    from proofs_check import slack

    def fail(*_):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(slack, "slack_table", fail)
    made = proofs_check.verify(STUDY, select="distance")
    assert len(made) == 2
    assert {row["reason"] for row in made.slack} == {"could not be computed: ZeroDivisionError: on purpose"}


def test_what_cannot_run_is_refused_before_it_runs(tmp_path):
    with pytest.raises(ConfigError, match='widht: unknown key; did you mean "width"'):
        proofs_check.verify({**STUDY, "widht": 3})
    with pytest.raises((ConfigError, InputError), match="nonsense"):
        proofs_check.verify({**STUDY, "lemmas": ["nonsense"]})
    with pytest.raises(InputError, match="unknown lemma nonsense"):
        proofs_check.verify(STUDY, select=["nonsense"])
    (tmp_path / "mine.txt").write_text("somebody's work", encoding="utf-8")
    with pytest.raises(StoreError, match="is not empty"):
        proofs_check.verify(STUDY, out=tmp_path)


def test_lemmas_come_from_files_too_and_ids_are_free(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from proofs_check import Inequality, Lemma\n"
        "def check(run):\n"
        "    return Inequality(run.trajectory.flip_fraction, 1.0, ('seed', 'method', 'step'))\n"
        "SHARE = Lemma('share', 'A share', 'at most 1', check, ())\n",
        encoding="utf-8",
    )
    study = {**STUDY, "lemmas": ["share"], "runs": {"training": {"steps": 12}}}
    assert [row["lemma"] for row in proofs_check.verify(study, lemmas=[file]).rows] == ["share"]
    here = pytest.warns(UserWarning, match="checked in this process, on copies of the record")
    with here, pytest.raises(InputError, match="the same id"):
        proofs_check.verify(study, lemmas=[file, NONSENSE, NONSENSE])


def test_more_seeds_until_decided_and_a_folder(tmp_path):
    study = {**STUDY, "lemmas": ["flip-inclusion"], "runs": {"a": {"steps": 2}}}
    told = []
    results = proofs_check.verify(
        study, seeds=4, max_seeds=8, out=tmp_path / "out", progress=lambda *where: told.append(where)
    )
    assert results.runs[0].trajectory.residual.shape[0] == 8
    assert proofs_check.read(tmp_path / "out").rows == results.rows
    assert told[-1][0] == "a"


def test_every_public_name_is_there_and_documented():
    assert set(proofs_check.__all__) <= set(dir(proofs_check))
    for name in proofs_check.__all__:
        assert getattr(proofs_check, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'verfy'"):
        proofs_check.verfy  # noqa: B018


def test_results_and_lemmas_go_through_pickle_and_copy(tmp_path):
    """Processes that share work send them to each other."""
    made = proofs_check.verify(STUDY, select=["distance", "gram-positive", "nesterov-matrix"])
    made.save(tmp_path / "out")
    kept = proofs_check.read(tmp_path / "out")
    for results in (made, kept):
        for again in (pickle.loads(pickle.dumps(results)), copy.deepcopy(results)):
            assert again.rows == results.rows
            assert repr(again) == repr(results)
            assert again.to_xarray().identical(results.to_xarray())
    sent = pickle.loads(pickle.dumps(made))
    assert sent.runs[0].trajectory == made.runs[0].trajectory
    assert sent.made.lemmas == made.made.lemmas
    for lemma in proofs_check.CATALOGUE:
        assert pickle.loads(pickle.dumps(lemma)) is lemma
        assert copy.deepcopy(lemma) is lemma
    assert pickle.loads(pickle.dumps(NONSENSE)) == NONSENSE
    script = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')))"
    path = tmp_path / "sent.pickle"
    path.write_bytes(pickle.dumps(made))
    end = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert end.stdout.strip() == repr(made)
