"""Training: `simulate`, the preparation and the driving of a run, and probes along it."""
