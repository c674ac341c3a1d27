"""The flags of the tests' compilations: what this XLA does not know is left out, and asked for once."""

import compilation


class Cache(dict):
    """Stand-in for pytest's cache: get and set."""

    def set(self, key, value):
        self[key] = value


def test_flags_that_this_xla_does_not_know_are_left_out(monkeypatch):
    monkeypatch.setattr(compilation, "FLAGS", ("--xla_of_no_release=1", "--xla_backend_optimization_level=1"))
    cache = Cache()
    assert compilation.quick_flags(cache) == "--xla_backend_optimization_level=1"
    monkeypatch.setattr(compilation, "_starts", None)  # not asked a second time
    assert compilation.quick_flags(cache) == "--xla_backend_optimization_level=1"
