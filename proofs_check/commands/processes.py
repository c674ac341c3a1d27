"""Several processes that run one study together: the options of the command line, joining, who writes."""

from typing import Any, NamedTuple

import click

AUTO = "auto"


class Group(NamedTuple):
    """Options about several processes: "host:port" of process 0 or "auto", how many, which one."""

    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None


ALONE = Group()
"""Nothing was said: one process."""


def options(command: Any) -> Any:
    """Add --coordinator, --processes and --process-id to a command."""
    for option in (
        click.option("--process-id", type=click.IntRange(min=0), metavar="I", help="Which of the processes, from 0."),
        click.option("--processes", type=click.IntRange(min=1), metavar="N", help="How many run the study together."),
        click.option(
            "--coordinator", metavar="ADDRESS",
            help="Where process 0 listens, as host:port; auto: as Slurm, a TPU pod or GKE started them.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def join(group: Group) -> tuple[bool, bool]:
    """Join the others, if any; (whether there are several, whether this one writes). Before any device is touched.

    Raises:
        InputError: if they cannot be joined, or the options do not fit together.
    """
    from nag_ntk.run import devices

    if group == ALONE:
        return False, True
    devices.join(None if group.coordinator == AUTO else group.coordinator, group.processes, group.process)
    return devices.is_multiprocess(), devices.writes()
