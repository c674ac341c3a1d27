"""NumPy oracles, written from the textbook formulas with explicit loops; nothing here imports nag_ntk.

Weights are (m, d) with one row per neuron. The runs store every iterate and take every gradient anew.
"""

import math
from typing import NamedTuple

import numpy as np


class Run(NamedTuple):
    """residual (T+1, n), flips (T+1,), distance (T+1,), patterns (T+1, m, n), preactivations (T+1, m, n)."""

    residual: np.ndarray
    flips: np.ndarray
    distance: np.ndarray
    patterns: np.ndarray
    preactivations: np.ndarray


def unit_rows(rng, n, d):
    """Random unit rows."""
    rows = rng.standard_normal((n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def network(rng, m, d):
    """Normal weights (m, d) and fair signs (m,)."""
    return rng.standard_normal((m, d)), rng.choice([-1.0, 1.0], size=m)


def output(weights, signs, x):
    """f(x) for one input, neuron by neuron."""
    total = 0.0
    for w, a in zip(weights, signs, strict=True):
        z = float(np.dot(w, x))
        total += a * (z if z > 0 else 0.0)
    return total / math.sqrt(len(signs))


def pattern(weights, inputs):
    """A_ri = 1{w_r . x_i >= 0}."""
    return np.array([[float(np.dot(w, x)) >= 0.0 for x in inputs] for w in weights])


def cross_gram(first, second, inputs):
    """H_ij = x_i . x_j (1/m) #{r : first_ri and second_rj}."""
    n, m = len(inputs), len(first)
    h = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            both = sum(1 for r in range(m) if first[r][i] and second[r][j])
            h[i, j] = float(np.dot(inputs[i], inputs[j])) * both / m
    return h


def gram_limit_arccos(inputs):
    """x_i . x_j (pi - theta) / (2 pi) with theta by arccos: right in exact arithmetic, poor near theta = 0."""
    products = np.clip(inputs @ inputs.T, -1.0, 1.0)
    return products * (np.pi - np.arccos(products)) / (2 * np.pi)


def gram_limit_sampled(inputs, samples, rng):
    """Monte Carlo mean of x_i . x_j 1{w.x_i >= 0} 1{w.x_j >= 0}."""
    active = (rng.standard_normal((samples, inputs.shape[1])) @ inputs.T >= 0).astype(float)
    return (inputs @ inputs.T) * (active.T @ active) / samples


def gradient(weights, signs, inputs, targets):
    """The residual, the pre-activations, and the gradient of |f - y|^2 / 2 for every neuron."""
    z = np.array([[float(np.dot(w, x)) for x in inputs] for w in weights])
    root = math.sqrt(len(signs))
    residual = np.array([float(np.dot(signs, np.maximum(z[:, i], 0.0))) / root for i in range(len(inputs))])
    residual = residual - targets
    result = np.zeros_like(weights)
    for r in range(len(weights)):
        for i in range(len(inputs)):
            if z[r, i] >= 0:
                result[r] += signs[r] / root * residual[i] * inputs[i]
    return residual, z, result


def _record(path, first):
    residual, z = np.array([p[0] for p in path]), np.array([p[1] for p in path])
    active = z >= 0
    distance = np.array([max(np.linalg.norm(p[2][r] - first[r]) for r in range(len(first))) for p in path])
    return Run(residual, (active != active[0]).sum(axis=(1, 2)), distance, active, z)


def at_step(coefficients, t):
    """eta, beta and gamma at step t.

    A fourth coefficient r > 0 multiplies both momenta by t / (t + r); a fifth lists all three at every step.
    """
    eta, beta, gamma, *delay = coefficients
    if len(delay) > 1 and delay[1]:
        return delay[1][min(t, len(delay[1]) - 1)]
    ramp = t / (t + delay[0]) if delay and delay[0] else 1.0
    return eta, beta * ramp, gamma * ramp


def train(inputs, targets, weights, signs, coefficients, start, steps):
    """w(t+1) = w(t) + beta (w(t) - w(t-1)) - eta (1+gamma) g(t) + eta gamma g(t-1), all iterates in weight space.

    start "gradient": w(-1) = w(0), g(-1) = g(0); "extrapolated": w(-1) = w(0), g(-1) = 0.
    """
    now = before = np.array(weights, dtype=float)
    earlier = None
    path = []
    for t in range(steps + 1):
        eta, beta, gamma = at_step(coefficients, t)
        residual, z, pull = gradient(now, signs, inputs, targets)
        path.append((residual, z, now))
        if earlier is None:
            earlier = pull if start == "gradient" else np.zeros_like(pull)
        following = now + beta * (now - before) - eta * (1 + gamma) * pull + eta * gamma * earlier
        before, now, earlier = now, following, pull
    return _record(path, weights)


def filtered(residual, coefficients, start):
    """The filter S of the residuals and the additions mu to the majorant, by the step of the method without patterns.

    S(t+1) = S(t) + beta (S(t) - S(t-1)) + eta (1+gamma) xi(t) - eta gamma xi(t-1); mu with |.| in place of
    signs, written with the momentum that a step leaves behind.
    """
    movement, added = [np.zeros_like(residual[0])], [np.zeros_like(residual[0])]
    eta, _, gamma = at_step(coefficients, 0)
    left = eta * gamma * np.abs(residual[0]) if start == "gradient" else np.zeros_like(residual[0])
    for t in range(len(residual) - 1):
        eta, beta, gamma = at_step(coefficients, t)
        old = residual[t - 1] if t else residual[0] * (start == "gradient")
        before = movement[t - 1] if t else movement[0]
        movement.append(
            movement[t] + beta * (movement[t] - before) + eta * (1 + gamma) * residual[t] - eta * gamma * old
        )
        added.append(left + eta * (1 + gamma) * np.abs(residual[t]))
        soon_eta, soon_beta, soon_gamma = at_step(coefficients, t + 1)
        left = soon_beta * left + abs(soon_beta * eta * (1 + gamma) - soon_eta * soon_gamma) * np.abs(residual[t])
    return np.array(movement), np.array(added)


def deviation(run, signs, inputs, coefficients, start):
    """|F|, psi_F, B mu, the flip ratio and the reach at every step, pair by pair from their definitions."""
    kernel, (m, n), root = inputs @ inputs.T, run.patterns[0].shape, math.sqrt(len(signs))
    movement, added = filtered(run.residual, coefficients, start)
    first, z0 = run.patterns[0], run.preactivations[0]
    ever, linear, ratio, reach = np.zeros((m, n), bool), np.zeros(n), 0.0, np.zeros(n)
    rows = []
    for t in range(len(run.residual)):
        entered = (run.patterns[t] != first) & ~ever
        ever = ever | entered
        for i in range(n):
            terms = [kernel[i, j] * movement[t, j] for j in range(n)]
            linear[i] = max(linear[i], sum(x for x in terms if x > 0), -sum(x for x in terms if x < 0))
        psi, share = np.zeros(n), np.zeros((n, n))
        for r in range(m):
            if not ever[r].any():
                continue
            for i in range(n):
                path = z0[r, i] - signs[r] / root * sum(kernel[i, j] * first[r, j] * movement[t, j] for j in range(n))
                psi[i] += signs[r] / root * (max(run.preactivations[t, r, i], 0.0) - first[r, i] * path)
                for j in range(n):
                    if ever[r, i]:
                        share[i, j] += ever[r, j] or first[r, j]
                    else:
                        share[i, j] += first[r, i] and ever[r, j]
                if entered[r, i]:
                    allowed = linear[i]
                    if any(j != i and abs(z0[r, j]) * root <= linear[j] for j in range(n)):
                        allowed = max(allowed, float(np.abs(kernel[i]) @ added[: t + 1].sum(axis=0)))
                    ratio = max(ratio, abs(z0[r, i]) * root / allowed)
                    reach[i] = max(reach[i], abs(z0[r, i]))
        rows.append((ever.sum(), psi, np.abs(kernel) * share / m @ added[t], ratio, reach.copy()))
    return {
        name: np.array(column)
        for name, column in zip(
            ("touched", "direct", "bound", "flip_ratio", "reach"), zip(*rows, strict=True), strict=True
        )
    }


def nesterov_two_lines(inputs, targets, weights, signs, eta, beta, steps):
    """x(t+1) = v(t) - eta grad L(v(t)); v(t+1) = x(t+1) + beta (x(t+1) - x(t)); v(0) = x(0). Records v.

    beta is a number, or a function of k = t + 1, the index of the new x.
    """
    v = x = np.array(weights, dtype=float)
    path = []
    for k in range(1, steps + 2):
        residual, z, pull = gradient(v, signs, inputs, targets)
        path.append((residual, z, v))
        new = v - eta * pull
        v, x = new + (beta(k) if callable(beta) else beta) * (new - x), new
    return _record(path, weights)


def polyak_velocity(inputs, targets, weights, signs, eta, beta, steps):
    """p(t+1) = beta p(t) - eta grad L(w(t)); w(t+1) = w(t) + p(t+1); p(0) = 0."""
    w = np.array(weights, dtype=float)
    p = np.zeros_like(w)
    path = []
    for _ in range(steps + 1):
        residual, z, pull = gradient(w, signs, inputs, targets)
        path.append((residual, z, w))
        p = beta * p - eta * pull
        w = w + p
    return _record(path, weights)


def linear_run(coefficients, h, residual, steps, start):
    """The residual of the linear model by its three-term recursion."""
    path = [np.array(residual, dtype=float)]
    for t in range(steps):
        eta, beta, gamma = at_step(coefficients, t)
        now = path[t]
        before = path[t - 1] if t else now
        old = before if t or start == "gradient" else np.zeros_like(now)
        path.append(now + beta * (now - before) - eta * (1 + gamma) * h @ now + eta * gamma * h @ old)
    return np.array(path)


def companion(coefficients, h):
    """[[(1+beta) I - eta (1+gamma) H, -beta I + eta gamma H], [I, 0]], entry by entry."""
    eta, beta, gamma = at_step(coefficients, 0)
    n = len(h)
    m = np.zeros((2 * n, 2 * n))
    for i in range(n):
        for j in range(n):
            same = 1.0 if i == j else 0.0
            m[i, j] = (1 + beta) * same - eta * (1 + gamma) * h[i][j]
            m[i, n + j] = -beta * same + eta * gamma * h[i][j]
            m[n + i, j] = same
    return m
