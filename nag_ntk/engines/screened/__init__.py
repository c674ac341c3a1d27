"""The screened engine: simulate only the neurons whose activation may change, and represent the others by sums.

Let X be the inputs, K = X X^T, z_rj = w_r.x_j the pre-activations, A_rj = 1 if z_rj >= 0 and else 0 the pattern of
neuron r, a_r its output sign, and w_r(t) - w_r(0) = -(a_r / sqrt m) u_r with u_r = sum_i c_ri x_i. Let S, Q be the
movement and the momentum term of the method's recursion driven by the residual itself; they are common to all neurons.
While the pattern A_r does not change, c_r = A_r o S + v_r, and the momentum term of c_r is A_r o Q + p_r, where v_r and
p_r (zero until the first flip) obey the recursion without forcing. Hence the outputs are

    f_j(t) = F_j - sum_i K_ij (O_ij S_i + V_ij),   F_j = sum_r (a_r / sqrt m) A_rj z_rj(0),   O = A^T A / m,
    V_ij = (1/m) sum_r v_ri A_rj,   V(t+1) = V(t) + P(t),   P(t+1) = beta P(t),

which cost n^2 operations a step. F and O change only when a neuron flips; so do V and P apart from their recursion. A
bound tells which neurons can have flipped: between steps s and t, z_rj changes by at most
(spread_j(S(t) - S(s)) + g |K p_r(s)|_j) / sqrt m, where g = sum_{i < t-s} beta^i and spread_j(x) is the larger of the
sums of the positive and of the negative K_ij x_i. A neuron that cannot flip during the whole run by this bound is safe;
the others are at risk. These are sorted by their margin min_j |z_rj| / threshold_j, so the neurons that the bound has
reached since the last sort are a prefix of this order, and only the prefix is evaluated. When the evaluations have cost
as much as a sort, all neurons at risk are sorted again. The largest |u_r| is found in the same way. The results are
exact up to rounding: a neuron is skipped only where the bound excludes a flip. The derivation is in
docs/screened-space.md.
"""

from nag_ntk.engines.screened.attempts import check_memory, train
from nag_ntk.engines.screened.run import advance, column_bytes, columns, gram_now
from nag_ntk.engines.screened.thresholds import expected_at_risk, initial_thresholds

NAME = "screened"

__all__ = [
    "NAME",
    "advance",
    "check_memory",
    "column_bytes",
    "columns",
    "expected_at_risk",
    "gram_now",
    "initial_thresholds",
    "train",
]
