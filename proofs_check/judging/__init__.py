"""Verdicts of a study: call the checks of the lemmas, validate their evidence, and decide all claims together."""
