"""What the theory claims, checked: lemmas, evidence, verdicts, and the `nag-ntk` command."""
