"""The two errors that a user can cause: wrong input, and a run that does not fit into memory."""


class InputError(ValueError):
    """An argument is wrong; the message names the argument, the expected value and the remedy."""


class CapacityError(InputError):
    """The run would not fit into memory; the message gives the estimate and the limit."""
