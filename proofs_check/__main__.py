"""Runs the command line: python -m proofs_check."""

from proofs_check.cli import main

main()
