"""The way in: init writes a study that works, completion knows the names, every example in --help parses."""

import shlex
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from proofs_check.commands import cli
from proofs_check.commands.examples import EXAMPLES
from proofs_check.lemmas import CATALOGUE
from proofs_check.running import session
from proofs_check.study.load import bundled_configs, load_study


def call(*arguments, **options):
    return CliRunner().invoke(cli.cli, arguments, prog_name=session.PROGRAM, **options)


@pytest.mark.parametrize("name", sorted(bundled_configs()))
def test_init_writes_a_study(tmp_path, name):
    file = tmp_path / "mine.yaml"
    end = call("init", str(file), "--like", name)
    assert end.exit_code == 0
    assert f"nag-ntk verify {file}" in end.output
    given, theirs = load_study(file), load_study(name)
    unnamed = [[run.model_copy(update={"name": ""}) for run in study.runs] for study in (given, theirs)]
    assert unnamed[0] == unnamed[1]  # a study without runs calls its only one after itself
    assert load_study(file).name == "mine"


def test_init_overwrites_nothing_and_says_what_is_wrong(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text("somebody's work", encoding="utf-8")
    for arguments, said in (
        ([str(file)], "is there already"),
        ([str(tmp_path / "no" / "study.yaml")], "No such file"),
        ([str(tmp_path / "b.yaml"), "--like", "quik"], "there are: acceleration"),
        ([str(tmp_path)], "there already"),
    ):
        end = call("init", *arguments)
        assert isinstance(end.exception, cli.Failure)
        assert said in str(end.exception)
        assert end.exception.code == 2
    assert file.read_text(encoding="utf-8") == "somebody's work"
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell):
    end = call("completion", shell)
    assert end.exit_code == 0
    assert f"_NAG_NTK_COMPLETE={shell}_complete" in end.output


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("explain gra", [lemma.id for lemma in CATALOGUE if lemma.id.startswith("gra")]),
        ("verify --select nesterov-v", ["nesterov-vs-gd", "nesterov-vs-heavy-ball"]),
        ("verify theo", ["theorem", "theorem_width", "theo"]),  # the last one asks the shell for files
        ("comp", ["compare", "completion"]),
    ],
)
def test_the_shell_gets_names(typed, expected):
    environment = {
        "COMP_WORDS": f"nag-ntk {typed}", "COMP_CWORD": str(len(typed.split())), "_NAG_NTK_COMPLETE": "bash_complete",
    }  # fmt: skip
    end = subprocess.run(
        [sys.executable, "-c", "from proofs_check.commands.cli import main; main()"], env=environment,
        capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert [line.partition(",")[2] for line in end.stdout.splitlines()] == expected


def test_every_command_shows_examples():
    assert EXAMPLES.keys() == cli.cli.commands.keys()
    for name in EXAMPLES:
        shown = call(name, "--help").output
        for typed, does in EXAMPLES[name]:
            assert typed in shown
            assert does in shown


@pytest.mark.parametrize("typed", [typed for examples in EXAMPLES.values() for typed, _ in examples])
def test_every_example_parses(typed):
    line = typed.partition(" > ")[0].replace('eval "$(', "").replace(')"', "")
    program, name, *arguments = shlex.split(line)
    assert program == session.PROGRAM
    command = cli.cli.commands[name]
    context = command.make_context(name, arguments, parent=click.Context(cli.cli))
    if name == "check" or context.params.get("lemma_files"):
        return  # lemmas of a file that nobody has
    for lemma in [*context.params.get("select", ()), *filter(None, [context.params.get("lemma_id")])]:
        found = {known.id: known for known in CATALOGUE}[lemma]
        control = context.params.get("control")
        assert control is None or control in [known.id for known in found.controls]
