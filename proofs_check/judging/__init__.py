"""From a lemma and a run to a verdict: evidence is asked for, checked, and decided for the study as a whole."""
