"""The inequalities about all later steps on instances where they matter: of the rechecker, and of the maker's closure.

The oracles are the recursion of S and Q with residuals as large as they may be, and residuals of known size.
"""

import math
from itertools import product

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from networks import METHODS, network
from test_inequalities_recheck import SIZE, linear, placed, read, refused
from test_inequalities_signs import uneven

from proofs_check.rigor.certificates import recheck
from proofs_check.rigor.certificates.closure import remaining
from proofs_check.rigor.certificates.contraction import Contraction, contraction
from proofs_check.rigor.certificates.flow import Flow

RATES = [(2.0**-20, 0.0), (0.9, 0.0), (0.9, 1.5)]
SHARES = [(1.0, 1e-9, 1e-9), (1e-9, 1.0, 1e-9), (1e-9, 1e-3, 1.0), (1.0, 1.0, 1.0)]  # of |Q|, of |xi|, of |e|


def way(problem, row, speed, energy, rate, shear, off):
    """How far a sample may come: Q and every residual along its row of K, e in the worst direction."""
    eta, beta, gamma = (float(x) for x in (problem.eta, problem.beta, problem.gamma))
    unit, s, most = row / np.linalg.norm(row), np.zeros(len(row)), 0.0
    q = speed * unit
    for k in range(400):
        xi = (rate**k + (shear * k * rate ** (k - 1) if k else 0.0)) * energy * unit
        s, q = s + q + eta * (1 + gamma) * xi, beta * q + eta * (beta * (1 + gamma) - gamma) * xi
        most = max(most, abs(row @ s))
    return most, off * math.sqrt(1 + (1 / (1 - beta)) ** 2 if beta else 1.0)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize(("rate", "shear"), RATES)
def test_no_lock_in_within_reach_of_what_may_still_move(name, shares, rate, shear, monkeypatch):
    """A limit just below the way is refused, one well above it is not; the maker's bound is no smaller."""
    problem = uneven(network(16, name, 10))
    speed, size, off = shares if problem.beta else (0.0, *shares[1:])
    with ctx.workprec(200):
        run, flow = recheck.Run(read(problem)), Flow(problem, 200)
        run.moved = [0.5] * 3
        run.xi = run.h = flow.residual = flow.momentum = arb_mat(3, 1)
        placed(run, off)
        run.e_xi, run.e_h = arb(size), arb(0)
        flow.distance._form, flow.error, flow.momentum_error = off / flow.distance._out, arb(size), arb(0)
        energy = float(run.residual_error())
        assert energy == pytest.approx(float(flow.energy()))
        run.net.bounds = [0.5, 1.0, rate, shear, energy * (1 + 1e-12)]
        monkeypatch.setattr(recheck, "contracts", lambda run, *claims: None)  # any rate will do
        run.watch = lambda r, i, value: None  # and the limits are those below
        for i, kernel in enumerate(run.K):
            row = np.array([float(x) for x in kernel])
            most, away = way(problem, row, speed, energy, rate, shear, off)
            most += away * math.sqrt(row[i])
            unit = row / np.linalg.norm(row) * speed
            run.Q = flow.speed = arb_mat([[x] for x in unit.tolist()])
            for share in (1 - 1e-9, 2.5):
                run.limits = [[math.inf] * 16 for _ in range(3)]
                run.limits[i][4] = 0.5 + share * most
                with refused(f"neuron 4 never changes on sample {i} again" if share < 1 else ""):
                    recheck.conclude(run)
            assert most <= remaining(flow, Contraction(0.5, 1.0, rate, shear))[i] <= 2.5 * most


def test_nothing_left_is_not_enough_where_floats_are_coarse(monkeypatch):
    """At 2^53 a way of a half does not show in a sum of floats."""
    with ctx.workprec(200):
        run = recheck.Run(read(network(16, "nesterov", 10)))
        run.moved, run.limits = [2.0**53] * 3, [[math.inf] * 16 for _ in range(3)]
        run.xi = run.h = run.Q = arb_mat(3, 1)
        run.net.bounds = [0.5, 1.0, 0.5, 0.0, 0.0625]
        monkeypatch.setattr(recheck, "contracts", lambda run, *claims: None)
        run.watch = lambda r, i, value: None
        for left, enough in ((0.0, False), (2.0, False), (4.0, True)):
            run.limits[1][4] = 2.0**53 + left
            with refused("" if enough else "never changes"):
                recheck.conclude(run)


