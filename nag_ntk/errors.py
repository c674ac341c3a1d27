"""The two errors that a user can cause: wrong input, and a run that cannot fit."""


class InputError(ValueError):
    """An argument is wrong; the message names the offender, what was expected and the cure."""


class CapacityError(InputError):
    """The run would not fit into memory; the message gives the estimate and the limit."""
