"""Training: `simulate`, the preparation of a run, and the driver that runs its steps."""
