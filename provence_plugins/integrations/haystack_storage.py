"""How the components for Haystack are stored in pipelines: by their fields."""

from typing import Any, Self

from pydantic import BaseModel

from provence_plugins.integrations.versions import needs_framework

with needs_framework("haystack"):
    from haystack import default_from_dict, default_to_dict


class StoredFields:
    """Something that Haystack stores and loads again by its fields."""

    fields: BaseModel

    # Any: plain values, as Haystack stores pipelines.
    def to_dict(self) -> dict[str, Any]:
        """Return the component as plain values.

        Raises:
            PydanticSerializationError: The model is a `Pruner` instance, which has no name to load
                it by.
        """
        return dict(default_to_dict(self, **self.fields.model_dump(mode="json")))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the component that `to_dict` described."""
        made: Self = default_from_dict(cls, data)
        return made
