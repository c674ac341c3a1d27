"""The rechecker: it confirms what is true, and a file that is wrong in any way ends with 1 or 2 and one sentence."""

import ast
import io
import json
import random
import subprocess
import sys
from contextlib import redirect_stdout, suppress
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from flint import arb_mat, ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import GOOD, METHODS, SLIDING, attempt, network

from proofs_check.certified.networks import late
from proofs_check.rigor.certificates import recheck
from proofs_check.rigor.certificates.certificate import body_of, digest, distance, write
from proofs_check.rigor.certificates.contraction import extreme_eigenvalues
from proofs_check.rigor.certificates.flow import Flow

FILE = Path(recheck.__file__)


def certified(problem, **extra):
    proof = attempt(problem)
    assert proof is not None
    return body_of(proof, **extra)


@cache
def first_certified(method):
    return next(body_of(p) for p in (attempt(network(16, method, s)) for s in range(1, 9)) if p and p.flips)


@pytest.fixture(scope="module")
def body():
    """A certificate of a run with flips, and of a float64 run that is far off."""
    rows = [[0.0] * 3]
    return certified(GOOD, simulated=rows, distance=distance(GOOD, 256, rows))


def check(body, folder, *, signed=True, apart=False):
    """(exit code, what was said) for a body, with a digest that fits unless told otherwise; or from the program."""
    path = folder / "file.json"
    with suppress(Exception):  # the words follow the claims, where there are any
        body = {**body, "statement": recheck.statement(body["problem"], body["claim"])} if signed else body
    write({**body, "digest": digest(body)} if signed else body, path)
    if apart:
        done = subprocess.run([sys.executable, "-I", FILE, path], capture_output=True, text=True, timeout=300)
        assert done.stderr == "", done.stderr
        code, said = done.returncode, done.stdout
    else:
        with redirect_stdout(io.StringIO()) as out:
            code = recheck.main([str(path)])
        said = out.getvalue()
    assert said.count("\n") == 1
    return code, said


@pytest.mark.parametrize(("file", "most"), [(FILE, 475), (FILE.parents[1] / "initial" / "recheck.py", 360)])
def test_it_is_small_and_knows_nothing(file, most):
    """Programs of few lines of code: blank lines, comments and docstrings are for the reader."""
    text, notes = file.read_text(), set()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            notes |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = [line.strip() for k, line in enumerate(text.splitlines(), 1) if k not in notes]
    assert sum(bool(line) and not line.startswith("#") for line in lines) <= most
    names = {a.name for x in ast.walk(tree) if isinstance(x, ast.Import) for a in x.names}
    froms = {x.module or "." for x in ast.walk(tree) if isinstance(x, ast.ImportFrom)}
    first = {"proofs_check.rigor.certificates", "proofs_check.rigor.certificates.recheck"} if file != FILE else set()
    assert {n.split(".")[0] for n in (names | froms) - first} <= {*sys.stdlib_module_names, "flint"}


@pytest.mark.parametrize("method", METHODS)
def test_what_was_proved_is_confirmed(method, tmp_path):
    code, said = check(first_certified(method), tmp_path, apart=True)
    assert (code, said[:6]) == (0, "proved"), said


def test_a_run_taken_up_late_is_confirmed(tmp_path):
    found = late(GOOD, 400)
    assert found.problem.start == "state"
    assert found.step == found.last_flip + 1
    body = certified(found.problem)
    assert body["claim"]["flips"] == 0
    assert check(body, tmp_path)[0] == 0
    backwards = {**body["problem"], "before": body["problem"]["before"][::-1]}
    assert check({**body, "problem": backwards}, tmp_path)[0] == 1


def test_sliding_pairs_are_confirmed_and_cannot_be_left_out(tmp_path):
    body = certified(SLIDING)
    assert body["claim"]["sliding"]
    assert check(body, tmp_path)[0] == 0
    code, said = check(changed(body, sliding=[]), tmp_path)
    assert code == 1
    assert "never changes" in said or "number of flips" in said
    code, said = check(
        changed(body, rate=(1 - 2.0**-52).hex(), sliding=[[r, i] for r in range(16) for i in range(3)]), tmp_path
    )
    assert code == 1, said  # a sliding everything proves nothing


