"""The sentence that a mistake in the data is answered with."""

import re

import jaxtyping
import pytest

from nag_ntk import InputError


@pytest.fixture
def unchecked():
    """Annotations unchecked, as for a user: what arrives is then what the checks of the package must answer."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def answer(call, length=250):
    """The message of the InputError: one sentence, one line, no traceback."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert not re.search(r"\.\s+[A-Z]", message), f"more than one sentence: {message}"
    assert len(message) < length
    return message
