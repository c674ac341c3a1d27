"""What a certificate at initialisation claims: what is true is confirmed, and what is a little more is refused."""

import io
import json
import math
from contextlib import redirect_stdout
from functools import cache

import numpy as np
import pytest
from by_definition import Case, bounds, claims, last_bounds, train
from flint import arb, ctx
from networks import METHODS, network
from test_initial_recursion import followed

from proofs_check.rigor.certificates.certificate import digest, write
from proofs_check.rigor.certificates.prove import NotProved
from proofs_check.rigor.certificates.recheck import Unproved
from proofs_check.rigor.initial import confirm, recheck
from proofs_check.rigor.initial.certificate import body_of
from proofs_check.rigor.initial.pairs import Pairs
from proofs_check.rigor.initial.prove import prove_initial

WIDTH = 256
STARTS = ("gradient", "extrapolated")


@cache
def proved(name, start="gradient", seed=3, width=WIDTH):
    return prove_initial(network(width, name, seed)._replace(start=start))


def objection(proof, folder):
    path = folder / "one.json"
    write(body_of(proof), path)
    net = recheck.Certificate(path)
    try:
        with ctx.workprec(net.bits):
            recheck.verify(net)
    except Unproved as error:
        return str(error).removeprefix("it does not show ")
    return ""


def said(body, folder):
    """(exit code, words) for a file with a digest and a statement that fit."""
    body = {**body, "statement": recheck.statement(body["problem"], body["claim"])}
    path = folder / "one.json"
    write({**body, "digest": digest(body)}, path)
    with redirect_stdout(io.StringIO()) as out:
        code = recheck.main([str(path)])
    assert out.getvalue().count("\n") == 1
    return code, out.getvalue()


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", METHODS)
def test_proofs_are_confirmed(name, start, tmp_path):
    proof = proved(name, start)
    assert 0 < proof.allowed < 40
    assert objection(proof, tmp_path) == ""


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", METHODS)
def test_the_bounds_for_all_later_steps_are_the_least_ones(name, start, tmp_path):
    """By definition, with their flips; a thousandth less is refused, on each side and for each sample."""
    proof = proved(name, start)
    found = bounds(proof.problem, proof.steps)
    zeta, delta, flipped = last_bounds(proof.problem, found, proof.rate, proof.horizon + 1)
    assert proof.allowed == flipped.sum()
    for claimed, least in ((proof.residual, zeta), (proof.movement, delta)):
        assert (claimed > least).all()
        assert np.allclose(claimed, least, rtol=0.01)
    assert np.allclose(proof.bounds, np.linalg.norm(found.X, axis=1), rtol=1e-9)
    near = proof._replace(residual=tuple(zeta * 1.001), movement=tuple(delta * 1.001))
    assert objection(near, tmp_path) == ""
    for key, least in (("residual", zeta), ("movement", delta)):
        for i in range(3):
            values = np.array(getattr(near, key))
            values[i] = least[i] * 0.9999
            expected = f"the bounds on residual and movement after step {proof.steps}"
            assert objection(near._replace(**{key: tuple(values)}), tmp_path) == expected, (key, i)


EARLY = [
    ("gradient descent", 1024, 3, 48), ("heavy ball", 1024, 3, 32), ("nesterov", 1024, 3, 24),
    ("strong look-ahead", 1024, 3, 72), ("nesterov, overdamped", 1024, 3, 48),
    ("nesterov, overdamped", 4096, 5, 32),  # here some pairs flip only because their neuron has strayed
]  # fmt: skip


