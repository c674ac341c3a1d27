"""The command line in the process of a test."""

from types import SimpleNamespace

import pytest

from proofs_check import cli


def caller(monkeypatch, capsys):
    """A function that calls the program with some arguments; its exit code, and what it wrote to stdout and stderr."""
    monkeypatch.setattr(cli, "_leave", lambda code: None)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        out, err = capsys.readouterr()
        return SimpleNamespace(code=end.value.code, out=out, err=err)

    return run
