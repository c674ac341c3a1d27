"""Several processes that run one study together: command-line options, and joining the group."""

from typing import Any, NamedTuple

import click

AUTO = "auto"


class Group(NamedTuple):
    """Options of a group of processes.

    Attributes:
        coordinator: "host:port" of process 0, or "auto".
        processes: number of processes.
        process: number of this process, from 0.
    """

    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None


ALONE = Group()
"""Group of a call without these options: a single process."""


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
    """Join the group of processes, if there is one; call it before any device is initialised.

    Returns:
        (True if there are several processes, True if this one writes).

    Raises:
        InputError: if the group cannot be joined, or the options do not fit together.
    """
    from nag_ntk.run import devices

    if group == ALONE:
        return False, True
    devices.join(None if group.coordinator == AUTO else group.coordinator, group.processes, group.process)
    return devices.is_multiprocess(), devices.writes()
