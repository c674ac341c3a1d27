"""The formal proofs: complete, from no foreign axioms, and about the same constants as the checks in Python."""

import io
import json
import math
import os
import shutil
import subprocess
import zipfile
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from in_process import caller
from kept_build import kept_build
from needed import needed_by
from tiers import family

import nag_ntk
from nag_ntk.gram import Spectrum
from nag_ntk.theorem import THEOREMS
from proofs_check.commands import formal as formal_command
from proofs_check.formal import coq, evaluation, sources
from proofs_check.lemmas import CATALOGUE, contraction, gd_matrix, momentum_matrix
from proofs_check.lemmas.distance import DISTANCE
from proofs_check.lemmas.flips import FLIP_COUNT
from proofs_check.rigor.enclosure import GRADIENT_DESCENT, HEAVY_BALL, NESTEROV, power_controls
from proofs_check.running import widths

LEMMAS = {lemma.id: lemma for lemma in CATALOGUE}
METHODS = ("nesterov", "heavy_ball", "gradient_descent")
# s = sqrt(kappa) and an eigenvalue h of [1, s^2], its ends included; the last three are outside
ROOTS = (Fraction(1), Fraction(10, 9), Fraction(3, 2), Fraction(2), Fraction(7), Fraction(100, 3))
INSIDE = [(s, 1 + t * (s * s - 1)) for s in ROOTS for t in (Fraction(0), Fraction(1, 3), Fraction(1))]
OUTSIDE = [(Fraction(3, 2), Fraction(9, 10)), (Fraction(3, 2), Fraction(5, 2)), (Fraction(1), Fraction(2))]
ROUNDING = 1e-13  # relative: some tens of roundings in formulas without cancellation beyond 1 - beta >= 0.03


def test_the_files_leave_nothing_unproved():
    assert {name: sources.gaps(text) for name, text in sources.texts().items() if sources.gaps(text)} == {}


@pytest.mark.parametrize(
    "word", ["Admitted.", "admit.", "Axiom a : False.", "Parameter x : R.", "Conjecture c : True."]
)
def test_a_gap_is_noticed(word):
    assert sources.gaps(f"Lemma a : True. Proof. (* Admitted *) {word}") == [word.split(".")[0].split()[0]]


def test_every_theorem_says_what_it_states_and_no_file_is_long():
    assert [theorem.id for theorem in sources.theorems() if len(theorem.words) < 20] == []
    counted = sum(text.count("\nTheorem ") + text.count("\nCorollary ") for text in sources.texts().values())
    assert counted == len(sources.theorems())
    assert {name for name, text in sources.texts().items() if text.count("\n") > 235} == set()


def test_an_order_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "a.v").write_text("From NagNtk Require Import b.\n")
    with pytest.raises(ValueError, match=r"not there: b\.v"):
        sources.texts(tmp_path)
    (tmp_path / "b.v").write_text("From NagNtk Require Import a.\n")
    with pytest.raises(ValueError, match="each other: a, b"):
        sources.texts(tmp_path)


def test_lemmas_name_theorems_that_are_there():
    known = {theorem.id for theorem in sources.theorems()}
    named = {name for lemma in CATALOGUE for name in lemma.formal}
    assert named <= known
    assert all(bool(lemma.formal) == bool(lemma.formal_part) for lemma in CATALOGUE)
    # what no lemma names: steps in between, and certificates, which are no lemmas of the catalogue
    assert {name.partition(".")[0] for name in known - named} <= {
        "blocks", "certified", "companion", "counts", "diagonal", "filters", "flips", "gronwall", "initial", "lockin",
        "outputs", "reach", "realpairs", "responses", "satisfiable", "twin", "twinsteps", "weighted",
    }  # fmt: skip


def test_what_lemmas_rest_on_has_no_circle():
    rests = {lemma.id: set(lemma.rests_on) for lemma in CATALOGUE}
    assert {name for names in rests.values() for name in names} <= set(rests)
    while ready := {name for name, names in rests.items() if not names}:
        rests = {name: names - ready for name, names in rests.items() if name not in ready}
    assert rests == {}


