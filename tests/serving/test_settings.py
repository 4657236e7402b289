import pickle

import pytest
from rows import row

from provence_plugins import SharedScorer
from provence_plugins.errors import InvalidInputError
from provence_plugins.serving.settings import ServeSettings


def test_an_invalid_value_is_refused_by_name() -> None:
    for name, value in [
        ("max_requests", 0),
        ("max_passages", 1.5),
        ("max_body_bytes", True),
        ("timeout_seconds", 0),
        ("body_seconds", float("nan")),
        ("timeout_seconds", float("inf")),
        ("api_key", ""),
        ("api_key", "two\nlines"),
        ("api_key", "schlüssel"),
        ("api_key", b"secret"),
        ("api_key", " "),
        ("policy", {"threshold": 1}),
        ("options", None),
        ("options", {"scorer": SharedScorer}),
        ("gather_seconds", -1),
        ("timeout_seconds", "x"),
    ]:
        with row(name, value), pytest.raises(InvalidInputError, match=name):
            ServeSettings(**{name: value})  # type: ignore[arg-type]


def test_every_worker_gets_the_settings() -> None:
    settings = ServeSettings(model="folder", api_key="secret", options={"threads": 2})
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(ServeSettings(api_key="secret"))
