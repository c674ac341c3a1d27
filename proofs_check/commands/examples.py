"""Examples at the end of every --help; a test parses each with the command that it shows."""

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "verify": (
        ("nag-ntk verify", "the default study: about a minute"),
        ("nag-ntk verify my-study.yaml --out results --resume", "your own; goes on if it was stopped"),
        ("nag-ntk verify my-study.yaml --dry-run", "what it will need, and whether its seeds suffice"),
        ("nag-ntk verify quick --select distance --select flip-count --seeds 200", "two lemmas, more seeds"),
        ("nag-ntk verify quick --set width=512 --set methods=[nesterov] --out narrow", "changed without a file"),
        ("nag-ntk verify quick --lemmas my_lemmas.py --select growth", "a lemma of your own"),
        ("nag-ntk verify quick --max-seeds 1024 --strict", "until every claim is decided"),
    ),
    "check": (
        ("nag-ntk check my_lemmas.py", "does every lemma of the file conform, and do its controls fall?"),
        ("nag-ntk check my_lemmas.py --select growth --seeds 32", "one of them, sooner"),
    ),
    "lemmas": (
        ("nag-ntk lemmas", "the catalogue, in the order of the proof"),
        ("nag-ntk lemmas --json", "for a program"),
    ),
    "explain": (("nag-ntk explain nesterov-contraction", "statement, hypotheses, source, controls"),),
    "search": (
        ("nag-ntk search gram-separation --budget 500", "attack a lemma"),
        ("nag-ntk search gram-positive --control distinct --out witness.json", "a false variant must fall"),
        ("nag-ntk search --replay witness.json", "check a stored counterexample again"),
    ),
    "certify": (
        ("nag-ntk certify quick --method nesterov --seeds 1", "one network, from its first weights to zero loss"),
        ("nag-ntk certify quick --from late --out proofs", "only from late in a run on"),
    ),
    "recheck": (("nag-ntk recheck nag-ntk-certificates/quick/*.json", "verify certificates, and nothing else"),),
    "report": (("nag-ntk report nag-ntk-results/quick", "write report.html again"),),
    "compare": (
        ("nag-ntk compare results narrow", "which verdicts and margins changed, and what the studies differ in"),
        ("nag-ntk compare before after --tolerance 0.1 --json", "larger changes of margins only, for a program"),
    ),
    "formal": (("nag-ntk formal --words", "compile the Coq proofs, say what each theorem says"),),
    "bench": (
        ("nag-ntk bench --quick", "a minute"),
        ("nag-ntk bench --json bench.json --markdown docs/performance.md", "all, kept"),
    ),
    "width": (
        ("nag-ntk width quick", "what the theory asks for on these data"),
        ("nag-ntk width quick --set dataset.samples=10", "on fewer of them"),
        ("nag-ntk width my-study.yaml --delta 0.01 --json", "more surely, for a program"),
    ),
    "schema": (("nag-ntk schema > study.schema.json", "for the editor"),),
    "init": (
        ("nag-ntk init my-study.yaml", "the default study, every key explained"),
        ("nag-ntk init ladder.yaml --like width", "start from another one"),
    ),
    "completion": (
        ('eval "$(nag-ntk completion bash)"', "for this shell; in ~/.bashrc for all"),
        ('eval "$(nag-ntk completion zsh)"', "the same for zsh; ~/.zshrc"),
        ("nag-ntk completion fish", "for fish: pipe it to source in ~/.config/fish/config.fish"),
    ),
}
"""Examples by command: the command line, and its effect."""


def epilog(command: str) -> str:
    r"""Format the examples of a command for click, unwrapped.

    Example:
        >>> print(epilog("report").replace("\b", ""))
        <BLANKLINE>
        Examples:
          nag-ntk report nag-ntk-results/quick
              write report.html again
    """
    shown = [f"  {line}\n      {effect}" for line, effect in EXAMPLES.get(command, ())]
    return "\n".join(["\b", "Examples:", *shown]) if shown else ""
