"""PyTorch program: torch.optim.SGD and autograd, all seeds in one batch, eager. PyTorch is optional.

torch.optim.SGD(momentum, nesterov=True) is the recursion of optax.sgd: the momentum starts with the first gradient.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nag_ntk import Method
from proofs_check.bench.optax_program import Recorded


def version() -> str | None:
    """Return the version of PyTorch, None where it cannot be imported or is older than 2."""
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError):  # OSError: a library that it links to is missing
        return None
    return str(torch.__version__) if int(str(torch.__version__).split(".")[0]) >= 2 else None


def draw(seed: int, seeds: int, width: int, dimension: int) -> tuple[Any, Any]:
    """Draw standard normal weights (s, m, d) and fair signs (s, m)."""
    import torch  # pyright: ignore[reportMissingImports]

    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(seeds, width, dimension, dtype=torch.float64, generator=generator)
    return weights, 2.0 * torch.randint(0, 2, (seeds, width), generator=generator).to(torch.float64) - 1


def train(inputs: np.ndarray, targets: np.ndarray, method: Method, steps: int) -> Callable[[Any, Any], Recorded]:
    """Make a function that trains networks of weights (s, m, d), which it changes, and signs (s, m)."""
    import torch  # pyright: ignore[reportMissingImports]

    samples = torch.tensor(np.ascontiguousarray(inputs.T))  # copies: NumPy's may be read-only
    labels = torch.tensor(targets)

    def run(weights: Any, signs: Any) -> Recorded:
        weights.requires_grad_()
        optimiser = torch.optim.SGD([weights], lr=method.eta, momentum=method.beta, nesterov=True)
        scaled = (signs / np.sqrt(signs.shape[1]))[:, None, :]
        residuals, flips, initially = [], [], None
        for step in range(steps + 1):
            with torch.set_grad_enabled(step < steps):
                preactivations = weights @ samples
                residual = (scaled @ torch.relu(preactivations))[:, 0] - labels
            pattern = preactivations.detach() >= 0
            initially = pattern if initially is None else initially
            residuals.append(residual.detach())
            flips.append((pattern != initially).sum(dim=(1, 2)))
            if step < steps:
                optimiser.zero_grad(set_to_none=True)
                (0.5 * (residual * residual).sum()).backward()
                optimiser.step()
        return Recorded(torch.stack(residuals, dim=1).numpy(), torch.stack(flips, dim=1).numpy())

    return run
