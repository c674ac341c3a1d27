"""Each inequality of the rechecker on an instance where it matters: distance, growth, calm and errors.

The oracles are exact training and blocks N(z). Signs are in test_inequalities_signs.py, all later steps in
test_inequalities_ahead.py.
"""

import math
import tempfile
from contextlib import nullcontext
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from exact_training import train
from flint import arb, arb_mat, ctx
from networks import INPUTS, METHODS, attempt, network
from test_inequalities import MOMENTUM, block, exact

from proofs_check.rigor.certificates import recheck
from proofs_check.rigor.certificates.certificate import body_of, write
from proofs_check.rigor.certificates.contraction import Contraction, contraction
from proofs_check.rigor.certificates.problem import Problem
from proofs_check.rigor.certificates.prove import Proof
from proofs_check.rigor.certificates.shadow import best_metric

SIZE = Fraction(9, 4)  # of the rows of `linear`, squared: H = SIZE times the identity


def read(problem, bits=300, calm=()):
    """A certificate of this problem as the rechecker reads it; its claims are for the test to set."""
    found = Contraction(0.5, 1.0, 0.5, 0.0)
    steps = max((step for step, *_ in calm), default=0)  # nothing is claimed of a later one
    proof = Proof(problem, bits, 0, steps, 0, (), found, 1.0, {}, best_metric(problem, 2.5), tuple(calm))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.json"
        write(body_of(proof), path)
        return recheck.Certificate(path)


def linear(name, width=4, **changes):
    """Orthogonal rows and neurons that are active on both: H is SIZE times the identity, and its row sums are exact."""
    row = Fraction(3, 2)
    signs = tuple(1 - 2 * (r % 2) for r in range(width))
    weights = tuple((1.0 + r, 2.0 + r * r) for r in range(width))
    problem = Problem(((row, Fraction(0)), (Fraction(0), row)), (0.5, -0.25), weights, signs, *METHODS[name])
    return problem._replace(**changes)


def blind(run):
    """No sign is looked at."""
    n, m = run.net.n, run.net.m
    run.limits, run.horizon = [[math.inf] * m for _ in range(n)], [math.inf] * n
    run.candidates = [set() for _ in range(n)]
    return run


def form_of(run):
    cross, weight = run.net.metric
    return np.array([[1.0, cross], [cross, weight]])


@pytest.mark.parametrize("name", MOMENTUM)
@pytest.mark.parametrize("metric", [None, [-0.5, 1.0], [2.0, 30.0]])
def test_the_distance_against_the_worst_it_may_meet(name, metric):
    """(7) on blocks: in and out of the form, spectra that push outwards, errors that drive outwards."""
    problem = linear(name)
    net = read(problem)
    net.metric = metric or net.metric
    scale = math.sqrt(len(problem.weights) * SIZE)
    gain, turn = float(problem.eta * (1 + problem.gamma)), float(problem.beta * (1 + problem.gamma) - problem.gamma)
    drive = scale * np.array([gain, abs(float(problem.eta) * turn)])
    with ctx.workprec(200):
        form = form_of(recheck.Run(net))
        sizes, axes = np.linalg.eigh(form)

        def length(e):
            return float(np.sqrt(e @ form @ e))

        for start in axes.T:
            run, e = blind(recheck.Run(net)), start
            run.form = arb(length(e))
            for t in range(60):
                assert np.linalg.norm(e) <= float(run.distance()) * (1 + 1e-12)
                assert length(e) <= float(run.form) * (1 + 1e-12)
                run.e_xi, run.e_h = arb(1e-3 + t % 3), arb(0)
                e = max((block(problem, z) @ e for z in (0.0, float(problem.eta * SIZE))), key=length)
                defect = (1e-3 + t % 3) * drive
                e = max((e + defect * [a, b] for a, b in product((-1, 1), repeat=2)), key=length)
                run.step()
        run = blind(recheck.Run(net))
        run.form, run.e_xi = arb(0), arb(1)  # from nothing, in one step
        run.step()
        assert max(length(drive), length(drive * [1, -1])) <= float(run.form) * (1 + 1e-12)
        assert sizes[0] > 0


