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
