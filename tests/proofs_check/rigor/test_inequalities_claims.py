"""What the rechecker must not take for shown: enclosures, distances and contractions on instances where they matter.

The oracles are residuals of known size, and sequences of sizes as large as they may be.
"""

import json
import math

import pytest
from flint import arb, ctx
from networks import METHODS, attempt, network
from test_inequalities_recheck import linear, placed, read

from proofs_check.rigor.certificates import recheck
from proofs_check.rigor.certificates.certificate import body_of, digest, write


@pytest.fixture
def no_conclusion(monkeypatch):
    monkeypatch.setattr(recheck, "conclude", lambda run: None)


class Off(recheck.Run):
    """A run whose residual is kept with an error, in every sample, of which it knows: its own, or by its distance."""

    shift, distant = 2.0**-20, False

    def __init__(self, net):
        super().__init__(net)
        self.true = self.xi * 1
        for i in range(net.n):
            self.xi[i, 0] += self.shift
        far = abs(self.shift) * arb(net.n).sqrt()
        if self.distant:
            placed(self, far * (net.m / self.H_norm).sqrt())
        else:
            self.e_xi += far


@pytest.mark.usefixtures("no_conclusion")
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("distant", [False, True], ids=["error", "distance"])
def test_enclosures_and_distances_count_the_error(distant, side, monkeypatch):
    """Claims that hold of what is kept and of nothing else, on either side."""
    monkeypatch.setattr(Off, "distant", distant)
    monkeypatch.setattr(Off, "shift", side * 2.0**-20)
    monkeypatch.setattr(recheck, "Run", Off)
    with ctx.workprec(200):
        net = read(network(16, "nesterov", 10))
        kept, near, far = [float(x) for x in Off(net).xi.entries()], 2.0**-22, 2.0**-18
        ends = [near if side > 0 else far, far if side > 0 else near]  # the truth is on the side of the near end
        net.enclosures = {0: [[x - ends[0] for x in kept], [x + ends[1] for x in kept]]}
        with pytest.raises(recheck.Unproved, match="the residual at step 0, sample 0"):
            recheck.verify(net)
        net.enclosures = {0: [[x - far for x in kept], [x + far for x in kept]]}
        recheck.verify(net)
        for distance, row in ((near, kept), (far, [x + side * 2 * far for x in kept])):
            net.distance, net.simulated = distance, [row]
            with pytest.raises(recheck.Unproved, match="the residual at step 0, sample 0"):
                recheck.verify(net)
        net.distance, net.simulated = far, [kept]
        recheck.verify(net)


@pytest.mark.usefixtures("no_conclusion")
def test_the_float64_run_is_looked_at_to_its_end():
    with ctx.workprec(200):
        net = read(network(16, "nesterov", 10))
        run, net.applied, net.distance = recheck.Run(net), 5, 2.0**-40
        for _ in range(4):
            net.simulated.append([float(x) for x in run.xi.entries()])
            run.step()
        recheck.verify(net)
        net.simulated[3][2] += 2.0**-39
        with pytest.raises(recheck.Unproved, match="the residual at step 3, sample 2"):
            recheck.verify(net)


@pytest.mark.usefixtures("no_conclusion")
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("side", [-1, 1])
def test_sizes_along_the_run_hold_of_the_exact_residual(name, side, monkeypatch):
    """They count the error as well, in both directions."""
    seen = []
    monkeypatch.setattr(Off, "shift", side * 2.0**-20)
    monkeypatch.setattr(recheck, "Run", Off)
    monkeypatch.setattr(recheck, "shrinks", lambda net, path: seen.extend(path))
    with ctx.workprec(200):
        net = read(network(16, name, 10))
        recheck.verify(net)
        size = sum((x * x for x in Off(net).true.entries()), arb(0)).sqrt()
    assert len(seen) == 1
    assert seen[0][0] <= size <= seen[0][1]
    assert seen[0][0] < seen[0][1]


def sizes(path, energy, rate, shear):
    """|xi(t)|, as large as it may be after the last step of the path."""
    return path + [(rate**k + shear * k * rate ** (k - 1)) * energy for k in range(1, 200)]