def captured(monkeypatch, module, function, act):
    """The arguments of the calls of module.function while act runs."""
    calls, real = [], getattr(module, function)
    with monkeypatch.context() as patch:
        patch.setattr(module, function, lambda *given, **named: (calls.append(given), real(*given, **named))[1])
        act()
    return calls


# --- what Coq says


@pytest.fixture(scope="module")
def readings(compiled):
    return dict(zip([*INSIDE, *OUTSIDE], evaluation.readings(compiled, [*INSIDE, *OUTSIDE]), strict=True))


@pytest.mark.slow
def test_every_theorem_rests_on_the_classical_reals_alone(everything):
    assert coq.all_axioms(everything, [theorem.id for theorem in sources.theorems()]) == coq.CLASSICAL_REALS


def test_a_foreign_axiom_is_noticed(compiled):
    text = """From NagNtk Require Import powers.
    Axiom wish : 1 = 2.
    Theorem granted : 1 = 2. Proof. exact wish. Qed.
    Theorem free : 1 = 1. Proof. reflexivity. Qed.
    """
    (compiled.folder / "wishful.v").write_text(text)
    coq.run(compiled.folder, "wishful")
    found = coq.axioms(compiled, ["wishful.granted", "wishful.free"], jobs=2)
    assert found == {"wishful.granted": ("wishful.wish",), "wishful.free": ()}


