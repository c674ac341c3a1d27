"""Refinement of approximate eigenvectors by Ogita-Aishima steps on ball midpoints; the result is not verified here.

The closer V^T H V is to diagonal, the tighter is the enclosure of lambda_0. Near-parallel inputs give eigenvalues far
below the rounding of float64, often in clusters, so off-diagonal entries are reduced for eigenvalues of every size
before pencil.py proves the bounds.
"""

import numpy as np
from flint import arb, arb_mat


def refine_vectors(matrix: arb_mat, vectors: arb_mat) -> arb_mat:
    """Refine approximate eigenvectors V of a symmetric matrix A once, clusters included.

    With R = I - V^T V, S = V^T A V and mu_i = S_ii / (1 - R_ii), the step V + V E has
    E_ij = (S_ij + mu_j R_ij) / (mu_j - mu_i) where |mu_j - mu_i| exceeds
    delta = 2 (|S - diag S|_F + max|mu| |R|_F), and R_ij / 2 inside a cluster of eigenvalues that lie closer. The block
    of S - mu (I - R) of each cluster, divided by its largest entry, is then diagonalised in float64.

    Args:
        matrix: n x n symmetric ball matrix; midpoints are used.
        vectors: n x n exact V, columns nearly orthonormal.

    Returns:
        An exact n x n matrix; errors between separated eigenvectors are squared, those within a cluster are about 1e-16
        of its spread.

    Accuracy:
        No accuracy is claimed; the caller verifies the result.

    Cost:
        Four ball products, six more with clusters.

    Source:
        Ogita and Aishima (2018), iterative refinement for symmetric eigenvalue decomposition [recalled]; the
        cluster step is derived.

    Example:
        >>> from flint import ctx
        >>> with ctx.workprec(200):
        ...     better = refine_vectors(arb_mat([[1, 0], [0, 2]]), arb_mat([[1, 1e-9], [-1e-9, 1]]))
        ...     abs(better[0, 1]) < 1e-17
        True
    """
    n = matrix.nrows()
    midpoint = matrix.mid()
    projected, defects = _projection_and_defect(midpoint, vectors)
    eigenvalues = [(projected[i][i] / (1 - defects[i][i])).mid() for i in range(n)]
    magnitude = max(abs(float(x)) for x in eigenvalues)
    coupling = np.array([[float(x) for x in row] for row in projected])
    np.fill_diagonal(coupling, 0.0)
    defect_size = float(np.linalg.norm([[float(x) for x in row] for row in defects]))
    delta = 2.0 * (float(np.linalg.norm(coupling)) + magnitude * defect_size)
    correction = arb_mat(n, n)
    for i in range(n):
        for j in range(n):
            gap = eigenvalues[j] - eigenvalues[i]
            if i != j and abs(float(gap)) > delta:
                correction[i, j] = ((projected[i][j] + eigenvalues[j] * defects[i][j]) / gap).mid()
            else:
                correction[i, j] = defects[i][j] / 2
    improved = (vectors + vectors * correction).mid()
    clusters = _clusters(eigenvalues, delta)
    return _rotate_clusters(midpoint, improved, clusters) if clusters else improved


def _projection_and_defect(midpoint: arb_mat, vectors: arb_mat) -> tuple[list[list[arb]], list[list[arb]]]:
    """Compute the midpoints of V^T A V and of I - V^T V."""
    n = midpoint.nrows()
    transposed = vectors.transpose()
    identity = arb_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
    projected = (transposed * (midpoint * vectors)).mid().tolist()
    return projected, (identity - transposed * vectors).mid().tolist()


def _clusters(eigenvalues: list[arb], delta: float) -> list[list[int]]:
    """Group eigenvalues chained by gaps of at most delta; groups of one are left out."""
    order = sorted(range(len(eigenvalues)), key=lambda index: float(eigenvalues[index] - eigenvalues[0]))
    groups = [[order[0]]]
    for index in order[1:]:
        if abs(float(eigenvalues[index] - eigenvalues[groups[-1][-1]])) <= delta:
            groups[-1].append(index)
        else:
            groups.append([index])
    return [group for group in groups if len(group) > 1]


def _rotate_clusters(midpoint: arb_mat, vectors: arb_mat, clusters: list[list[int]]) -> arb_mat:
    """Diagonalise the block of S - mu V^T V of each cluster, scaled so that float64 separates close eigenvalues."""
    n = midpoint.nrows()
    projected, defects = _projection_and_defect(midpoint, vectors)
    rotation = arb_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
    for group in clusters:
        shift = projected[group[0]][group[0]] / (1 - defects[group[0]][group[0]])
        block = [[(projected[i][j] + shift * (defects[i][j] - int(i == j))).mid() for j in group] for i in group]
        size = max((abs(x) for row in block for x in row), key=float)
        if not size > 0:
            continue
        scaled = np.array([[float(x / size) for x in row] for row in block])
        basis = np.linalg.eigh((scaled + scaled.T) / 2)[1].tolist()
        for row, i in enumerate(group):
            for column, j in enumerate(group):
                rotation[i, j] = arb(basis[row][column])
    return _orthonormalise((vectors * rotation).mid())


def _orthonormalise(vectors: arb_mat) -> arb_mat:
    """Return V + V (I - V^T V) / 2, a Newton step that squares the defect of about 1e-16 of a rotation in float64."""
    n = vectors.nrows()
    identity = arb_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
    return (vectors + vectors * (identity - vectors.transpose() * vectors) / 2).mid()
