"""Networks that are stated by their seed: drawn as by JAX, and proved for all that lies within the tolerance."""

import io
from contextlib import redirect_stdout
from functools import cache

import numpy as np
import pytest
from flint import arb, ctx

import nag_ntk
from nag_ntk.network import draw, seed_key
from proofs_check.certified import networks
from proofs_check.rigor.certificates.certificate import digest, write
from proofs_check.rigor.certificates.problem import ProblemError
from proofs_check.rigor.certificates.recheck import Unproved
from proofs_check.rigor.initial import confirm, drawn, recheck, recheck_drawn
from proofs_check.rigor.initial.certificate import body_of
from proofs_check.rigor.initial.pairs import Drawn
from proofs_check.rigor.initial.prove import prove_initial


def whole(draws, dimension):
    weights, signs = zip(*drawn.blocks(draws, dimension), strict=True)
    return np.concatenate(weights), np.concatenate(signs)


@pytest.mark.parametrize("init", ["independent", "antisymmetric"])
@pytest.mark.parametrize(
    ("key", "seed", "width", "dimension"), [(0, 0, 6, 1), (7, 3, 20_000, 5), (2**32 - 1, 2**31, 1026, 2)]
)
def test_the_draws_are_those_of_jax(key, seed, width, dimension, init):
    nag_ntk.enable_float64()
    expected = draw(seed_key(key, seed), width, dimension, init=init)
    weights, signs = whole(drawn.Draw(key, seed, width, init), dimension)
    assert weights.shape == (width, dimension)
    assert (np.abs(weights - np.asarray(expected.weights)) <= drawn.tolerance(weights)).all()
    assert (signs == np.asarray(expected.signs)).all()


def test_normal_numbers_against_ball_arithmetic():
    """sqrt(2) erfinv(u) for bits in the middle, in both tails, at both ends; the tolerance covers a rounding of u."""
    random = np.random.default_rng(0)
    powers = np.uint64(1) << np.arange(64, dtype=np.uint64)
    ends = np.array([0, 2**64 - 1, 2**63, 2**63 - 1], np.uint64)
    bits = np.concatenate([random.integers(0, 2**64, 400, np.uint64), np.uint64(2**64 - 1) - powers, powers, ends])
    found = drawn.normal(bits)
    with ctx.workprec(200):
        for word, value in zip(bits.tolist(), found.tolist(), strict=True):
            share = max(float(np.nextafter(-1, 0)), 2 * ((word >> 12) * 2.0**-52) + float(np.nextafter(-1, 0)))
            for rounded in (share, np.nextafter(share, 0)):
                if abs(rounded) < 1:
                    exact = arb(2).sqrt() * arb(float(rounded)).erfinv()
                    within = 1e-14 * max(1, abs(value)) if rounded == share else float(drawn.tolerance(np.array(value)))
                    assert abs(exact - value) < within, (word, value)


@cache
def proved(width=1000, init="independent"):
    data = nag_ntk.sphere(5, 50)
    method = nag_ntk.theorem_tuning("nesterov", data)
    rows = tuple(map(tuple, np.asarray(data.coordinates).tolist()))
    problem = Drawn(
        rows, tuple(data.targets.tolist()), drawn.Draw(0, 1, width, init), method.eta, method.beta, method.gamma
    )
    return prove_initial(problem)


def said(body, folder):
    """(exit code, words) for a file with a digest and a statement that fit."""
    body = {**body, "statement": recheck_drawn.statement(body["problem"], body["claim"])}
    path = folder / "one.json"
    write({**body, "digest": digest(body)}, path)
    with redirect_stdout(io.StringIO()) as out:
        code = recheck_drawn.main([str(path)])
    return code, out.getvalue()


