"""The search for the least width that runs support: what it finds, what its looks cost, and that their level holds."""

import json
import math
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import caller
from scipy.stats import binom

import nag_ntk
from nag_ntk import InputError
from proofs_check import least_width as from_python
from proofs_check.judging.verdict import Outcome
from proofs_check.lemma import Inequality, Lemma, NotApplicable, Run, Trials
from proofs_check.running import observed_width, session
from proofs_check.running.observed_width import least_width
from proofs_check.running.prepare import CannotRun
from proofs_check.study.load import parse_study

STUDY = """
dataset: {source: sphere, samples: 2, dimension: 2}
methods: [nesterov]
width: 8
seeds: 3
steps: 0
level: 0.05
"""


def study(**more):
    return parse_study(STUDY + "".join(f"{key}: {value}\n" for key, value in more.items()), name="w", base=Path())


def lemma(check, **more):
    return Lemma("mine", "Mine", "mine", check, (), "probability", **more)


@pytest.fixture
def search(monkeypatch):
    """Search with a check of (width, seeds); no network is drawn."""

    def execute(spec, setup, delta, **_):
        trajectory = SimpleNamespace(width=spec.width, seeds=tuple(range(spec.seeds)), steps=0)
        return Run(spec.name, setup.data, setup.methods, trajectory, delta, {})  # type: ignore[arg-type]

    def outcomes_of(lemma, run, where, seconds):
        try:
            found = lemma.check(run)
        except ValueError as error:
            return [Outcome(lemma.id, where, error)]
        parts = found if isinstance(found, dict) else {"": found}
        return [Outcome("/".join(filter(None, (lemma.id, part))), where, one) for part, one in parts.items()]

    monkeypatch.setattr(observed_width, "execute", execute)
    monkeypatch.setattr(observed_width, "outcomes_of", outcomes_of)

    def look(fails, claim="mine", parts=("",), fields=None, **more):
        def check(run):
            found = {}
            for part in parts:
                failing = fails(run.trajectory.width, np.arange(len(run.trajectory.seeds)), part)
                if not isinstance(failing, NotApplicable):
                    failing = Trials(Inequality(2.0 * failing, 1.0, ("seed",)), run.delta, run.trajectory.seeds)
                found[part] = failing
            return found[""] if parts == ("",) else found

        return least_width(study(**(fields or {})), claim, lemmas=[lemma(check)], **more)

    return look


def below(threshold):
    return lambda width, seeds, part: np.full(len(seeds), width < threshold)


@pytest.mark.parametrize("threshold", [1, 2, 7, 63, 64, 255, 256, 257, 1000, 131_071, 131_072])
def test_a_sharp_threshold_is_found(search, threshold):
    found = search(below(threshold))
    assert (found.below or 0) < threshold <= found.width
    assert found.width == 1 or found.width <= max(1.1 * found.below, found.below + 1)
    assert {look.verdict for look in found.looks} <= {"SUPPORTED", "REFUTED"}
    assert all((look.verdict == "SUPPORTED") == (look.width >= threshold) for look in found.looks)
    assert sum(look.level for look in found.looks) <= 0.05
    assert len({look.width for look in found.looks}) == len(found.looks) <= 16


@settings(max_examples=40, deadline=None)
@given(threshold=st.integers(1, 5000), ratio=st.floats(1.001, 30), pairs=st.booleans())
def test_the_search_ends_within_the_ratio(threshold, ratio, pairs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observed_width._Search, "holds", lambda self, m: self.looks.append(m) or m >= threshold)
        fields = {"init": "antisymmetric"} if pairs else {}
        found = least_width(study(**fields), "mine", ratio=ratio, lemmas=[lemma(lambda run: None)], most=8192)
    unit = 2 if pairs else 1
    assert found.width % unit == 0
    assert all(width % unit == 0 for width in found.looks)
    assert (found.below or 0) < threshold <= found.width
    if found.below:
        assert found.width <= max(ratio * found.below * (1 + 1e-12), found.below + unit)
    else:
        assert found.width == unit or ratio >= 2 * found.width


@pytest.mark.parametrize(("threshold", "most", "widest"), [(10**6, 131_072, 131_072), (9, 8, 8), (600, 512, 512)])
def test_a_claim_that_no_width_supports(search, threshold, most, widest):
    found = search(below(threshold), most=most)
    assert (found.width, found.below) == (None, widest)
    assert f"{widest:,} was the widest" in found.stopped
    assert "not supported at any width" in str(found)


def test_a_width_that_does_not_fit_ends_the_search(search, monkeypatch):
    prepare = observed_width.prepare

    def refusing(study, lemmas):
        if study.runs[0].width > 1024:
            raise CannotRun("w", ())
        return prepare(study, lemmas)

    monkeypatch.setattr(observed_width, "prepare", refusing)
    found = search(below(5000))
    assert (found.width, found.below) == (None, 1024)
    assert found.stopped.startswith("width 4,096 cannot run")


