"""Devices of a run, in one process or in several that run one program together.

A mesh has two axes: seeds, which exchange nothing, and the neurons of each network, which exchange the sum of the n
outputs once per step. At the end every process has the whole record; the caller decides which process writes it.
"""

import os
from collections.abc import Sequence

import jax
import numpy as np

from nag_ntk.errors import InputError

AUTO = "auto"
HEARTBEAT = 30
"""Seconds without a heartbeat after which a process counts as lost and the others end (JAX's default: 100)."""


def join(coordinator: str | None = None, processes: int | None = None, process: int | None = None) -> None:
    """Join the processes that run one program together; call it before JAX makes an array or lists its devices.

    Args:
        coordinator: "host:port" of process 0, the same in all; None where Slurm, a TPU pod or GKE started the
            processes, which JAX then finds by itself.
        processes: number of processes.
        process: number of this process, from 0.

    Raises:
        InputError: if the arguments are inconsistent, JAX has already started, or there is no process to join.
    """
    arguments = (coordinator, processes, process)
    if any(x is None for x in arguments) != all(x is None for x in arguments):
        raise InputError(
            "give coordinator, processes and process together, or none of them under Slurm, a TPU pod or GKE"
        )
    if processes is not None and (processes < 1 or process not in range(processes)):
        raise InputError(f"process must be one of 0..processes-1, got process {process} of {processes}")
    try:
        jax.distributed.initialize(coordinator, processes, process, heartbeat_timeout_seconds=HEARTBEAT)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"could not join the other processes: {' '.join(str(error).split())[:300]}") from None


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_multiprocess() -> bool:
    """Return True if this process is one of several that run one program together."""
    return jax.process_count() > 1


def writes() -> bool:
    """Return True in the process that writes files: process 0, or the only one."""
    return jax.process_index() == 0


def broadcast(value: int) -> int:
    """Broadcast an integer of 32 bits from process 0. Collective: every process must call it.

    Example:
        >>> broadcast(3)
        3
    """
    if not is_multiprocess():
        return value
    from jax.experimental import multihost_utils

    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def all_processes(flag: bool) -> bool:
    """Return True if the flag is True in every process. Collective: every process must call it.

    Example:
        >>> all_processes(True), all_processes(False)
        (True, False)
    """
    if not is_multiprocess():
        return flag
    from jax.experimental import multihost_utils

    return bool(multihost_utils.process_allgather(np.asarray(flag)).all())


def mesh(devices: Sequence[int] | str, seeds: int) -> tuple[int, int] | None:
    """Return (devices over the seeds, devices over the neurons of each network); None to leave it to the plan.

    Args:
        devices: such a pair, or "auto". In one process "auto" leaves the choice to the plan; in several processes it is
            a mesh of all devices, with as many over the seeds as divide their number.
        seeds: number of seeds.

    Raises:
        InputError: for another value, for more devices than exist, or in several processes for fewer than all.

    Example:
        >>> mesh("auto", 4) is None, mesh((1, 1), 4)
        (True, (1, 1))
    """
    if isinstance(devices, str) and devices == AUTO:
        if not is_multiprocess():
            return None
        seed_devices = next(k for k in range(min(seeds, jax.device_count()), 0, -1) if jax.device_count() % k == 0)
        return seed_devices, jax.device_count() // seed_devices
    good = isinstance(devices, Sequence) and not isinstance(devices, str) and len(devices) == 2
    if not good or not all(isinstance(k, int) and not isinstance(k, bool) and k >= 1 for k in devices):
        raise InputError(
            f'devices must be "auto" or (devices over the seeds, devices over the neurons), got {devices!r}'
        )
    seed_devices, neuron_devices = (int(k) for k in devices)
    count = jax.device_count()
    if seed_devices * neuron_devices > count or (is_multiprocess() and seed_devices * neuron_devices != count):
        most = "" if is_multiprocess() else "at most "
        raise InputError(f"devices={seed_devices}x{neuron_devices} needs {most}{count} devices in all")
    if seed_devices > seeds:
        raise InputError(
            f"devices={seed_devices}x{neuron_devices} spreads seeds over {seed_devices} devices, "
            f"but there are only {seeds} seeds"
        )
    return seed_devices, neuron_devices


def fetch(tree, size: int):
    """Copy the first `size` entries of every array to the host of every process; the rest is padding.

    Collective: every process must call it.
    """
    if is_multiprocess():
        from jax.experimental import multihost_utils

        tree = jax.tree.map(lambda x: multihost_utils.process_allgather(x, tiled=True), tree)
    return jax.tree.map(lambda x: np.asarray(x)[:size], tree)