@pytest.mark.parametrize(("name", "width", "seed", "steps"), EARLY)
def test_pairs_that_flip_after_the_last_step_are_counted(name, width, seed, steps, tmp_path):
    """The recursion ends early, so that some pairs can flip only after it; all from the least bounds."""
    proof = proved(name, seed=seed, width=width)
    found = bounds(proof.problem, steps)
    zeta, delta, flipped = last_bounds(proof.problem, found, proof.rate, proof.horizon)
    flips = int(flipped.sum())
    assert flips > found.flipped[-1].sum()
    proof = proof._replace(
        steps=steps, residual=tuple(zeta * 1.001), movement=tuple(delta * 1.001), reach=(1e9,) * 3, allowed=flips + 1
    )
    assert objection(proof, tmp_path) == ""
    assert objection(proof._replace(allowed=flips - 1), tmp_path) == "so few pairs that may change sign"
    for claim in (
        proof._replace(residual=tuple(zeta * 0.9999), movement=tuple(delta)),
        proof._replace(residual=tuple(zeta), movement=tuple(delta * 0.9999)),
    ):
        assert objection(claim, tmp_path).startswith("the bounds on residual and movement")
    # the reach: of the linear model's path for the worst pattern, and of what strays from it
    case = Case.of(proof.problem)
    K = case.inputs @ case.inputs.T
    terms = found.path[:, None, :] * K
    widest = np.maximum(np.maximum(terms, 0).sum(-1), np.maximum(-terms, 0).sum(-1))
    rest = np.array(proof.movement) * proof.rate / (1 - proof.rate)
    at_steps, after = widest + found.dS @ np.abs(K), widest[-1] + (found.dS[-1] + rest) @ np.abs(K)
    needed = np.maximum(at_steps.max(axis=0), after)
    assert objection(proof._replace(reach=tuple(needed * 1.0001)), tmp_path) == ""
    for i in range(3):
        reach = needed * np.where(np.arange(3) == i, 0.9999, 1.0001)
        assert objection(proof._replace(reach=tuple(reach)), tmp_path) == "the reach of the neurons"


def test_the_reach_is_that_of_every_step(tmp_path):
    """A path that overshoots comes nearer to a kink on its way than at its end."""
    problem = network(1024, "heavy ball", 3)
    proof = claims(problem, 40)
    run = followed(proof, tmp_path, 0)[2]
    paths = [[float(x) for x in S.entries()] for S in run.linear.S]
    K = Case.of(problem).inputs @ Case.of(problem).inputs.T
    terms = np.array(paths)[:, None, :] * K
    widest = np.maximum(np.maximum(terms, 0).sum(-1), np.maximum(-terms, 0).sum(-1))
    assert (widest.max(axis=0) > 1.001 * widest[-1]).any()
    run.net.reach = (widest.max(axis=0) * 0.999).tolist()

    def go_on():
        for t in range(1, 41):
            run.step(t)

    with pytest.raises(Unproved, match="the reach of the neurons"):
        go_on()


def test_bounds_are_not_negative(tmp_path):
    """With negative bounds (18) may hold where nothing converges."""
    proof = proved("nesterov")._replace(residual=(-1.0,) * 3, movement=(-1.0,) * 3)
    assert objection(proof, tmp_path) == "bounds that are not negative"


@pytest.mark.parametrize("name", METHODS)
def test_a_little_more_than_is_true_is_refused(name, tmp_path):
    proof, linear = proved(name), proved(name).linear
    spectrum = linear.lambda_min, linear.lambda_max
    wrong = {
        "so few pairs that may change sign": proof._replace(allowed=proof.allowed - 1),
        "the rate": proof._replace(linear=linear._replace(rate=1 - (1 - linear.rate) * 1.001)),
        "the bounds on the eigenvalues of H": proof._replace(linear=linear._replace(lambda_min=spectrum[0] * 1.001)),
        "a rate above that of the linear model, and below 1": proof._replace(rate=linear.rate),
        "the reach of the neurons": proof._replace(reach=tuple(x * 0.998 for x in proof.reach)),
    }
    for words, claim in wrong.items():
        assert objection(claim, tmp_path) == words
    for rate in (1.0, 1.5):
        words = "a rate above that of the linear model, and below 1"
        assert objection(proof._replace(rate=rate), tmp_path) == words
    for i in range(3):
        reach = tuple(x * (0.99 if k == i else 1) for k, x in enumerate(proof.reach))
        assert objection(proof._replace(reach=reach), tmp_path) == "the reach of the neurons"
    if linear.shear:
        assert objection(proof._replace(linear=linear._replace(shear=linear.shear * 0.999)), tmp_path) == "the rate"


