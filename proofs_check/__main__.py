"""Runs the command line: python -m proofs_check."""

from proofs_check.commands.cli import main

main()
