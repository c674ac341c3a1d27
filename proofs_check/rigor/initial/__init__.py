"""Certificates at initialisation: proofs that a network converges, from its first weights, without running it.

`prove` searches in float64, `certificate` writes the file, and `recheck` proves its claims in ball arithmetic without
the other modules. Derivation: docs/initial-certificates.md.
"""