@pytest.mark.parametrize("name", METHODS)
def test_the_theorems_inequality(name, tmp_path):
    """(c, rho) is confirmed up to the size that it allows, at each step and after the last, and not beyond."""
    proof, c, rho = proved(name)._replace(contraction=((1.5, 0.999),)), 1.5, 0.999
    assert objection(proof, tmp_path) == ""
    both = 0 if name == "gradient descent" else 1
    _, _, run, _ = followed(proof, tmp_path, proof.steps)
    first = math.sqrt(1 + both) * np.linalg.norm([float(x) for x in run.X[0]])
    honest, residual = run.X, run.net.residual
    for where in (1, 2, proof.steps, None):
        for share, words in (
            (0.999, ""),
            (1.001, f"the contraction {'for ever' if where is None else f'at step {where}'}"),
        ):
            run.X, run.net.residual = list(honest), residual
            if where is None:
                allowed = c * rho**proof.steps * first / math.sqrt(1 + both / proof.rate**2)
                run.net.residual = [allowed * share, 0.0, 0.0]
            else:
                before = np.linalg.norm([float(x) for x in honest[where - 1]])
                run.X[where] = [
                    arb(share * math.sqrt((c * rho**where * first) ** 2 - both * before**2)),
                    arb(0),
                    arb(0),
                ]
                run.X[where + 1 :] = [[arb(0)] * 3] * (proof.steps - where)
                run.net.residual = [0.0] * 3
            if not words:
                run.shrinks()
            else:
                with pytest.raises(Unproved, match=words):
                    run.shrinks()
    for wrong in ((0.999, 0.999), (1e9, proof.rate * 0.9999)):
        assert objection(proof._replace(contraction=(wrong,)), tmp_path).startswith("the contraction: prefactor")
    claimed = prove_initial(proof.problem, [(1.5, 0.999), (0.5, 0.999), (1.5, proof.linear.rate * 0.9)]).contraction
    assert claimed == ((1.5, 0.999),)


@pytest.mark.parametrize("name", METHODS)
def test_certified_networks_go_on_as_proved(name):
    """Below X, then below r^k zeta; and no pair flips but those that the definition allows."""
    goes_on(name, 600)


def goes_on(name, steps):
    for seed in range(1, 5):
        try:
            proof = proved(name, seed=seed)
        except NotProved:
            continue
        found = bounds(proof.problem, proof.steps)
        allowed = last_bounds(proof.problem, found, proof.rate, proof.horizon + 1)[2]
        residuals, patterns = train(proof.problem, steps)
        T = proof.steps
        later = np.outer(proof.rate ** np.arange(steps - T + 1.0), proof.residual)
        assert (np.abs(residuals[: T + 1]) <= found.X * (1 + 1e-9) + 1e-12).all()
        assert (np.abs(residuals[T:]) <= later + 1e-12).all()
        assert not ((patterns != patterns[0]) & ~allowed).any()
        assert not ((patterns[: T + 1] != patterns[0]) & ~found.flipped).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_certified_networks_go_on_for_ten_thousand_steps(name):
    goes_on(name, 10_000)


def changed(body, part, **values):
    return {**body, part: {**body[part], **values}}


def test_another_network_is_refused(tmp_path):
    """False but well-formed files with a fitting digest: other labels, other weights, fewer neurons."""
    body = body_of(proved("nesterov"))
    problem = body["problem"]
    assert said(body, tmp_path)[0] == 0
    louder = " ".join((3 * float.fromhex(y)).hex() for y in problem["targets"].split())
    nearer = [" ".join((float.fromhex(x) / 8).hex() for x in row.split()) for row in problem["weights"]]
    assert said(changed(body, "problem", targets=louder), tmp_path)[0] == 1
    assert said(changed(body, "problem", weights=nearer), tmp_path)[0] == 1
    half = changed(body, "problem", weights=problem["weights"][:128], signs=problem["signs"][:128])
    assert said(half, tmp_path)[0] == 1
    assert said(changed(body, "problem", signs=problem["signs"][:-1]), tmp_path)[0] == 2
    assert said(changed(body, "problem", eta="4/1"), tmp_path)[0] == 1
    less = (float.fromhex(body["claim"]["energy"]) * 0.9999).hex()
    code, words = said(changed(body, "claim", energy=less), tmp_path)
    assert (code, "the energy" in words) == (1, True)


MALFORMED = [
    ("claim", "steps", 1), ("claim", "steps", 10**6), ("claim", "horizon", 1), ("claim", "horizon", 10**6),
    ("claim", "bits", 1), ("claim", "bits", 10**6), ("claim", "allowed", -1), ("claim", "allowed", 10**9),
    ("claim", "allowed", 1.5), ("claim", "residual", "nan nan nan"), ("claim", "residual", "0x1p+0"),
    ("claim", "reach", None), ("claim", "rate", "inf"), ("claim", "contraction", ["0x1p+0"]), ("claim", "more", 1),
    ("problem", "start", "state"), ("problem", "before", ["0x1p+0 0x1p+0"]), ("problem", "beta", "1/1"),
    ("problem", "weights", []), ("problem", "targets", "0x1p+0"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "key", "value"), MALFORMED)