def test_of_several_parts_all_must_be_supported_or_the_one_that_is_named(search):
    thresholds = {"easy": 40, "hard": 900}

    def fails(width, seeds, part):
        return np.full(len(seeds), width < thresholds[part])

    hard, easy, whole = (search(fails, claim, ("easy", "hard")) for claim in ("mine/hard", "mine/easy", "mine"))
    assert hard.below < 900 <= hard.width
    assert whole.below < 900 <= whole.width
    assert easy.below < 40 <= easy.width
    with pytest.raises(InputError, match="mine/other is no part of mine; its parts here: mine/easy, mine/hard"):
        search(fails, "mine/other", ("easy", "hard"))


def test_a_vacuous_width_is_not_supported(search):
    def fails(width, seeds, part):
        return NotApplicable("too narrow") if width < 3000 else np.zeros(len(seeds), bool)

    found = search(fails)
    assert found.below < 3000 <= found.width
    assert found.looks[0][3:] == ("VACUOUS", None, None, "too narrow")


def test_seeds_are_doubled_while_nothing_is_decided(search):
    found = search(lambda width, seeds, part: (seeds % 16 == 0) & (width < 200), ratio=3)
    first = [look for look in found.looks if look.width == 64]
    assert [look.verdict for look in first][:-1] == ["INCONCLUSIVE"] * (len(first) - 1)
    assert [b.seeds // a.seeds for a, b in pairwise(first)][:1] == [2]
    assert max(look.seeds for look in found.looks) <= 4 * found.looks[0].seeds
    few = search(lambda width, seeds, part: (seeds % 16 == 0) & (width < 200), ratio=3, max_seeds=90)
    assert max(look.seeds for look in few.looks) <= 90


def test_the_level_of_all_looks_together_holds(search):
    """Every width violates the claim a little more often than allowed; a search errs where it supports one."""
    level, errors, tries = 0.3, 0, 60
    for number in range(tries):
        draw = np.random.default_rng(number)
        networks: dict[int, np.ndarray] = {}

        def fails(width, seeds, part, networks=networks, draw=draw):
            return networks.setdefault(width, draw.random(4096) < 0.1001)[: len(seeds)]

        found = search(fails, level=level, most=4096)
        errors += any(look.verdict == "SUPPORTED" for look in found.looks)
    assert errors <= binom.ppf(1 - 1e-6, tries, level)


def test_errors_of_the_check_and_bad_numbers_are_refused(search):
    def broken(width, seeds, part):
        raise ValueError("no such record")

    with pytest.raises(InputError, match="mine at width 256: ValueError: no such record"):
        search(broken)
    for more, message in (
        ({"ratio": 1.0}, "ratio must be above 1"),
        ({"ratio": math.nan}, "ratio must be above 1"),
        ({"most": 0}, "most must be at least 1, got 0"),
        ({"max_seeds": 9}, "max_seeds must be at least 36"),
        ({"run": "other"}, "the study has no run other; it has w"),
        ({"delta": 1e-9}, "delta is too small to be supported by runs"),
    ):
        with pytest.raises(InputError, match=message):
            search(below(5), **more)
    with pytest.raises(InputError, match="unknown lemma nobody"):
        search(below(5), "nobody")


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("gd-contraction", "needs a run with the method gradient_descent and training steps; none is here"),
        ("width-scaling", "is not a claim about runs of one width"),
        ("acceleration", "is not a claim about runs of one width"),
        ("distance", "needs a run with training steps; none is here"),
    ],
)
def test_claims_that_cannot_be_asked(claim, message):
    with pytest.raises(InputError, match=message):
        least_width(study(), claim)


def test_the_violations_are_those_of_the_networks():
    """Counted again from residuals of networks trained here, by the formula of the claim."""
    data = nag_ntk.sphere(4, 3)
    told = []
    found = from_python(
        "gd-contraction", data=data, methods="gradient_descent", steps=40, level=0.2, ratio=2, progress=told.append
    )
    assert tuple(told) == found.looks
    method = nag_ntk.theorem_tuning("gradient_descent", data)
    t = np.arange(41)
    for look in found.looks:
        norms = nag_ntk.simulate(data, method, look.width, look.seeds, 40).residual_norm[:, 0]
        bound = (1 - 1 / (2 * data.spectrum.kappa)) ** t * norms[:, :1]
        assert look.violations == int((norms > bound).any(axis=1).sum())
    assert any(look.violations for look in found.looks)
    assert found.to_row()["looks"][0]["width"] == 256
    json.dumps(found.to_row())


def test_the_command_prints_the_looks_and_json_has_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    Path("my.yaml").write_text(STUDY.replace("steps: 0", "steps: 20").replace("[nesterov]", "[gradient_descent]"))
    call = caller(monkeypatch, capsys)
    arguments = ["width", "my.yaml", "--claim", "gd-contraction", "--most", "512"]
    end = call(*arguments)
    assert end.code == 0, end.err
    assert "observed, gd-contraction: supported from width" in end.out
    assert "seeds violate it, at most 0.0" in end.out
    (one,) = json.loads(call(*arguments, "--json").out)["datasets"]
    (found,) = one["observed"]
    assert found["claim"] == "gd-contraction"
    assert f"  m = {found['width']:<9,} SUPPORTED" in end.out
    for claim, message in (("nobody", "unknown lemma nobody"), ("nesterov-contraction", "needs a run with")):
        end = call("width", "my.yaml", "--claim", claim)
        assert end.code == 2
        assert message in end.err
