"""Coq: the deterministic skeleton of the theorem, a short file per step, checked by a proof assistant.

The statements are in the .v files beside this one; `sources` reads them, `coq` compiles them in a scratch folder. Only
the standard library of Coq is used. Page: docs/theory/formal.md.
"""