PATHS = [[1.0], [1.0, 3.0, 0.5], [1.0, 0.25, 0.125], [1.0, 0.9, 0.8, 2.0], [1.0, 1.0, 1.0]]


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("path", PATHS, ids=range(5))
@pytest.mark.parametrize(("rate", "shear"), [(0.5, 0.0), (0.999, 0.0), (0.9, 1.0), (0.5, 2.0), (0.1, 1.0)])
def test_no_contraction_that_some_step_exceeds(plain, path, rate, shear):
    """(11): the least prefactor with which it holds of these sizes, less a thousandth, is refused."""
    for rho in (1 - (1 - rate) * 0.1, 1 - (1 - rate) * 0.5, rate + (1 - rate) * rate * 0.1):
        energy = path[-1]
        claims = read(linear("nesterov"))
        claims.gradient_descent, claims.bounds = plain, [0.5, 1.0, rate, shear, energy]
        found = sizes(path, energy, rate, shear)
        pairs = zip(found, found[:1] + found, strict=False)
        both = [x if plain else math.hypot(x, y) for x, y in pairs]
        least = max(x / (rho**t * both[0]) for t, x in enumerate(both))
        known = [(arb(x), arb(x)) for x in path]
        for factor in (0.999, 500):
            claims.contraction = [[least * factor, rho]]
            if factor < 1:
                with pytest.raises(recheck.Unproved, match="contraction"):
                    recheck.shrinks(claims, known)
            else:
                recheck.shrinks(claims, known)
        for wrong in (rate * 0.99, rate):  # no prefactor will do
            claims.contraction = [[1e6, wrong]]
            with pytest.raises(recheck.Unproved, match="contraction"):
                recheck.shrinks(claims, known)
        claims.contraction, claims.start = [[1e3, rho]], "state"  # xi(-1) is another
        with pytest.raises(recheck.Unproved, match="start"):
            recheck.shrinks(claims, known)


def test_what_is_known_of_the_first_and_of_later_sizes_counts_for_the_worst():
    """|V(0)| may be the smaller end, every later one the larger."""
    claims = read(linear("nesterov"))
    claims.gradient_descent, claims.bounds, claims.contraction = True, [0.5, 1.0, 0.5, 0.0, 1e-6], [[1.5, 0.9]]
    for path in ([(0.5, 1.0), (1.0, 1.0)], [(1.0, 1.0), (1.0, 2.0)]):
        with pytest.raises(recheck.Unproved, match="the contraction at step 1"):
            recheck.shrinks(claims, [(arb(a), arb(b)) for a, b in path])
    claims.gradient_descent = False
    for path in ([(1.0, 4.0), (0.1, 0.1)], [(1.0, 1.0), (0.1, 4.0), (0.1, 0.1)]):
        with pytest.raises(recheck.Unproved, match="the contraction at step"):
            recheck.shrinks(claims, [(arb(a), arb(b)) for a, b in path])


STRANGE = {
    "before the start": {"enclosures": {"-1": ["0x0p+0 0x0p+0 0x0p+0"] * 2}},
    "twice, once wrong": {"enclosures": {"00": ["0x0p+0 0x0p+0 0x0p+0"] * 2, "0": ["-0x1p+9 " * 3, "0x1p+9 " * 3]}},
    "half a step": {"applied": 50.5},
    "half a flip": {"flips": 7.5},
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_would_not_be_looked_at_cannot_be_stated(name, tmp_path, capsys):
    """An enclosure at no step, or hidden by another, and counts that would be rounded."""
    proof = attempt(network(16, "nesterov", 10))
    assert proof is not None
    body = body_of(proof)
    body["claim"].update(STRANGE[name])
    write({**body, "digest": digest(body)}, tmp_path / "file.json")
    assert recheck.main([str(tmp_path / "file.json")]) == 2
    assert "no certificate" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["claim", "enclosures"])
def test_nothing_is_stated_twice(place, tmp_path, capsys):
    """Of two values with one name a parser keeps the last, a reader may see the first."""
    proof = attempt(network(16, "nesterov", 10))
    assert proof is not None
    body = body_of(proof)
    text, name = json.dumps(body), "rate" if place == "claim" else "0"
    (tmp_path / "file.json").write_text(text)
    assert recheck.main([str(tmp_path / "file.json")]) == 0
    twice = text.replace(f'"{place}": {{', f'"{place}": {{"{name}": "0x1p-4", ', 1)
    assert json.loads(twice) == body
    (tmp_path / "file.json").write_text(twice)
    assert recheck.main([str(tmp_path / "file.json")]) == 2
    assert "no certificate" in capsys.readouterr().out
