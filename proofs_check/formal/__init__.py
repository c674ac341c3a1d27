"""Formal proofs in Coq of the deterministic part of the theorem, one short file per step.

The statements are in the .v files of this folder; `sources` reads them, and `coq` compiles them in a scratch folder.
They use only the standard library of Coq. See docs/theory/formal.md.
"""