@pytest.mark.parametrize("method", METHODS)
def test_a_faster_rate_is_not_confirmed_whatever_the_damping(method, tmp_path):
    """Real eigenvalues of either sign (the trace), complex pairs (the determinant)."""
    body = first_certified(method)
    code, said = check(changed(body, rate=hexed(body["claim"]["rate"], 0.9999)), tmp_path)
    assert (code, "the rate" in said) == (1, True), said


SLIDES_WRONG = {
    "negative shear": (lambda c: {"shear": (-0.1).hex()}, "rate below 1"),  # less movement ahead than there is
    "rate 1": (lambda c: {"rate": (1.0).hex()}, "rate below 1"),
    "faster rate": (lambda c: {"rate": hexed(c["rate"], 0.99)}, "the rate, with pairs that slide"),
    "larger lambda_min": (lambda c: {"lambda_min": hexed(c["lambda_min"], 1.01)}, "eigenvalues"),
    "smaller lambda_max": (lambda c: {"lambda_max": hexed(c["lambda_max"], 0.9)}, "eigenvalues"),
    "smaller energy": (lambda c: {"energy": hexed(c["energy"], 0.99)}, "energy"),
    "another lock-in": (lambda c: {"lock_in": c["lock_in"] + 1}, "number of flips"),
}


@pytest.mark.parametrize("name", SLIDES_WRONG)
def test_a_wrong_claim_about_sliding_is_not_confirmed(name, slides, tmp_path):
    change, why = SLIDES_WRONG[name]
    code, said = check(changed(slides, **change(slides["claim"])), tmp_path)
    assert code == 1, said
    assert why in said


@pytest.fixture(scope="module")
def slides():
    return certified(SLIDING)


def test_momentum_may_not_slide(body, tmp_path):
    """A claim that would hold of gradient descent with the same numbers: (9) and (10) are not for momentum."""
    low = hexed(body["claim"]["lambda_min"], 0.05)
    claims = {"sliding": [[3, 1]], "lambda_min": low, "lambda_max": (2.2).hex(), "rate": (0.9995).hex()}
    later = changed(body, **claims, shear=(0.0).hex(), applied=150, energy=(1e-10).hex())
    code, said = check(later, tmp_path)
    assert (code, "a rate below 1" in said) == (1, True), said


def test_sliding_counts_for_what_it_costs(slides, tmp_path):
    """(10) with the least eigenvalue of H_c, not less what sliding spoils, and with that of H: both too fast."""
    with ctx.workprec(256):
        flow = Flow(SLIDING, 256)
        while flow.step < slides["claim"]["applied"]:
            flow.advance()
        entries = [flow.gram_entry(i, j, ~(1 << 11)) for i in range(3) for j in range(3)]
        found = extreme_eigenvalues(arb_mat(3, 3, entries))
        assert found is not None
        assert flow.spectrum is not None
        kernel = np.array([[float(x) for x in row] for row in flow.kernel_rows])
    eta, high, jolt = float(SLIDING.eta), float.fromhex(slides["claim"]["lambda_max"]), kernel[0, 0] / 16
    gain = 2 - eta * high - 2 * eta * (high * jolt) ** 0.5 - eta * jolt
    for low in (found[0], flow.spectrum[0]):
        rate = (1 - eta * gain * low) ** 0.5 * (1 + 1e-9)
        assert max(1 - eta * low, eta * high - 1) + eta * np.linalg.norm(kernel[0]) / 16 > rate  # (9) gives less
        code, said = check(changed(slides, lambda_min=low.hex(), rate=rate.hex()), tmp_path)
        assert (code, "eigenvalues" in said) == (1, True), said


