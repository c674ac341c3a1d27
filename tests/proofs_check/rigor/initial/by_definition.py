"""The bounds of a certificate at initialisation by their definitions, in NumPy: sums over the past, no recursion.

Written from docs/initial-certificates.md, not from the code: convolutions are sums, filters act on whole sequences.
"""

from typing import NamedTuple

import numpy as np

from proofs_check.rigor.certificates.contraction import Contraction
from proofs_check.rigor.certificates.problem import Problem
from proofs_check.rigor.initial.prove import InitialProof


class Case(NamedTuple):
    """A problem as float arrays: inputs, targets, weights, signs, and p, l, beta, c."""

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    signs: np.ndarray
    p: float
    l: float  # noqa: E741
    beta: float
    push: float

    @classmethod
    def of(cls, problem: Problem) -> "Case":
        eta, beta, gamma = (float(x) for x in (problem.eta, problem.beta, problem.gamma))
        rows = [np.array([[float(x) for x in row] for row in part]) for part in (problem.inputs, problem.weights)]
        return cls(
            rows[0], np.array([float(y) for y in problem.targets]), rows[1], np.array(problem.signs, float),
            eta * (1 + gamma), eta * (beta * (1 + gamma) - gamma), beta, eta * gamma * (problem.start == "gradient"),
        )  # fmt: skip


def train(problem: Problem, steps: int):
    """Train in float64 with the filters of every neuron: residuals (T+1, n) and patterns (T+1, m, n)."""
    case = Case.of(problem)
    m = len(case.weights)
    kernel, scale = case.inputs @ case.inputs.T, case.signs[:, None] / np.sqrt(m)
    z, c, residuals, patterns = case.weights @ case.inputs.T, 0.0, [], []
    momentum = None
    for _ in range(steps + 1):
        now = z - scale * (c @ kernel if momentum is not None else 0.0)
        active = now >= 0
        xi = (scale * np.maximum(now, 0)).sum(axis=0) - case.targets
        residuals.append(xi)
        patterns.append(active)
        if momentum is None:
            c, momentum = np.zeros_like(z), -case.push * active * xi
        c, momentum = c + momentum + case.p * active * xi, case.beta * momentum + case.l * active * xi
    return np.array(residuals), np.array(patterns)


def weights_of_filter(case: Case, length: int, *, size: bool = False) -> np.ndarray:
    """w(k): what an impulse adds to the filter k steps later, w(0) = 0; with `size` for the majorant, |l|."""
    lift = abs(case.l) if size else case.l
    return np.array([0.0, case.p, *(lift * case.beta ** (k - 2) for k in range(2, length))])[:length]