def test_the_distance_of_gradient_descent_with_a_large_step():
    """eta |H| - 1 = 3.5 a step, and what errors add."""
    problem = linear("gradient descent", eta=Fraction(2))
    with ctx.workprec(300):
        run, far = blind(recheck.Run(read(problem))), 1.0
        run.form = arb(1)
        for _ in range(20):
            run.e_xi = arb(0.25)
            far = 3.5 * far + math.sqrt(4 * SIZE) * 2 * 0.25
            run.step()
            assert far <= float(run.distance()) * (1 + 1e-12)


@pytest.mark.parametrize("name", MOMENTUM)
def test_the_growth_is_that_of_the_worse_end(name):
    """In forms that are not the best, where the ends differ."""
    problem, ends = linear(name), set()
    for metric, high in product(([0.0, 1.0], [0.5, 4.0], [-0.5, 1.0], [2.0, 30.0]), (0.2, 6.0)):
        net = read(problem)
        net.metric = metric
        with ctx.workprec(200):
            run = recheck.Run(net)
            run.H = arb_mat([[high, 0], [0, high / 2]])
            run.update_gram(())
        root = np.linalg.cholesky(form_of(run)).T
        sizes = [
            np.linalg.norm(root @ block(problem, float(problem.eta) * x) @ np.linalg.inv(root), 2)
            for x in np.linspace(0.0, high, 50)
        ]
        ends.add(int(np.argmax(sizes)))
        assert max(sizes) <= float(run.growth) * (1 + 1e-12)  # 2 x 2 products in float64
    assert ends == {0, 49}


def test_a_bound_on_h_counts_every_entry_and_a_form_must_be_one():
    net = read(linear("nesterov"))
    with ctx.workprec(200):
        run = recheck.Run(net)
        for entries in ([[1.0, -0.75], [-0.75, 0.5]], [[0.5, 0.75], [0.75, 1.0]]):
            run.H = arb_mat(entries)
            run.update_gram(())
            assert np.linalg.norm(np.array(entries), 2) <= float(run.H_norm)
            assert np.linalg.norm(np.array(entries), 2) <= (float(run.scale) ** 2 / 4) * (1 + 1e-12)
        for metric in ([2.0, 1.0], [1.0, 1.0], [0.0, 0.0]):
            net.metric = metric
            with pytest.raises(recheck.Unproved, match="positive definite"):
                recheck.Run(net)


def test_what_the_momentum_starts_with_is_known_only_so_well():
    """Q(0) is a number, what it stands for a ball: the distance begins with that, in the form."""

    class Vague(recheck.Run):
        def outputs(self, *given):
            return [x + arb(0, 0.5) for x in super().outputs(*given)]

    net = read(linear("nesterov"))
    net.metric = [0.0, 64.0]
    with ctx.workprec(200):
        off = float(linear("nesterov").eta * linear("nesterov").gamma) * 0.5 * math.sqrt(2)
        assert 8 * math.sqrt(4 * SIZE) * off <= float(Vague(net).form) * (1 + 1e-12)


def edge(beta):
    """Heavy ball at the end of stability: the powers grow by the shear before they shrink."""
    return linear("heavy ball", eta=Fraction((1 + math.sqrt(beta)) ** 2) / SIZE, beta=Fraction(beta))


NILPOTENT = linear("nesterov", eta=1 / SIZE, beta=Fraction(9, 10), gamma=Fraction(9, 10))


