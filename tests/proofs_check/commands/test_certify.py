"""certify and recheck on the command line, and the problems that a study gives."""

import json
from pathlib import Path

import numpy as np
import pytest
from flint import ctx

import nag_ntk
from proofs_check.certified import networks
from proofs_check.rigor.certificates.flow import Flow
from proofs_check.rigor.certificates.problem import ProblemError
from proofs_check.rigor.certificates.prove import NotProved, prove

STUDY = """
dataset: {source: digits, samples: 5}
methods: [nesterov, heavy_ball]
width: 64
seeds: 2
steps: 5
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "mine.yaml").write_text(STUDY)


def test_certify_then_recheck(call, study):
    end = call("certify", "mine.yaml", "--seeds", "1", "--out", "c")
    assert end.code == 0, end.out + end.err
    assert "2 of 2 proved, each file confirmed by recheck" in end.out
    assert end.out.count(" bits, float64 run within ") == end.out.count(", rechecked, ") == 2
    files = sorted(Path("c").iterdir())
    assert [path.name for path in files] == ["mine.heavy_ball.seed.0.json", "mine.nesterov.seed.0.json"]
    for path in files:
        body = json.loads(path.read_text())
        assert len(body["claim"]["float64"]) == body["claim"]["applied"] + 1
        assert float.fromhex(body["claim"]["distance"]) < 1e-13
        assert call("recheck", str(path)).code == 0
        path.write_text(path.read_text().replace("0x1", "0x2", 1))
        assert call("recheck", str(path)).code == 2


def test_certify_from_late_steps(call, study):
    end = call("certify", "mine.yaml", "--method", "nesterov", "--seeds", "1", "--from", "late", "--out", "c")
    assert end.code == 0, end.out + end.err
    for path in Path("c").iterdir():
        assert json.loads(path.read_text())["problem"]["start"] == "state"
        assert call("recheck", str(path)).code == 0


def test_a_file_that_recheck_does_not_confirm_is_no_proof(call, study, monkeypatch):
    """A maker with a fault: it claims a faster rate than there is."""
    from proofs_check.rigor.certificates import certificate

    honest = certificate.body_of

    def faulty(proof, *rest):
        found = proof.contraction
        return honest(proof._replace(contraction=found._replace(rate=found.rate * 0.99)), *rest)

    monkeypatch.setattr(certificate, "body_of", faulty)
    end = call("certify", "mine.yaml", "--method", "nesterov", "--seeds", "1", "--out", "c")
    assert end.code == 1, end.out + end.err
    assert "NOT PROVED, recheck does not confirm mine.nesterov.seed.0.json: not proved with" in end.out
    assert "0 of 1 proved" in end.out


def test_gradient_descent_from_late_steps(call, study):
    Path("slow.yaml").write_text(STUDY.replace("[nesterov, heavy_ball]", "[gradient_descent]").replace("64", "256"))
    end = call("certify", "slow.yaml", "--seeds", "2", "--from", "late", "--out", "c")
    assert end.code == 0, end.out + end.err
    assert end.out.count(", rechecked, ") == 2


def test_sliding_under_momentum_is_named_and_given_up_soon():
    """Neuron 62 changes sign on sample 0 every few steps for ever: the theory's lock-in never comes."""
    one = networks.case(nag_ntk.sphere(3, 2, 1), nag_ntk.nesterov(0.5, 0.5), 64)
    with pytest.raises(
        NotProved, match=r"step \d{3,4}: sample 0, neuron 62 slides along the kink.*with momentum no argument"
    ):
        prove(one.problem, 20000)


def test_what_is_not_proved_ends_with_1_and_the_reason(call, study):
    end = call("certify", "mine.yaml", "--steps", "1", "--seeds", "1", "--out", "c")
    assert end.code == 1
    assert end.out.count("NOT PROVED, step 1: sample") == 2
    assert "more steps would help" in end.out
    assert list(Path("c").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["certify", "none.yaml"], "none.yaml"),
        (["certify", "mine.yaml", "--method", "adam"], "no training run"),
        (["certify", "mine.yaml", "--run", "other"], "no training run"),
        (["certify", "mine.yaml", "--out", "mine.yaml"], "cannot write to mine.yaml"),
        (["certify", "mine.yaml", "--steps", "0"], "--steps"),
        (["certify"], "CONFIG"),
        (["recheck"], "FILE"),
    ],
)
def test_mistakes(call, study, arguments, words):
    end = call(*arguments)
    assert end.code == 2
    assert words in end.err
    assert "Traceback" not in end.err


def test_recheck_of_a_missing_file(call):
    end = call("recheck", "none.json")
    assert (end.code, end.out[:15]) == (2, "no certificate:")


def test_the_problem_is_what_simulate_trains():
    data = nag_ntk.digits(6)
    method = nag_ntk.theorem_tuning("nesterov", data)
    one = networks.case(data, method, 100, 3, key=7)
    rows = networks.simulated(one, 30)
    with ctx.workprec(300):
        flow = Flow(one.problem, 300)
        for row in rows:
            np.testing.assert_allclose([float(x) for x in flow.residual.entries()], row, rtol=0, atol=1e-13)
            flow.advance()


