"""The command line in the process of a test."""

from types import SimpleNamespace

import pytest

from proofs_check.commands import cli

STUDY = """
dataset: {source: sphere, samples: 4, dimension: 3}
methods: [gradient_descent, nesterov]
width: 32
seeds: 4
steps: 5
"""
"""A small study, of the file tiny.yaml that the fixture `call` writes."""


def caller(monkeypatch, capsys):
    """A function that calls the program with some arguments; its exit code, and what it wrote to stdout and stderr."""
    monkeypatch.setattr(cli, "_leave", lambda code: None)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        out, err = capsys.readouterr()
        return SimpleNamespace(code=end.value.code, out=out, err=err)

    return run
