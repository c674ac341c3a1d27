"""Registry of the engines by name."""

from nag_ntk.engines import REPRESENTATIONS, screened
from nag_ntk.engines.dense import step
from nag_ntk.engines.engine import Engine

ENGINES: dict[str, Engine] = {**dict.fromkeys(REPRESENTATIONS, step), screened.NAME: screened}
"""The dense engine once for each representation of the movement, and the screened engine."""