@pytest.mark.parametrize("name", ["gradient_descent", "heavy_ball", "nesterov"])
@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
def test_late_weights_are_those_of_the_exact_run(name, start):
    data = nag_ntk.digits(5)
    one = networks.case(data, nag_ntk.theorem_tuning(name, data), 64, 0, start=start)
    found = networks.late(one.problem, 400)
    with ctx.workprec(600):
        flow, later = Flow(one.problem, 600), Flow(found.problem, 600)
        for _ in range(found.step):
            flow.advance()
        for _ in range(10):
            assert flow.active == later.active
            for a, b in zip(flow.residual.entries(), later.residual.entries(), strict=True):
                assert abs(a - b) < 1e-12
            flow.advance()
            later.advance()
    if name != "gradient_descent":
        assert prove(found.problem, 3000).flips == 0


def test_momentum_that_grows_is_refused():
    data = nag_ntk.digits(3)
    with pytest.raises(ProblemError, match="no linear rate"):
        networks.case(data, nag_ntk.nesterov_increasing(0.5), 8)


def test_a_float64_run_that_blows_up_is_refused():
    data = nag_ntk.digits(3)
    one = networks.case(data, nag_ntk.heavy_ball(1e305, 0.9), 20)
    with pytest.raises(ProblemError, match="smaller step size"):
        networks.late(one.problem, 400)


WIDE = """
dataset: {source: sphere, samples: 5, dimension: 50}
methods: [gradient_descent, nesterov]
width: 1024
seeds: 2
steps: 5
lemmas: [gd-contraction, nesterov-contraction]
"""


def test_certify_at_initialisation(call, study):
    Path("wide.yaml").write_text(WIDE)
    end = call("certify", "wide.yaml", "--seeds", "1", "--from", "initialisation", "--out", "c")
    assert end.code == 0, end.out + end.err
    assert end.out.count("proved from the first weights, the theorem's inequality (") == 2
    assert "(paper-form, sharp) for all t" in end.out
    files = sorted(Path("c").iterdir())
    assert [path.name for path in files] == [
        f"wide.{name}.seed.0.at.initialisation.json" for name in ("gradient_descent", "nesterov")
    ]
    for path in files:
        assert call("recheck", str(path)).code == 0
        path.write_text(path.read_text().replace("0x1", "0x2", 1))
        assert call("recheck", str(path)).code == 2
    narrow = call("certify", "mine.yaml", "--seeds", "1", "--from", "initialisation", "--out", "n")
    assert narrow.code == 1
    assert narrow.out.count("the width is too small for a proof at initialisation") == 2
    assert list(Path("n").iterdir()) == []


def test_verify_takes_the_cheaper_proof(call, study, monkeypatch):
    """From the first weights where that proves the theorem, the run is then not followed; else by following the run."""
    from proofs_check.certified import claims

    monkeypatch.setattr(claims, "prove", lambda *given, **named: pytest.fail("the run was followed"))
    Path("wide.yaml").write_text(WIDE)
    assert call("verify", "wide.yaml", "--certify", "1", "--out", "r").code == 0
    findings = json.loads(Path("r/results.json").read_text())["findings"]
    found = {row["lemma"]: row for row in findings if row["lemma"].endswith("seed-0")}
    assert set(found) == {"gd-contraction/seed-0", "nesterov-contraction/paper-form-seed-0",
                          "nesterov-contraction/sharp-seed-0"}  # fmt: skip
    for row in found.values():
        assert row["verdict"] == "CERTIFIED"
        assert "from its first weights: |V(t)| <=" in row["reason"]
        assert " of 5120 pairs flip" in row["reason"]
    for path in Path("r/certificates").iterdir():
        assert call("recheck", str(path)).code == 0


def test_what_the_first_weights_leave_open_is_proved_by_following_the_run(monkeypatch):
    from proofs_check.certified import claims
    from proofs_check.rigor.initial import confirm

    data = nag_ntk.sphere(5, 50)
    one = networks.case(data, nag_ntk.theorem_tuning("nesterov", data), 1024)
    parts = claims.stated_parts(data, one.method)
    tight = {**parts, "tight": (1.0, parts["sharp"][1])}  # a prefactor that only the run itself keeps to, if at all
    found, body = claims._decide_parts(one, tight)
    assert body["format"] == "nag-ntk certificate 2"
    assert "lock-in" in found["sharp"].reason
    monkeypatch.setattr(claims, "prove", lambda *given, **named: (_ for _ in ()).throw(NotProved("none")))
    found, body = claims._decide_parts(one, tight)
    assert (found["sharp"].decided, found["tight"].decided) == (True, None)
    assert "zero loss is proved for this network from its first weights, but not |V(t)| <= 1 " in found["tight"].reason
    monkeypatch.setattr(confirm, "objection", lambda path: "no")
    found, body = claims._decide_parts(one, tight)
    assert body is None
    assert all(proof.decided is None and "no proof: none" in proof.reason for proof in found.values())


def test_parts_are_stated_for_the_theorems_own_numbers_only():
    from proofs_check.certified.claims import stated_parts

    data = nag_ntk.sphere(3, 3)
    method = nag_ntk.theorem_tuning("nesterov", data)
    assert set(stated_parts(data, method)) == {"paper-form", "sharp"}
    assert stated_parts(data, method, "extrapolated") == {}
    assert stated_parts(data, nag_ntk.nesterov(1e-3, 0.5)) == {}
    assert stated_parts(data, nag_ntk.theorem_tuning("gradient_descent", data), "extrapolated").keys() == {""}