@pytest.mark.parametrize("problem", [edge(0.8), edge(0.9), NILPOTENT], ids=["0.8", "0.9", "eigenvalue 0"])
def test_powers_where_the_pattern_rests(problem):
    """Of the block of H, and of that of the eigenvalue 0 which J J^T has besides: what e may become, step by step."""
    found = contraction(problem.eta, problem.beta, problem.gamma, 0.9999 * float(SIZE), float(SIZE))
    assert found is not None
    net = read(problem, calm=[(0, found)])
    blocks = [block(problem, z) for z in (0.0, float(problem.eta * SIZE))]
    scale, turn = math.sqrt(4 * SIZE), problem.beta * (1 + problem.gamma) - problem.gamma
    drive = scale * np.array([float(problem.eta * (1 + problem.gamma)), float(problem.eta * abs(turn))]) * 0.25
    with ctx.workprec(300):
        worst = 0.0
        for late in (False, True):  # there from the beginning, or from one error, later
            run = blind(recheck.Run(net))
            run.form = arb(0 if late else 1)
            powers = [np.zeros((2, 2)) if late else float(run.distance()) * np.eye(2)] * 2
            for t in range(120):
                run.e_xi = arb(0.25 if late and t == 3 else 0)
                run.step()
                powers = [np.diag(drive) if late and t == 3 else n @ p for n, p in zip(blocks, powers, strict=True)]
                if late:
                    sizes = [np.linalg.norm(p @ [a, b]) for p in powers for a, b in ((1, 1), (1, -1))]
                else:
                    sizes = [np.linalg.norm(p, 2) for p in powers]
                    worst = max(worst, *sizes)
                assert max(sizes) <= float(run.distance()) * (1 + 1e-12)
                assert not late or t != 3 or float(run.rest) >= np.linalg.norm(drive) * (1 - 1e-12)
            assert run.at_rest
            assert late or worst > 2


def test_a_stretch_of_rest_needs_a_rate_that_holds():
    problem = linear("heavy ball")
    numbers = problem.eta, problem.beta, problem.gamma
    found = contraction(*numbers, 0.9999 * float(SIZE), float(SIZE))
    beyond = contraction(*numbers, 1.0001 * float(SIZE), 1.1 * float(SIZE))
    assert found is not None
    assert beyond is not None
    wrong = (
        (found._replace(rate=found.rate * (1 - 1e-6)), "the rate"),
        (found._replace(shear=found.shear * (1 - 1e-6)), "the rate"),
        (beyond, "eigenvalues"),
    )
    for claim, why in wrong:
        with ctx.workprec(200):
            run = blind(recheck.Run(read(problem, calm=[(0, claim)])))
            with pytest.raises(recheck.Unproved, match=why):
                run.step()


@pytest.mark.parametrize("name", MOMENTUM)
def test_rest_ends_with_a_change_of_sign(name):
    """Back in the form, in whichever direction e points."""
    with ctx.workprec(300):
        run, ended = recheck.Run(read(network(16, name, 10))), 0
        longest = math.sqrt(np.linalg.eigvalsh(form_of(run))[1])
        for _ in range(30):
            run.at_rest, run.power_bound, run.rest, run.form = True, arb(3), arb(2) ** -60, arb(0)
            before = len(run.flips)
            run.step()
            if len(run.flips) > before:
                ended += 1
                assert not run.at_rest
                assert longest * 3 * 2.0**-60 <= float(run.form) * (1 + 1e-12)
                assert 3 * 2.0**-60 <= float(run.distance()) * (1 + 1e-12)
        assert ended


def enlarged(run, distance):
    """Say that the exact run may start this far away, in weights times sqrt m."""
    run.form += distance * (1 if run.net.gradient_descent else (1 + run.weight).sqrt())


def placed(run, off):
    """Say that weights and momentum of the exact run may be exactly this far away."""
    run.form = off / (arb(1) if run.net.gradient_descent else ((1 + run.weight) / run.gap).sqrt())


def refused(why):
    """A context in which the rechecker must give up for this reason; without one it must not."""
    return pytest.raises(recheck.Unproved, match=why) if why else nullcontext()