def test_only_pairs_that_slide_may_be_within_reach(monkeypatch):
    """A pair said to slide needs no margin, and lends none to another, of the same neuron or sample."""
    with ctx.workprec(200):
        run = recheck.Run(read(network(16, "gradient descent", 10)))
        run.net.bounds = [0.5, 1.0, 0.5, 0.0, 8.0]
        monkeypatch.setattr(recheck, "slides", lambda run, *claims: None)
        run.watch = lambda r, i, value: None
        run.net.sliding = {(4, 1)}
        for pair, why in (((4, 1), ""), ((4, 2), "neuron 4 never"), ((5, 1), "neuron 5 never")):
            run.limits = [[math.inf] * 16 for _ in range(3)]
            run.limits[pair[1]][pair[0]] = 0.0
            with refused(why):
                recheck.conclude(run)


def test_limits_are_those_of_now(monkeypatch):
    """A limit may be of long ago: the pair is looked at again, and what is left may be too little."""
    with ctx.workprec(200):
        run = recheck.Run(read(network(16, "nesterov", 10)))
        monkeypatch.setattr(recheck, "contracts", lambda run, *claims: None)
        run.net.bounds = [0.5, 1.0, 0.5, 0.0, 1e-3 + float(run.residual_error()) + 4.0]
        with pytest.raises(recheck.Unproved, match="never changes"):
            recheck.conclude(run)


@pytest.fixture
def any_rate(monkeypatch):
    monkeypatch.setattr(recheck, "contracts", lambda run, *claims: None)


def settled(name, **changes):
    """A run of a linear network at step 0 that only has its energy to show."""
    run = recheck.Run(read(linear(name, **changes)))
    run.limits = [[math.inf] * 4 for _ in range(2)]
    return run


def claim(run, energy):
    run.net.bounds = [0.5, 1.0, 0.5, 0.0, energy]
    recheck.conclude(run)


@pytest.mark.usefixtures("any_rate")
@pytest.mark.parametrize("part", ["xi", "h"])
def test_the_energy_counts_residual_and_momentum_and_their_errors(part):
    """What is kept is less than what is true by as much as its error says."""
    true, less = [3.0, -4.0], 1 - 2.0**-20
    with ctx.workprec(200):
        run, error = settled("nesterov"), arb(5) * 2.0**-20
        kept, zero = arb_mat([[x * less] for x in true]), arb_mat(2, 1)
        run.xi, run.h = (kept, zero) if part == "xi" else (zero, kept)
        run.e_xi, run.e_h = (error, arb(0)) if part == "xi" else (arb(0), error)
        claim(run, 5.0 * (1 + 1e-12))
        with pytest.raises(recheck.Unproved, match="the energy"):
            claim(run, 5.0 * (1 - 1e-12))


@pytest.mark.usefixtures("any_rate")
def test_the_energy_counts_both_parts_together():
    with ctx.workprec(200):
        run = settled("nesterov")
        run.xi, run.h, run.e_xi = arb_mat([[3.0], [0.0]]), arb_mat([[0.0], [4.0]]), arb(0)
        claim(run, 5.0 * (1 + 1e-12))
        with pytest.raises(recheck.Unproved, match="the energy"):
            claim(run, 5.0 * (1 - 1e-12))


@pytest.mark.usefixtures("any_rate")
def test_the_energy_counts_the_distance():
    """Weights that lie away in the direction of the residual: H is a multiple of the identity, so nothing is lost."""
    with ctx.workprec(200):
        run = settled("gradient descent")
        size = float(run.xi.entries()[0] ** 2 + run.xi.entries()[1] ** 2) ** 0.5
        run.form = arb(0.25)
        with pytest.raises(recheck.Unproved, match="the energy"):
            claim(run, size + math.sqrt(SIZE / 4) * 0.25 * (1 - 1e-9))
        claim(run, size + math.sqrt(SIZE / 4) * 0.25 * (1 + 1e-9))


@pytest.mark.parametrize("name", METHODS)
def test_a_rate_counts_both_ends_and_is_below_1(name, monkeypatch):
    """What the maker shows is confirmed; the ends of the spectrum taken one at a time are not."""
    problem = linear(name)
    numbers = problem.eta, problem.beta, problem.gamma
    with ctx.workprec(200):
        run = recheck.Run(read(problem))
        monkeypatch.setattr(recheck, "positive_definite", lambda matrix: True)  # eigenvalues are another matter
        for low, high in product((0.05, 0.2), (1.0, 2.5)):
            found = contraction(*numbers, low, high)
            assert found is not None
            recheck.contracts(run, *map(arb, found))
            radius = max(
                max(abs(np.linalg.eigvals(np.array([[1 - float(1 + problem.gamma) * z, 1.0], [-turn * z, beta]]))))
                if beta
                else abs(1 - z)
                for z in np.linspace(low, high, 200) * float(problem.eta)
                for beta, turn in [(float(problem.beta), float(run.ell / run.eta))]
            )
            wrong = {"rate": radius * (1 - 1e-7), "shear": -1000.0}
            for name, value in wrong.items():
                with pytest.raises(recheck.Unproved, match="rate"):
                    recheck.contracts(run, *map(arb, found._replace(shear=1000.0)._replace(**{name: value})))
