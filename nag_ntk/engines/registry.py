"""Registry of the engines by name."""

from nag_ntk.engines import REPRESENTATIONS, screened
from nag_ntk.engines.batched import step as batched_step
from nag_ntk.engines.choice import batched
from nag_ntk.engines.dense import step
from nag_ntk.engines.engine import Engine

ENGINES: dict[str, Engine] = {
    **dict.fromkeys(REPRESENTATIONS, step),
    **dict.fromkeys(map(batched, REPRESENTATIONS), batched_step),
    screened.NAME: screened,
}
"""The dense and the batched engine once for each representation of the movement, and the screened engine."""
