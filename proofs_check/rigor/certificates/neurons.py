"""The pre-activations of the shadow: a part common to all neurons, and the own part of each neuron that flipped.

    zeta_ri(t) = zeta_ri(0) + g(t) drift_ri - a_r sum_j K_ij A_rj S_j(t) - a_r sum_j K_ij (c_j + g(t - t_j) q_j),
which is formula (4) of docs/certificates.md. The own part is stored as one pair (c_j, q_j) for each sample j on which
the neuron ever flipped, t_j the step of its last flip there.
"""

from collections.abc import Sequence
from itertools import compress

from flint import arb, arb_mat, ctx

Rows = list[list[arb]]


class Neurons:
    """Pre-activations and their speeds at the step of the last call of `move`.

    Args:
        kernel: K.
        before: (n, m) zeta(0), samples first.
        drift: (n, m) the movement of each pre-activation in the first step that is not from S, or None.
        signs: (m,) a_r.
        active: (m) patterns of n bytes, views that the run updates.
        beta: momentum.
        precision: bits for the powers of beta.
    """

    def __init__(
        self, kernel: Rows, before: Rows, drift: Rows | None, signs: Sequence[int], active: list[memoryview],
        beta: arb, precision: int,
    ) -> None:  # fmt: skip
        """Start at step 0 with S = Q = 0; see the class."""
        self._kernel, self._before, self._drift = kernel, before, drift
        self._signs, self._active, self._beta, self._precision = signs, active, beta, precision
        self._own: dict[int, dict[int, tuple[arb, arb, int]]] = {}
        self._powers = [arb(1)]
        zero = arb_mat(len(kernel), 1)
        self.move(0, zero, zero)

    def move(self, step: int, common: arb_mat, speed: arb_mat) -> None:
        """Set the sequences S and Q to those of a step."""
        self._step, self._columns = step, (common.entries(), speed.entries())
        self._products: dict[tuple[int, int, int], list[arb]] = {}

    def decay(self, k: int) -> arb:
        """Return beta^k."""
        while len(self._powers) <= k:
            with ctx.workprec(self._precision):
                self._powers.append(self._powers[-1] * self._beta)
        return self._powers[k]

    def total(self, k: int) -> arb:
        """Return g(k), the sum of the first k powers of beta."""
        return (1 - self.decay(k)) / (1 - self._beta)

    def _driven(self, r: int, i: int, which: int) -> arb:
        """Sum K_ij A_rj S_j over j, or with Q; the products are cached for the step and the precision."""
        key = (i, ctx.prec, which)
        if key not in self._products:
            self._products[key] = [k * x for k, x in zip(self._kernel[i], self._columns[which], strict=True)]
        return sum(compress(self._products[key], self._active[r]), arb(0))

    def value(self, r: int, i: int) -> arb:
        """Return zeta_ri."""
        moved = self._driven(r, i, 0)
        for j, (c, q, since) in self._own.get(r, {}).items():
            moved += self._kernel[i][j] * (c + self.total(self._step - since) * q)
        value = self._before[i][r]
        if self._drift is not None:
            value += self.total(self._step) * self._drift[i][r]
        return value - moved if self._signs[r] > 0 else value + moved

    def speed(self, r: int, i: int) -> arb:
        """Return the momentum term of zeta_ri: its change in the next step by Q and by the neuron's own part."""
        total = self._driven(r, i, 1)
        for j, (_, q, since) in self._own.get(r, {}).items():
            total += self._kernel[i][j] * self.decay(self._step - since) * q
        total = -total if self._signs[r] > 0 else total
        return total if self._drift is None else total + self.decay(self._step) * self._drift[i][r]

    def flip(self, r: int, j: int) -> None:
        """Change the sign of the pair (r, j): S_j and Q_j move between common part and own part of the neuron."""
        c, q = self._columns[0][j], self._columns[1][j]
        c, q = (c, q) if self._active[r][j] else (-c, -q)
        own = self._own.setdefault(r, {})
        if j in own:
            c0, q0, since = own[j]
            c, q = c + c0 + self.total(self._step - since) * q0, q + self.decay(self._step - since) * q0
        own[j] = (c, q, self._step)
        self._active[r][j] ^= 1
