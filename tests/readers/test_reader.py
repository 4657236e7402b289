import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.readers.reader import Message, ReaderOptions


def test_a_message_is_what_chat_servers_take() -> None:
    assert Message("user", "Hello").to_dict() == {"role": "user", "content": "Hello"}


@pytest.mark.parametrize("name", ["threads", "context_tokens", "timeout", "attempts"])
def test_an_option_must_be_above_zero(name: str) -> None:
    with pytest.raises(InvalidInputError, match=f"{name} must be above 0; got 0"):
        ReaderOptions(**{name: 0})
