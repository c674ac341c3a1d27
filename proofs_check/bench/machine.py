"""Description of the machine and the installed versions."""

import os
import platform
from importlib import metadata
from pathlib import Path

import jax

from nag_ntk import __version__
from nag_ntk.run.devices import cores
from proofs_check.bench import torch_program
from proofs_check.bench.record import Machine

PACKAGES = ("nag-ntk", "jax", "jaxlib", "numpy", "optax", "scipy")


def processor() -> str:
    """Return the processor's name, from /proc/cpuinfo if the system has this file, else from `platform`."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def package_version(package: str) -> str:
    """Return the version of an installed package, "unknown" without one; of nag-ntk without one, its own version."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return __version__ if package == "nag-ntk" else "unknown"


def describe() -> Machine:
    """Describe this machine.

    Memory is in bytes; load is the average number of runnable processes over the last minute.
    """
    devices = jax.local_devices()
    torch_version = torch_program.version()
    versions = {"python": platform.python_version(), **{name: package_version(name) for name in PACKAGES}}
    return Machine(
        processor=processor(),
        cores=cores(),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=platform.platform(),
        devices=f"{len(devices)} x {devices[0].device_kind}",
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        versions=versions if torch_version is None else versions | {"torch": torch_version},
    )