def test_a_malformed_file_with_a_fitting_digest(part, key, value, tmp_path):
    code, words = said(changed(body_of(proved("nesterov")), part, **{key: value}), tmp_path)
    assert code == 2, words


def test_what_is_not_the_truth_of_the_claims_is_no_certificate(tmp_path):
    """Another statement, a broken digest, and the format of the other certificates."""
    body, path = body_of(proved("nesterov")), tmp_path / "one.json"
    lie = {**body, "statement": body["statement"].replace("at most", "exactly")}
    for wrong in (
        {**lie, "digest": digest(lie)},
        {**body, "name": "other"},
        {**body, "format": "nag-ntk certificate 2"},
    ):
        write(wrong, path)
        assert confirm.objection(path).startswith("no certificate: ")
    write(body, path)
    assert confirm.objection(path) == ""
    assert json.loads(path.read_text())["statement"] == recheck.statement(body["problem"], body["claim"])


def test_the_program_in_a_process_of_its_own(tmp_path, capfd):
    path = tmp_path / "one.json"
    write(body_of(proved("nesterov")), path)
    assert confirm.bounded(path, 4.0, 60.0) == 0
    assert "pairs ever change sign; rate " in capfd.readouterr().out
    write({**body_of(proved("nesterov")), "name": "x"}, path)
    assert confirm.bounded(path, 4.0, 60.0) == 2
    assert confirm.bounded(tmp_path / "none", 4.0, 60.0) == 2


def test_what_cannot_be_proved_is_said():
    problem = network(WIDTH, "nesterov", 3)
    with pytest.raises(NotProved, match="begins with the first weights"):
        prove_initial(problem._replace(start="state", before=problem.weights))
    with pytest.raises(NotProved, match=r"residual could grow 20 times by step .* the width is too small"):
        prove_initial(network(16, "nesterov", 3))
    with pytest.raises(NotProved, match="the linear model does not contract"):
        prove_initial(problem._replace(eta=1000.0))
    with pytest.raises(NotProved, match="positive definite"):
        prove_initial(problem._replace(weights=((1.0, 1.0),) * WIDTH, inputs=((1.0, 0.0), (1.0, 0.5), (1.0, 0.25))))


def look(seed, folder, monkeypatch):
    """One random small network: (confirmed with honest claims, confirmed with those of the linear model)."""
    random = np.random.default_rng(seed)
    name = list(METHODS)[seed % len(METHODS)]
    problem = network(int(2 ** random.uniform(3, 9)), name, seed + 100)
    problem = problem._replace(start=STARTS[seed // len(METHODS) % 2])
    confirmed = []
    for blind in (False, True):
        with monkeypatch.context() as patch:
            if blind:  # the maker sees no flips: its claims are those of the linear model, true of very few networks
                patch.setattr(Pairs, "advance", lambda self, *given: False)
            try:
                proof = prove_initial(problem)
            except NotProved:
                confirmed.append(None)
                continue
        confirmed.append(objection(proof, folder) == "")
        if confirmed[-1]:
            residuals, patterns = train(problem, proof.steps + 200)
            later = np.outer(proof.rate ** np.arange(201.0), proof.residual)
            assert (np.abs(residuals[proof.steps :]) <= later + 1e-12).all(), seed
            assert (patterns != patterns[0]).any(axis=0).sum() <= proof.allowed, seed
    return confirmed


def test_no_network_is_certified_falsely(tmp_path, monkeypatch):
    """Small random networks about as wide as the proof asks for, some wider; and claims that ignore all flips."""
    found = [look(seed, tmp_path, monkeypatch) for seed in range(24)]
    honest, blind = ([x for x in column if x is not None] for column in zip(*found, strict=True))
    assert 3 < len(honest) < 21
    assert all(honest)
    assert sum(blind) < 0.2 * len(blind)


@pytest.mark.slow
def test_of_a_thousand_networks_none_is_certified_falsely(tmp_path, monkeypatch):
    found = [look(seed, tmp_path, monkeypatch)[0] for seed in range(1000, 2000)]
    assert 100 < sum(x is not None for x in found) < 900