@pytest.fixture
def proofs(tmp_path):
    """A folder with two small proofs, of which one uses the other."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "one.v").write_text("Theorem one : 1 + 1 = 2. Proof. reflexivity. Qed.\n")
    (folder / "two.v").write_text("From NagNtk Require Import one.\nTheorem two : 1 + 1 = 2. Proof. exact one. Qed.\n")
    return folder


@pytest.fixture
def kept(with_coq, proofs, tmp_path, monkeypatch):
    """A function that builds the proofs with archives in one folder; it says whether Coq compiled them anew."""
    (tmp_path / "kept").mkdir()

    def build():
        scratch = tmp_path / f"scratch{len(list(tmp_path.iterdir()))}"
        scratch.mkdir()
        calls = captured(
            monkeypatch, coq, "build", lambda: made.append(kept_build(tmp_path / "kept", scratch, proofs, proofs))
        )
        assert coq.axioms(made[-1], ["two.two"], jobs=1) == {"two.two": ()}
        return bool(calls)

    made: list[coq.Compiled] = []
    return build


def test_what_coq_compiled_is_kept_for_the_next_run(kept, tmp_path):
    assert (kept(), kept()) == (True, False)
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".zip"]


def test_a_changed_proof_or_builder_or_coq_is_compiled_anew(kept, proofs, tmp_path, monkeypatch):
    assert kept()
    (proofs / "two.v").write_text((proofs / "two.v").read_text() + "(* more *)\n")
    assert (kept(), kept()) == (True, False)
    (proofs / "builder.py").write_text("")
    assert (kept(), kept()) == (True, False)
    other = tmp_path / "coqc"
    other.write_text(f'#!/bin/sh\n[ "$1" != --version ] || echo other\nexec {shutil.which("coqc")} "$@"\n')
    other.chmod(0o755)
    monkeypatch.setattr(coq, "coqc", lambda: str(other))
    assert (kept(), kept()) == (True, False)
    (proofs / "one.v").write_text("Theorem one : 1 + 1 = 3. Proof. reflexivity. Qed.\n")
    with pytest.raises(coq.NotProved, match=r"one\.v: File"):
        kept()


def a_bit_flipped(content):
    return content[:200] + bytes([content[200] ^ 1]) + content[201:]


def cut_short(content):
    return content[:-300]


def a_file_too_few(content):
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made := io.BytesIO(), "w") as new:
        for name in set(old.namelist()) - {"one.vo"}:
            new.writestr(name, old.read(name))
    return made.getvalue()


@pytest.mark.parametrize("damage", [a_bit_flipped, cut_short, a_file_too_few])
def test_a_damaged_archive_is_not_read(kept, tmp_path, damage):
    kept()
    (archive,) = (tmp_path / "kept").iterdir()
    archive.write_bytes(damage(archive.read_bytes()))
    assert (kept(), kept()) == (True, False)


def test_a_run_killed_while_it_writes_an_archive_leaves_none(kept, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            kept()
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".half"]
    assert (kept(), kept()) == (True, False)


# A number changed in Coq: the theorem no longer holds, or no longer fits the constant that the test reads.
DAMAGE = [
    ("tunings", "12 * sqrt k.", "8 * sqrt k.", "tunings"),
    ("tunings", "4 * sqrt k.", "2 * sqrt k.", "tunings"),
    ("tunings", "(3 * sqrt k - 2) / (3 * sqrt k + 2)", "(3 * sqrt k - 1) / (3 * sqrt k + 1)", "tunings"),
    ("tunings", "1 - 2 / (3 * sqrt k)", "1 - 3 / (4 * sqrt k)", "tunings"),
    ("powers", "<= 12 * sqrt (kappa lo hi) *", "<= 11 * sqrt (kappa lo hi) *", "powers"),
    ("contraction", "<= 12 * sqrt (kappa lo hi)", "<= 10 * sqrt (kappa lo hi)", "contraction"),
    ("contraction", "1040 * sqrt (kappa lo hi) * top * rad", "500 * sqrt (kappa lo hi) * top * rad", "contraction"),
    ("contraction", "R := 1 - 1 / (2 * sqrt k)", "R := 1 - 1 / (3 * sqrt k)", "widths"),
    ("controls", "8 * sqrt (kappa lo hi)", "12 * sqrt (kappa lo hi)", "controls"),
    ("distance", "(1 + 2 * gamma p) * path", "(1 + gamma p) * path", "distance"),
    ("explicit", "(1040 * 39) * (1040 * 39)", "(1040 * 38) * (1040 * 38)", "explicit"),
    ("widths", "momentum_demand 192 31", "momentum_demand 192 30", "widths"),
    ("tie", '"nesterov prefactor", 12 * s', '"nesterov prefactor", 11 * s', "tie"),
    # the comparison theorem and certificates at initialisation: a bound, a count or a condition made weaker
    ("filters", "(Rabs l) q1 x t", "l q1 x t", "filters"),
    ("counts", "Rabs (off i j) * (/ INR m * sum", "Rabs (off i j) * (/ 2 * / INR m * sum", "counts"),
    ("counts", "bit (may t r i) * bit (may t r j)))", "bit (may t r i) * bit (may t r j) / 2))", "counts"),
    ("reach", "(first r j * dS j)) + sum", "(first r j * dS j)) + / 2 * sum", "reach"),
    ("deviation", "(may t r i || may t r j)", "may t r i", "deviation"),
    ("flipset", "Rmax (sum n", "Rmin (sum n", "flipset"),
    ("majorant", "(deviation_count net W may (S t)) (rise", "(deviation_count net W may t) (rise", "majorant"),
    ("majorant", "Rabs (y s k) <= g s k", "Rabs (y s k) <= g s k / 2", "majorant"),
    ("initial", "e t i <= D t i", "e t i <= 2 * D t i", "initial"),
    ("initial", "e (S t) i <= X (S t) i", "e (S t) i <= X (S t) i + 1", "initial"),
    ("certificate", "memory c j + Rabs l * zeta c j", "memory c j + l * zeta c j", "tail"),
    ("certificate", "0 <= rate c < 1", "0 <= rate c <= 1", "tail"),
    ("certificate", "delta c j * / (1 - r)", "delta c j", "certified"),
    ("certificate", "step_bound j * / (1 - r)", "step_bound j", "certified"),
    ("certificate", "i <= rate c ^ S k * zeta c i", "i <= 2 * rate c ^ S k * zeta c i", "certified"),
    ("certified", "sqrt (1 + / (r * r)) * norm n zeta <= C", "norm n zeta <= C", "certified"),
    ("weighted", "late_jump i / r", "late_jump i", "weighted"),
    ("sharp", "gamma p <= 2)", "gamma p <= 3)", "sharp"),
]


# the plain run has a false variant and an inequality
@pytest.mark.parametrize(
    ("name", "old", "new", "refused"), family(DAMAGE, lambda case: case[0] in ("controls", "distance"))
)
def test_a_number_changed_in_coq_is_refused(request, tmp_path, name, old, new, refused):
    built = request.getfixturevalue("compiled" if name in needed_by("tie") else "everything")
    for path in built.folder.glob("*.vo"):
        shutil.copy(path, tmp_path)
    texts = sources.texts()
    assert old in texts[name]
    (tmp_path / f"{name}.v").write_text(texts[name].replace(old, new, 1))
    # what lies between the two is compiled again: Coq compares the files that a file was compiled with
    between = [each for each in texts if each != refused and name in needed_by(each) and each in needed_by(refused)]
    for each in between:
        if each != name:
            (tmp_path / f"{each}.v").write_text(texts[each])
        coq.run(tmp_path, each)
    if refused != name:
        (tmp_path / f"{refused}.v").write_text(texts[refused])
    with pytest.raises(coq.NotProved, match=rf"{refused}\.v: File"):
        coq.run(tmp_path, refused)


# --- the tie: Coq's constants against those that the checks use


def test_the_hypotheses_are_the_same(readings):
    for (s, h), (allowed, values) in readings.items():
        for tuning, name in (
            (NESTEROV, "nesterov"),
            (HEAVY_BALL, "heavy_ball"),
            (GRADIENT_DESCENT, "gradient_descent"),
        ):
            low, high = tuning.spectrum(1 / s)
            assert (low, high) == (values[f"{name} eta"], values[f"{name} eta"] * s * s), (s, name)
            assert allowed == (low <= values[f"{name} eta"] * h <= high and 0 < 1 / s <= 1), (s, h, name)
    assert sum(not allowed for allowed, _ in readings.values()) == len(OUTSIDE)


def test_the_methods_are_the_same(readings):
    for (s, h), (_, values) in readings.items():
        for tuning, name in ((NESTEROV, "nesterov"), (HEAVY_BALL, "heavy_ball")):
            beta = tuning.momentum(1 / s)
            assert beta == values[f"{name} beta"], (s, name)
            trace, det = tuning.block(beta, values[f"{name} eta"] * h)
            assert (trace, det) == (values[f"{name} trace"], values[f"{name} det"]), (s, h, name)
            assert 4 * det - trace * trace == values[f"{name} gap"]
        assert GRADIENT_DESCENT.factor(values["gradient_descent eta"] * h) == values["gradient_descent trace"]


@pytest.mark.parametrize("name", METHODS)
def test_the_tunings_of_the_runs_are_the_same(readings, name):
    for (s, _), (_, values) in readings.items():
        kappa = float(s * s)
        # the working spectrum is [3/4 lambda_0, lambda_top + 1/4 lambda_0]: this one is [1, kappa]
        tuned = nag_ntk.theorem_tuning(name, Spectrum(lambda_0=4 / 3, lambda_top=kappa - 1 / 3))
        want = [float(values[f"{name} {part}"]) for part in ("eta", "beta", "gamma")]
        np.testing.assert_allclose([tuned.eta, tuned.beta, tuned.gamma], want, rtol=ROUNDING)


@pytest.mark.parametrize(("name", "tuning"), [("nesterov", NESTEROV), ("heavy_ball", HEAVY_BALL)])
def test_the_powers_have_the_same_constants(readings, monkeypatch, name, tuning):
    lemma = LEMMAS[f"{name.replace('_', '-')}-matrix"]
    calls = captured(monkeypatch, momentum_matrix, "constants_proof", lambda: lemma.check(None))
    given, prefactor, rate = calls[0]
    assert given is tuning
    for (s, _), (_, values) in readings.items():
        assert values[f"{name} prefactor"] == prefactor * s
        assert values[f"{name} rate"] == 1 - rate / s
    assert lemma.check(None).bound == float(prefactor)


def test_the_rate_of_gradient_descent_is_the_same(readings, monkeypatch):
    ((given, rate),) = captured(monkeypatch, gd_matrix, "rate_proof", lambda: LEMMAS["gd-matrix"].check(None))
    assert given is GRADIENT_DESCENT
    for (s, _), (_, values) in readings.items():
        assert values["gradient_descent rate"] == rate(1 / s)


@pytest.mark.parametrize("name", METHODS)
def test_the_contractions_have_the_same_constants(readings, monkeypatch, name):
    monkeypatch.setattr(contraction, "_inequality", lambda run, method, prefactor, rate: (method, prefactor, rate))
    for (s, _), (_, values) in readings.items():
        spectrum = SimpleNamespace(kappa=float(s * s))
        run = SimpleNamespace(untuned=lambda _: "", data=SimpleNamespace(spectrum=spectrum))
        method, prefactor, rate = contraction.claimed(run, THEOREMS[name])
        assert method == name
        assert math.isclose(prefactor, values.get(f"{name} prefactor", 1), rel_tol=ROUNDING)
        assert math.isclose(rate, values[f"{name} claim"], rel_tol=ROUNDING)


def test_the_refuted_constants_are_the_same(readings):
    controls = power_controls()
    for (s, _), (_, values) in readings.items():
        assert controls["nesterov-eight"].bound.prefactor_squared(1 / s) == values["nesterov eight"] ** 2
        assert controls["heavy-ball-small"].bound.prefactor_squared(1 / s) == values["heavy_ball small"] ** 2
        root_two = controls["heavy-ball-root-two"].bound.prefactor_squared(1 / s)
        assert root_two == values["heavy_ball root-two squared"]


def test_the_bound_of_flip_count_is_the_same(readings):
    width, delta = 100, 0.5
    run = SimpleNamespace(
        data=SimpleNamespace(size=2), delta=delta, trajectory=SimpleNamespace(
            width=width, seeds=(0,), near_boundary=np.zeros((1, 1, 2)), radii=np.array([math.log(2 / delta) / width]),
        ),
    )  # fmt: skip
    slope = LEMMAS["flip-count"].check(run).bound[0, 0] / float(run.trajectory.radii[0])
    assert LEMMAS["flip-count"] is FLIP_COUNT
    for (s, _), (_, values) in readings.items():
        assert math.isclose(values["flip-count at width 100"], slope * float(s) / 100, rel_tol=ROUNDING)


@pytest.mark.parametrize("name", METHODS)
def test_the_explicit_widths_are_the_same(readings, name):
    """n = 3, lambda = 1/2 and |xi(0)| <= 5/2; Coq's demand is the width times lambda^4."""
    for (s, _), (_, values) in readings.items():
        kappa = float(s * s)
        asked = widths.explicit_width(name, kappa, 3.0, 2.5, 0.5)
        assert math.isclose(asked * 0.5**4, values[f"{name} demand"], rel_tol=ROUNDING)
        assert math.isclose(widths.radius(name, kappa, 3.0, 0.5), values[f"{name} radius"], rel_tol=ROUNDING)


