"""The option --set of commands that read a study."""

from typing import Any

import click


def changes(command: Any) -> Any:
    """Add the option --set to a command, whose argument `changes` holds the texts KEY=VALUE."""
    option = click.option(
        "--set", "changes", multiple=True, metavar="KEY=VALUE",
        help="Replace or add a key of the study, the value in YAML: width=512, dataset.samples=30, methods=[nesterov]. "
        "Where a run has its own value, that one stays; runs.NAME.width=512 changes it. May be repeated.",
    )  # fmt: skip
    return option(command)