def kernels(case: Case, gram: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """The responses at the lags 0, ..., length-1: Y = I - H R by its changes, which keep small numbers exact; sums."""
    n, w = len(gram), weights_of_filter(case, length)
    Y, dR = np.zeros((length, n, n)), np.zeros((length, n, n))
    Y[0] = np.eye(n)
    for k in range(1, length):
        dR[k] = np.tensordot(w[k:0:-1], Y[:k], 1)
        Y[k] = Y[k - 1] - gram @ dR[k]
    R = np.cumsum(dR, axis=0)

    def convolved(of, by):
        return np.array([0 * of[0], *(np.tensordot(by[k:0:-1], of[:k], 1) for k in range(1, length))])

    decay = np.array([0.0, *(case.beta ** (k - 1) for k in range(1, length))])
    found = {"Y": Y, "R": R, "dR": dR} | {
        name + "_W": convolved(of, w) for name, of in (("Y", Y), ("R", R), ("dR", dR))
    }
    found |= {"Z": convolved(Y, decay), "dZ": convolved(dR, decay)}
    return found | {name + "H": found[name] @ gram for name in ("Z", "dZ")}


class Bounds(NamedTuple):
    """At the steps 0, ..., T: X, dS, M, Q, V, e, mu, and the pairs that may have flipped, (T+1, m, n)."""

    X: np.ndarray
    dS: np.ndarray
    M: np.ndarray
    Q: np.ndarray
    V: np.ndarray
    e: np.ndarray
    flipped: np.ndarray
    gram: np.ndarray
    path: np.ndarray


def counts(case: Case, flipped: np.ndarray):
    """|K| C / m, |K| E / m, |K| D / m, pair by pair."""
    m, n = len(case.weights), len(case.targets)
    active = case.weights @ case.inputs.T >= 0
    size, found = np.abs(case.inputs @ case.inputs.T), np.zeros((3, n, n))
    for i in range(n):
        for j in range(n):
            found[0, i, j] = (active[:, i] & flipped[:, j]).sum() if i != j else 0
            found[1, i, j] = (flipped[:, i] & active[:, j] & ~flipped[:, j]).sum()
            found[2, i, j] = (flipped[:, i] & flipped[:, j]).sum()
    return size * found / m


def own_margin(case: Case, path: np.ndarray) -> np.ndarray:
    """How far each pair is from its kink, on its first side, with the filter at `path`; times sqrt(m), (m, n)."""
    z = case.weights @ case.inputs.T
    active = z >= 0
    moved = np.sqrt(len(z)) * z - case.signs[:, None] * ((active * path) @ (case.inputs @ case.inputs.T))
    return np.where(active, moved, -moved)


def bounds(problem: Problem, steps: int) -> Bounds:
    """Everything by its definition, step by step."""
    case = Case.of(problem)
    m, n = case.weights.shape[0], len(case.targets)
    K = case.inputs @ case.inputs.T
    z = case.weights @ case.inputs.T
    active = z >= 0
    gram = K * (active.T.astype(float) @ active) / m
    xi = (case.signs[:, None] * np.maximum(z, 0)).sum(axis=0) / np.sqrt(m) - case.targets
    k = kernels(case, gram, steps + 1)
    size = {name: np.abs(of) for name, of in k.items()}
    # the linear model from xi(0): an impulse, and the momentum that the start gives it
    first = -case.push * xi
    path = np.array([
        k["R"][t] @ xi + sum(case.beta ** (u - 1) * first for u in range(1, t + 1))
        - sum((k["R"][t - u] @ gram @ first) * case.beta ** (u - 1) for u in range(1, t + 1))
        for t in range(steps + 1)
    ])  # fmt: skip
    linear = xi - path @ gram
    w = weights_of_filter(case, steps + 2, size=True)
    X, dS, inc, e = (np.zeros((steps + 1, n)) for _ in range(4))
    M, Q, V = (np.zeros((steps + 1, n)) for _ in range(3))
    X[0] = np.abs(xi)
    Q[0] = case.push * X[0]
    since = np.full((m, n), np.inf)
    flipped = np.zeros((steps + 1, m, n), bool)
    mu = np.zeros((steps + 1, n))
    for t in range(1, steps + 1):
        mu[t] = case.push * case.beta ** (t - 1) * X[0] + w[t:0:-1] @ X[:t]
        M[t] = mu[1 : t + 1].sum(axis=0)
        decay = abs(case.l) * case.beta ** np.arange(t - 1, -1, -1.0)
        Q[t] = case.push * case.beta**t * X[0] + decay @ X[:t]
        V[t] = decay @ e[:t]
        dS[t], change = (
            np.einsum("sij,sj->i", size[a][t - 1 : 0 : -1], inc[1:t]) + np.einsum("sij,sj->i", size[b][t:0:-1], e[:t])
            for a, b in (("R", "R_W"), ("dR", "dR_W"))
        )  # fmt: skip
        # filters that an impulse at or after the first flip on j drives
        total = np.zeros((m, n))
        for r, j in zip(*np.nonzero(since < t), strict=True):
            total[r, j] = sum(w[1 : t - s + 1].sum() * X[s, j] for s in range(int(since[r, j]), t))
        reach = (active * dS[t]) @ np.abs(K) + total @ np.abs(K)
        new = (own_margin(case, path[t]) <= reach) & np.isinf(since)
        since[new] = t
        flipped[t] = ~np.isinf(since)
        if new.any() or t == 1:
            C, E, D = counts(case, flipped[t])
        inc[t] = E @ np.minimum(np.abs(path[t] - path[t - 1]) + change, mu[t]) + D @ mu[t]
        X[t] = (
            np.abs(linear[t]) + np.einsum("sij,sj->i", size["Y"][t - 1 :: -1], inc[1 : t + 1])
            + np.einsum("sij,sj->i", size["Y_W"][t:0:-1], e[:t])
        )  # fmt: skip
        e[t] = C @ X[t]
        if not X[t].max() < 1e6 * X[0].max():
            cut = slice(t + 1)
            return Bounds(X[cut], dS[cut], M[cut], Q[cut], V[cut], e[cut], flipped[cut], gram, path[cut])
    return Bounds(X, dS, M, Q, V, e, flipped, gram, path)


def claims(problem: Problem, steps: int, horizon: int = 0, **changes) -> InitialProof:
    """A proof with claims that hold of nothing in particular; the tests change what they are about."""
    n, m = len(problem.inputs), len(problem.weights)
    wide = (1e9,) * n
    honest = InitialProof(
        problem, 512, steps, horizon or steps, Contraction(2.0**-20, 100.0, 0.5, 1.0), 0.75, wide, wide, wide, n * m,
        (1.0,), (),
    )  # fmt: skip
    return honest._replace(**changes)


def last_bounds(problem: Problem, found: Bounds, rate: float, length: int):
    """The least (zeta, delta) that the bounds after step T allow, with their last flips, by iteration from 0."""
    case, steps = Case.of(problem), len(found.X) - 1
    size = np.abs(case.inputs @ case.inputs.T)
    active = case.weights @ case.inputs.T >= 0
    weights = rate ** -np.arange(float(length))
    total = {name: np.tensordot(weights, np.abs(of), 1) for name, of in kernels(case, found.gram, length).items()}
    w = case.p / rate + abs(case.l) / (rate * (rate - case.beta))
    after, Q, V = rate / (1 - rate), found.Q[-1], found.V[-1]
    first = np.where(found.flipped[-1], found.flipped.argmax(axis=0), -1)
    margin = own_margin(case, found.path[-1])
    zeta, delta = np.zeros((2, len(case.targets)))
    flipped = found.flipped[-1].copy()
    C, E, D = counts(case, flipped)
    for _ in range(2000):
        mu = Q / rate + w * zeta
        M = found.M[-1] + mu * after
        stray = np.zeros(flipped.shape)
        for (r, j), t in np.ndenumerate(first):
            if t >= 0:
                g = (1 - case.beta ** (steps - t)) / (1 - case.beta)
                stray[r, j] = M[j] - found.M[t, j] - g * found.Q[t, j]
            elif flipped[r, j]:
                stray[r, j] = M[j] - found.M[-1, j]
        reach = (active * (found.dS[-1] + delta * after)) @ size + stray @ size
        if ((margin <= reach) & ~flipped).any():
            flipped |= margin <= reach
            C, E, D = counts(case, flipped)
        state, masked = found.X[-1] + E @ delta + D @ mu, C @ zeta
        new = (
            total["Y"] @ state + total["ZH"] @ Q + total["Z"] @ V + total["Y_W"] @ masked,
            total["dR"] @ state + total["dZH"] @ Q + total["dZ"] @ V + total["dR_W"] @ masked + Q / rate,
        )
        if all(np.allclose(a, b, rtol=1e-12, atol=0) for a, b in zip(new, (zeta, delta), strict=True)):
            return zeta, delta, flipped
        zeta, delta = new
        if zeta.max() > 1e6 * found.X.max():
            break
    raise AssertionError("no bounds after the last step")