@pytest.mark.parametrize("name", METHODS)
def test_the_distance_bound_is_the_same(readings, name):
    """|K| = 1 and width 16: c = 1/4; residuals 5/2 at step 0, which counts in the sum as well, and -1/6 to make 7/3."""
    norms = np.array([5 / 2, 7 / 3 - 5 / 2, 0.0]).reshape(1, 1, 3)
    for _, values in readings.values():
        method = nag_ntk.Method("any", *(float(values[f"{name} {part}"]) for part in ("eta", "beta", "gamma")))
        run = SimpleNamespace(
            methods=(method,), data=SimpleNamespace(kernel=np.eye(1)), trajectory=SimpleNamespace(
                residual_norm=norms, width=16, steps=2, seeds=(0,), distance=np.zeros((1, 1, 3)),
                distance_square_error=np.zeros((1, 1, 3)), start="gradient",
            ),
        )  # fmt: skip
        bound = DISTANCE.check(run)[""].bound[0, 0, 2]
        assert math.isclose(bound, values[f"{name} distance"], rel_tol=ROUNDING)


# --- the command


@pytest.fixture
def call(capsys, monkeypatch):
    return caller(monkeypatch, capsys)


def test_without_coq_the_command_says_what_to_install(call, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    done = call("formal")
    assert done.code == 2
    assert "apt-get install coq" in done.err
    assert done.err.count("\n") == 1


def test_the_command_lists_every_theorem(call, compiled, monkeypatch):
    axioms = {theorem.id: coq.CLASSICAL_REALS for theorem in sources.theorems()}
    monkeypatch.setattr(coq, "build", lambda folder, jobs: compiled)
    monkeypatch.setattr(coq, "axioms", lambda built, names, jobs: axioms)
    done = call("formal", "--words")
    assert done.code == 0
    assert all(f"  {theorem.name} " in done.out for theorem in sources.theorems())
    assert f"{len(axioms)} theorems proved in {len(compiled.each)} files by Coq" in done.out
    assert "nesterov-contraction" in done.out
    listed = {row["id"]: row for row in json.loads(call("formal", "--json").out)["theorems"]}
    assert listed["powers.nesterov_powers"]["lemmas"] == ["nesterov-matrix"]


def test_the_command_fails_where_a_proof_fails(call, compiled, monkeypatch):
    axioms = {theorem.id: coq.CLASSICAL_REALS for theorem in sources.theorems()}

    def refuse(folder, jobs):
        raise coq.NotProved("powers.v: no")

    monkeypatch.setattr(coq, "build", refuse)
    assert (call("formal").code, call("formal").err) == (3, "nag-ntk: powers.v: no\n")
    monkeypatch.setattr(coq, "build", lambda folder, jobs: compiled)
    monkeypatch.setattr(coq, "axioms", lambda built, names, jobs: axioms | {"powers.nesterov_powers": ("NagNtk.wish",)})
    done = call("formal")
    assert done.code == 3
    assert "axioms beyond those of Coq's real numbers: NagNtk.wish" in done.err


def test_a_gap_is_an_error_of_the_command(call, monkeypatch):
    monkeypatch.setattr(coq, "coqc", lambda: "coqc")
    monkeypatch.setattr(sources, "texts", lambda: {"powers": "Lemma a : True. Admitted."})
    done = call("formal")
    assert (done.code, "powers.v leaves something unproved: Admitted" in done.err) == (3, True)


def test_a_folder_that_cannot_be_written_is_wrong_usage(call, tmp_path, monkeypatch):
    monkeypatch.setattr(coq, "coqc", lambda: "coqc")
    (tmp_path / "file").write_text("")
    done = call("formal", "--keep", str(tmp_path / "file"))
    assert done.code == 2
    assert formal_command._folder(tmp_path / "new").is_dir()


def test_coq_that_takes_too_long_is_not_proved(tmp_path, monkeypatch):
    def slow(*_, **__):
        raise subprocess.TimeoutExpired("coqc", 1)

    monkeypatch.setattr(coq, "coqc", lambda: "coqc")
    monkeypatch.setattr(subprocess, "run", slow)
    with pytest.raises(coq.NotProved, match="took more than"):
        coq.run(tmp_path, "powers")
