"""`nag-ntk init` and `nag-ntk completion`: a copy of a bundled study, and completion for a shell."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from proofs_check.commands.console import Failure, say
from proofs_check.running.session import PROGRAM


def bundled(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a bundled study or of a file."""
    from proofs_check.study.load import bundled_configs

    names = [CompletionItem(name) for name in bundled_configs() if name.startswith(incomplete)]
    return [*names, CompletionItem(incomplete, type="file")]


def lemma_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the id of a lemma of the catalogue."""
    from proofs_check.lemmas import CATALOGUE

    return [lemma.id for lemma in CATALOGUE if lemma.id.startswith(incomplete)]


@click.command()
@click.argument("file", default="study.yaml", type=click.Path(path_type=Path))
@click.option("--like", default="quick", metavar="NAME", shell_complete=bundled, help="Bundled study to copy [quick].")
def init(file: Path, like: str) -> None:
    """Write a study to change and run.

    FILE [study.yaml] explains every key. An existing file is never overwritten.
    """
    from proofs_check.study.load import bundled_configs

    studies = bundled_configs()
    name = like.removesuffix(".yaml")
    if name not in studies:
        raise Failure(f'no bundled study is called "{like}"; there are: {", ".join(studies)}')
    text = studies[name].read_text(encoding="utf-8")
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise Failure(f"{file} is there already and was left as it is; name another FILE") from None
    except OSError as error:
        raise Failure(f"cannot write {file}: {error.strerror or error}") from None
    say(f"Wrote {file}. Change it, then: {PROGRAM} verify {file}")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion of a shell.

    It completes commands, options, lemmas, bundled studies and files.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # one of the choices
    variable = f"_{PROGRAM}_COMPLETE".replace("-", "_").upper()
    try:
        say(kind(context.find_root().command, {}, PROGRAM, variable).source())
    except RuntimeError as error:  # a bash too old
        raise Failure(str(error)) from None
