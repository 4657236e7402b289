import inspect
from typing import Any

import pytest
from pydantic import ValidationError

from provence_plugins.integrations.fields import DocumentFields
from provence_plugins.integrations.signatures import takes_fields_of


class Adapter:
    @takes_fields_of(DocumentFields)
    def __init__(self, **fields: Any) -> None:
        self.fields = DocumentFields(**fields)


def test_the_signature_names_every_field_with_its_default() -> None:
    parameters = inspect.signature(Adapter).parameters
    assert {name: each.default for name, each in parameters.items()} == {
        name: field.get_default() for name, field in DocumentFields.model_fields.items()
    }
    assert {each.kind for each in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}


def test_what_is_given_is_checked_by_the_fields() -> None:
    assert Adapter(threshold=0.5).fields == DocumentFields(threshold=0.5)
    with pytest.raises(ValidationError, match="treshold"):
        Adapter(treshold=0.5)  # type: ignore[call-arg]