def changed(body, **claims):
    return {**body, "claim": {**body["claim"], **claims}}


def hexed(text, factor):
    return (float.fromhex(text) * factor).hex()


WRONG = {
    "faster rate": (lambda c: {"rate": hexed(c["rate"], 0.999)}, "the rate"),
    "no shear": (lambda c: {"shear": hexed(c["shear"], 0.99)}, "the rate"),
    "rate 1": (lambda c: {"rate": (1.0).hex()}, "rate below 1"),
    "negative rate": (lambda c: {"rate": (-0.5).hex()}, "rate below 1"),
    "larger lambda_min": (lambda c: {"lambda_min": hexed(c["lambda_min"], 1.001)}, "eigenvalues"),
    "negative lambda_min": (lambda c: {"lambda_min": hexed(c["lambda_min"], -1)}, "rate below 1"),
    "smaller lambda_max": (lambda c: {"lambda_max": hexed(c["lambda_max"], 0.999)}, "eigenvalues"),
    "smaller energy": (lambda c: {"energy": hexed(c["energy"], 0.99)}, "energy"),
    "energy too large to lock": (lambda c: {"energy": hexed(c["energy"], 1e9)}, "never changes"),
    "earlier lock-in": (lambda c: {"lock_in": c["lock_in"] - 1}, "number of flips"),
    "fewer flips": (lambda c: {"flips": c["flips"] - 1}, "number of flips"),
    "a sliding pair under momentum": (lambda c: {"sliding": [[0, 0]]}, "rate|eigenvalues"),
    "smaller distance": (lambda c: {"distance": hexed(c["distance"], 0.99)}, "residual at step 0"),
    "another enclosure": (
        lambda c: {"enclosures": {t: [pair[0], pair[0]] for t, pair in c["enclosures"].items()}},
        "residual at step",
    ),
    "applied before anything is settled": (
        lambda c: {"applied": 0, "enclosures": {}, "float64": [], "calm": []},
        "not show|eigenvalues",
    ),
}


def test_a_contraction_is_confirmed_and_a_faster_one_is_not(body, tmp_path):
    slow = "0x1.0p+10 " + (0.5 + 0.5 * float.fromhex(body["claim"]["rate"])).hex()
    assert check(changed(body, contraction=[slow]), tmp_path)[0] == 0
    for wrong in ("0x1.0p+10 0x1.0p-1", "0x1.0p-1 0x1.fp-1"):
        code, said = check(changed(body, contraction=[wrong]), tmp_path)
        assert (code, "contraction" in said) == (1, True), said


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_claim_with_a_fitting_digest_is_not_confirmed(name, body, tmp_path):
    change, why = WRONG[name]
    code, said = check(changed(body, **change(body["claim"])), tmp_path)
    assert code == 1, said
    assert any(part in said for part in why.split("|")), said


def test_weights_of_another_network(body, tmp_path):
    other = {**body, "problem": {**body["problem"], "weights": body["problem"]["weights"][::-1]}}
    assert check(other, tmp_path, apart=True)[0] == 1
    assert check(other, tmp_path, signed=False, apart=True)[0] == 2


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_one_character_changed_anywhere(body, tmp_path, rng: random.Random):
    text = json.dumps(body)
    at = rng.randrange(len(text))
    new = rng.choice([c for c in '0123456789abcdef{}[]",:-+ ~' if c != text[at]])
    if json_equal(text, text[:at] + new + text[at + 1 :]):
        return
    path = tmp_path / "file.json"
    path.write_text(text[:at] + new + text[at + 1 :])
    assert recheck.main([str(path)]) == 2