@pytest.mark.parametrize("name", METHODS)
def test_a_run_from_other_weights_stays_within_the_distance(name):
    """(7): another network takes the place of the exact run; flips, rest and all. So does its residual."""
    problem, neuron, shift = network(16, name, 10), 7, Fraction(1, 1 << 40)
    row = tuple(Fraction(x) + shift for x in problem.weights[neuron])
    other = problem._replace(weights=(*problem.weights[:neuron], row, *problem.weights[neuron + 1 :]))
    proof = attempt(problem)
    assert proof is not None
    with ctx.workprec(300):
        run = recheck.Run(read(problem, calm=proof.calm))
        enlarged(run, 4 * exact(shift) * arb(2).sqrt() * (1 + arb(2) ** -50))
        for t, (residual, pattern, weights) in enumerate(train(other, 60, bits=300)):
            if t:
                run.step()
            assert [[i in samples for i in range(3)] for samples in run.active] == pattern
            for (i, x), (r, w) in product(enumerate(INPUTS), enumerate(weights)):
                value = 4 * sum(Fraction(a) * Fraction(b) for a, b in zip(w, x, strict=True))
                assert abs(run.value(r, i) - exact(value)) <= run.lengths[i] * run.distance()
            assert all(
                abs(x - exact(y)) <= run.residual_error() for x, y in zip(run.xi.entries(), residual, strict=True)
            )
        assert run.flips


@pytest.mark.parametrize("name", MOMENTUM)
def test_an_error_in_the_momentum_part_reaches_the_residual(name):
    """(6): whatever h is off by at the start adds up in xi, and the bound on xi says so at every step."""
    problem = network(16, name, 10)
    with ctx.workprec(300):
        run, off = recheck.Run(read(problem)), arb(2) ** -60
        for i in range(3):
            run.h[i, 0] += off
        run.e_h += off * arb(3).sqrt()
        for _ in range(30):
            run.step()
            up = [[run.value(r, i).max(arb(0)) * problem.signs[r] for r in range(16)] for i in range(3)]
            shadow = [sum(row, arb(0)) / 16 - exact(y) for row, y in zip(up, problem.targets, strict=True)]
            size = sum(((a - b) ** 2 for a, b in zip(shadow, run.xi.entries(), strict=True)), arb(0)).sqrt()
            assert off < size <= run.e_xi
            assert size <= run.residual_error()
        assert run.flips


def test_radii_and_what_s_and_q_are_rounded_by_are_counted():
    """(6) and (7), with balls of known radius, and with S and Q so large that their rounding is seen."""
    problem, wide = linear("nesterov"), arb(0, 2.0**-30)
    with ctx.workprec(80):
        run = recheck.Run(read(problem))
        old = run.e_xi, run.e_h
        run.set_state(*(arb_mat(2, 1, [x + wide for x in y.entries()]) for y in (run.xi, run.h)))
        for before, now in zip(old, (run.e_xi, run.e_h), strict=True):
            assert now >= before + arb(2).sqrt() * 2.0**-30
    for opposed in (False, True):  # where S + Q is small only what Q is rounded by is left
        with ctx.workprec(80):
            run = blind(recheck.Run(read(problem)))
            for i in range(2):
                run.Q[i, 0] = ((arb(2) ** 40 + i) / 3).mid()
                run.S[i, 0] = -run.Q[i, 0] if opposed else arb(2) ** 40 + 1
            total, speed, xi = run.S * 1, run.Q * 1, run.xi * 1
            run.form = run.rest = arb(0)
            run.step()
        with ctx.workprec(400):
            eta, beta, gamma = (exact(x) for x in (problem.eta, problem.beta, problem.gamma))
            lift = eta * (beta * (1 + gamma) - gamma)
            lost = run.S - (total + speed + eta * (1 + gamma) * xi), run.Q - (beta * speed + lift * xi)
            first, second = (sum((x**2 for x in y.entries()), arb(0)).sqrt() for y in lost)
        assert second > 2.0**-45
        assert opposed or first > 2.0**-45
        assert run.e_xi >= exact(SIZE) * first
        assert run.e_h >= exact(SIZE) * second
        assert run.rest >= 3 * (first**2 + second**2).sqrt()  # sqrt(m |H|) = 3
        assert run.form >= 3 * max(first, arb(run.net.metric[1]).sqrt() * second, key=float)


def test_floats_are_beyond_what_they_stand_for():
    """Limits are floats; a sum of them is moved outwards, and a value by as much as its radius."""
    for value in (arb(1) / 3, -arb(1) / 3, arb(1), arb(2, 2.0**-40), arb(0), arb(0, 1)):
        assert arb(recheck.above(value)) > value
        assert recheck.above(value) >= float(value.upper())
