"""One call that sets up JAX for this process: float64, a CPU device per core, compilations kept on disk."""

import os
import sys
from pathlib import Path

import jax

from nag_ntk.errors import InputError
from nag_ntk.precision import enable_float64
from nag_ntk.run.devices import cores

_NAME = "nag-ntk"


def configure(*, float64: bool = True, cpu_devices: int | None = None, cache: bool | str | os.PathLike = True) -> None:
    """Set up JAX for this process as the command `nag-ntk` does; call it before the first array is made.

    Without it JAX computes in float32, takes one CPU device for all cores, over which `simulate` cannot spread seeds,
    and compiles anew in each process. GPUs and TPUs are there without it.

    Args:
        float64: switch float64 on, as `enable_float64` does.
        cpu_devices: number of CPU devices; None for one per core, or for what JAX_NUM_CPU_DEVICES or XLA_FLAGS say.
        cache: where compilations are kept: True for NAG_NTK_CACHE or else the user's cache folder, a path, or False.

    Raises:
        InputError: JAX has started with another number of CPU devices, or the argument makes no sense.

    Example:
        >>> import nag_ntk
        >>> nag_ntk.configure()  # doctest: +SKIP
        >>> run = nag_ntk.simulate(nag_ntk.digits(20), nag_ntk.gradient_descent(0.1), 1024, 4, 10)  # doctest: +SKIP
    """
    if cpu_devices is not None and (
        isinstance(cpu_devices, bool) or not isinstance(cpu_devices, int) or cpu_devices < 1
    ):
        raise InputError(f"cpu_devices must be a positive integer or None, got {cpu_devices!r}")
    told = "JAX_NUM_CPU_DEVICES" in os.environ or "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    wanted = cpu_devices or (0 if told else cores())
    if wanted:
        _set_devices(wanted)
    if float64:
        enable_float64()
    folder = cache_folder() if cache is True else Path(cache) if cache else None
    if folder is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _set_devices(wanted: int) -> None:
    try:
        jax.config.update("jax_num_cpu_devices", wanted)
    except RuntimeError:  # JAX has started
        found = len(jax.devices("cpu"))
        if found != wanted:
            raise InputError(
                f"nag_ntk.configure() comes too late for {wanted} CPU devices: JAX has started with {found}. Call it "
                f"before the first array is made and before jax.devices(), or pass cpu_devices={found}"
            ) from None


def cache_folder() -> Path | None:
    """Return the folder in which compilations are kept; None if it cannot be written, or is set to nothing.

    It is NAG_NTK_CACHE, or our folder in the user's cache.
    """
    try:
        setting = os.environ.get("NAG_NTK_CACHE")
        if setting is not None:
            folder = Path(setting) if setting else None
        elif sys.platform == "win32":
            folder = Path(os.environ["LOCALAPPDATA"]) / _NAME / "Cache"
        elif sys.platform == "darwin":
            folder = Path.home() / "Library" / "Caches" / _NAME
        else:
            folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / _NAME
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        return folder if folder is not None and os.access(folder, os.W_OK) else None
    except (OSError, KeyError, RuntimeError):  # RuntimeError: no home
        return None