@pytest.mark.parametrize("init", ["independent", "antisymmetric"])
def test_a_drawn_network_is_proved_like_a_given_one(init, tmp_path, monkeypatch, capfd):
    """The first step of both programs: the same counts and neurons, distances and outputs within the error."""
    proof, path = proved(init=init), tmp_path / "one.json"
    write(body_of(proof), path)
    assert path.stat().st_size < 4000
    assert confirm.objection(path) == ""
    assert confirm.bounded(path, 4.0, 60.0) == 0
    assert "proved, " in capfd.readouterr().out
    data = nag_ntk.sphere(5, 50)
    given = networks.case(data, nag_ntk.theorem_tuning("nesterov", data), 1000, 1, init=init)
    first = recheck_drawn.Start(recheck_drawn.Certificate(path))
    write(body_of(proof._replace(problem=given.problem)), path)
    second = recheck.Start(recheck.Certificate(path))
    assert all(abs(x - y) < 1e-12 for x, y in zip(first.H.entries(), second.H.entries(), strict=True))
    for x, y, error in zip(first.xi, second.xi, first.error, strict=True):
        assert abs(x - y) < error < 1e-9
    active = [{number: key for key, number in start.classes.items()} for start in (first, second)]
    assert len(first.members) == len(second.members) > 20
    for (k, mine), (j, other) in zip(first.members, second.members, strict=True):
        assert active[0][k] == active[1][j]
        assert all(y - 1e-8 < x <= y for x, y in zip(mine, other, strict=True))
    # what the tolerance may change is counted: a larger one is refused, or gives larger errors
    honest = drawn.tolerance
    write(body_of(proof), path)
    net = recheck_drawn.Certificate(path)
    monkeypatch.setattr(drawn, "tolerance", lambda weights: 100 * honest(weights))
    for x, y in zip(first.error, recheck_drawn.Start(net).error, strict=True):
        assert 50 * x < y
    monkeypatch.setattr(drawn, "tolerance", lambda weights: 1e10 * honest(weights))
    with pytest.raises(Unproved, match="which sign"):
        recheck_drawn.Start(net)


def test_another_draw_is_refused(tmp_path):
    body = body_of(proved())

    def redrawn(**values):
        return {**body, "problem": {**body["problem"], "draw": {**body["problem"]["draw"], **values}}}

    assert said(body, tmp_path)[0] == 0
    assert said(redrawn(seed=2), tmp_path)[0] == 1
    assert said(redrawn(key=1), tmp_path)[0] == 1
    assert said(redrawn(width=200), tmp_path)[0] == 1
    for wrong in ({"seed": -1}, {"seed": 2**32}, {"key": 1.5}, {"width": 0}, {"width": 2**40}, {"init": "other"},
                  {"init": "antisymmetric", "width": 999}, {"init": 3}, {"more": 1}):  # fmt: skip
        assert said(redrawn(**wrong), tmp_path)[0] == 2, wrong
    assert said({**body, "claim": {**body["claim"], "allowed": 10**9}}, tmp_path)[0] == 2
    assert said({**body, "problem": {**body["problem"], "start": "state"}}, tmp_path)[0] == 2
    lie = {**body, "statement": body["statement"].replace("seed 1", "seed 2")}
    write({**lie, "digest": digest(lie)}, tmp_path / "lie.json")
    assert confirm.objection(tmp_path / "lie.json").startswith("no certificate: ")


def test_wide_networks_of_a_study_are_stated_by_their_seed(monkeypatch):
    data = nag_ntk.sphere(5, 50)
    method = nag_ntk.theorem_tuning("nesterov", data)
    monkeypatch.setattr(networks, "MAX_PAIRS", 4999)
    one = networks.case(data, method, 1000, 1, run="wide")
    assert one.problem == proved().problem
    assert (one.width, one.name) == (1000, "wide nesterov seed 1")
    with pytest.raises(ProblemError, match="the run of 1000 neurons on 5 samples is not followed"):
        networks.followable(one)
    monkeypatch.setattr(networks, "tolerance", lambda weights: 0 * weights)
    with pytest.raises(ProblemError, match="JAX draws other weights"):
        networks.case(data, method, 1000, 1)
