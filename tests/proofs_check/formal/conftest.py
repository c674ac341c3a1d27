"""The formal proofs compiled: what tie.v needs, for the plain run, and everything."""

import shutil

import pytest
from kept_build import kept_build
from needed import needed_by

from proofs_check.formal import coq


@pytest.fixture(scope="session")
def with_coq():
    """Without Coq the tests that need it are skipped, and .ci/run insists on having it."""
    if shutil.which("coqc") is None:
        pytest.skip(coq.INSTALL)


@pytest.fixture(scope="session")
def compiled(with_coq, pytestconfig, tmp_path_factory):
    """The compiled files of tie.v and all that it requires, unpacked from an earlier run if no proof has changed."""
    cache, source = getattr(pytestconfig, "cache", None), tmp_path_factory.mktemp("tie")
    for name, text in needed_by("tie").items():
        (source / f"{name}.v").write_text(text, encoding="utf-8")
    return kept_build(cache and cache.mkdir("formal"), tmp_path_factory.mktemp("formal"), source)


@pytest.fixture(scope="session")
def everything(with_coq, pytestconfig, tmp_path_factory):
    """The compiled files of all proofs, unpacked from an earlier run if none has changed."""
    cache = getattr(pytestconfig, "cache", None)
    return kept_build(cache and cache.mkdir("formal"), tmp_path_factory.mktemp("formal"))
