"""Readers of the store that show what a run found; they import nothing else of the project."""