def json_equal(one, other):
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[]", b"{}", b"\xff\xfe\x00", b"[" * 200_000, b'{"format": "nag-ntk certificate 2"}',
        b"1" * 10_000, random.Random(0).randbytes(1 << 20),
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_certificate(content, tmp_path, capsys):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    assert recheck.main([str(path)]) == 2
    assert capsys.readouterr().out.startswith("no certificate: ")


def test_a_hundred_megabytes_of_noise(tmp_path, capsys):
    path = tmp_path / "file.json"
    path.write_bytes(random.Random(0).randbytes(1 << 20) * 100)
    assert recheck.main([str(path)]) == 2
    assert capsys.readouterr().out.startswith("no certificate: ")


def test_missing_files_folders_and_arguments(tmp_path, capsys):
    assert recheck.main([str(tmp_path / "none")]) == 2
    assert recheck.main([str(tmp_path)]) == 2
    assert recheck.main([]) == 2
    assert capsys.readouterr().out.count("no certificate: ") == 3


def test_a_truncated_file(body, tmp_path):
    text = json.dumps(body)
    for share in (0.1, 0.5, 0.99):
        (tmp_path / "file.json").write_text(text[: int(share * len(text))])
        assert recheck.main([str(tmp_path / "file.json")]) == 2


BROKEN = {
    "nan": ("targets", "nan nan nan"), "infinite": ("eta", "inf"), "zero denominator": ("eta", "1/0"),
    "no number": ("eta", "x"), "two numbers": ("eta", "0x1p-1 0x1p-1"), "no step": ("eta", "0x0p+0"),
    "momentum 1": ("beta", "1/1"), "negative momentum": ("beta", "-1/2"), "negative gamma": ("gamma", "-1/2"),
    "start": ("start", "somewhere"), "state without weights": ("start", "state"), "signs": ("signs", "+?"),
    "no signs": ("signs", ""), "too few weights": ("weights", []), "no inputs": ("inputs", []),
    "empty inputs": ("inputs", [""]), "uneven inputs": ("inputs", ["0x1p+0 0x1p+0", "0x1p+0"]),
    "numbers": ("inputs", [1]), "null": ("weights", None), "list": ("eta", [1]),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_malformed_problem_with_a_fitting_digest(name, body, tmp_path):
    key, value = BROKEN[name]
    code, said = check({**body, "problem": {**body["problem"], key: value}}, tmp_path)
    assert code == 2, said


@pytest.mark.parametrize(
    ("key", "value"),
    [("applied", -1), ("applied", 10**9), ("bits", 1), ("bits", 10**6), ("sliding", [[99, 0]]), ("sliding", [[0]]),
     ("flips", "x"), ("rate", "nan"), ("float64", ["0x0p+0"] * 10**4), ("enclosures", {"x": []}),
     ("enclosures", {"99999": ["", ""]})],
)  # fmt: skip
def test_a_malformed_claim_with_a_fitting_digest(key, value, body, tmp_path):
    assert check(changed(body, **{key: value}), tmp_path, apart=True)[0] == 2


def test_undecided_is_said(tmp_path, capsys):
    third = Fraction(1, 3)
    inputs = ((third, third), (1.0, 0.0))
    tie = GOOD._replace(inputs=inputs, targets=(0.0, 0.0), weights=((third, -third), (1.0, 1.0)), signs=(1, 1))
    proof = attempt(GOOD)._replace(problem=tie, enclosures={})
    write(body_of(proof), tmp_path / "tie.json")
    assert recheck.main([str(tmp_path / "tie.json")]) == 1
    assert "not proved with 256 bits: it does not show which sign" in capsys.readouterr().out


def test_it_agrees_with_the_maker_step_by_step(body, tmp_path):
    path = tmp_path / "file.json"
    write(body, path)
    net = recheck.Certificate(path)
    with ctx.workprec(256):
        run, flow = recheck.Run(net), Flow(GOOD, 256)
        for _ in range(40):
            assert [[i in samples for i in range(3)] for samples in run.active] == [
                list(map(bool, on)) for on in flow.active
            ]
            assert all(abs(a - b) < 1e-30 for a, b in zip(run.xi.entries(), flow.residual.entries(), strict=True))
            run.step()
            flow.advance()
        assert sorted(run.flips) == sorted(flow.flips)
