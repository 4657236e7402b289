"""The JSON objects that clients send to prune; OpenAPI describes them by these classes."""

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
    field_validator,
    model_validator,
)

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.requests import is_deeper_than
from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import refuse_unknown
from provence_plugins.types import MeaningTie, Passage

# Far below the depth at which Python stops to write JSON.
_MAX_DEPTH = 20
_MAX_MARK = 200


class StrictBody(BaseModel):
    """An object that converts no types, and refuses unknown fields with the nearest known one."""

    _noun: ClassVar[str] = "field"  # what an error calls one

    model_config = ConfigDict(extra="forbid", strict=True)

    # Any: whatever the client has sent.
    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, value: Any) -> Any:
        if isinstance(value, dict):
            refuse_unknown(value, list(cls.model_fields), noun=cls._noun)
        return value


class PassageBody(StrictBody):
    """A passage, with an id and metadata of the client's own.

    Attributes:
        text: The text.
        title: Title of the page that it comes from, which the model reads as context.
        id: Returned unchanged.
        metadata: Returned unchanged.
    """

    text: str
    title: str | None = None
    id: str | int | None = None
    # Any: the sender's own values.
    metadata: dict[str, Any] | None = None

    @field_validator("metadata")
    @classmethod
    def _refuse_deep(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if is_deeper_than(value, _MAX_DEPTH):
            raise InvalidInputError(f"It must be nested at most {_MAX_DEPTH} deep. Flatten it.")
        return value

    def to_passage(self) -> Passage:
        """Return what the pruner reads of it."""
        return Passage(self.text, self.title)


def _policy_fields() -> dict[str, Any]:
    """Return the type and the default of each field of `PruningPolicy`, as pydantic takes them."""
    kinds = get_type_hints(PruningPolicy)
    return {field.name: (kinds[field.name], field.default) for field in fields(PruningPolicy)}


if TYPE_CHECKING:
    _PolicyFields = StrictBody  # type checkers know no classes that are made at run time
else:
    _PolicyFields = create_model("_PolicyFields", __base__=StrictBody, **_policy_fields())


class PolicyBody(_PolicyFields):
    """What is kept, as in `PruningPolicy`; a field that is not sent has the server's value.

    Some fields accept less than in Python, because a stranger's regular expression or format could
    block the server, and JSON has no functions: `pins` are texts that a sentence contains, the only
    placeholder of `omission` is {count}, and `token_counter` has two names.
    """

    keep_neighbors: list[int] = Field(default=[0, 0], min_length=2, max_length=2)
    pins: list[str] | None = None
    omission: Annotated[str, Field(max_length=_MAX_MARK)] | None = None
    ties: list[MeaningTie] = Field(default=[])
    token_counter: Literal["characters", "words"] | None = None

    @field_validator("omission")
    @classmethod
    def _refuse_formats(cls, value: str | None) -> str | None:
        rest = (value or "").replace("{{", "").replace("}}", "").replace("{count}", "")
        if "{" in rest or "}" in rest:
            raise InvalidInputError("The only placeholder is {count}; write {{ for a brace.")
        return value

    def over(self, policy: PruningPolicy) -> PruningPolicy:
        """Return a policy with the fields that were sent in place of its own.

        Raises:
            InvalidInputError: A value is out of its range.
        """
        given = self.model_dump(exclude_unset=True)
        for name in ("keep_neighbors", "ties"):
            if name in given:
                given[name] = tuple(given[name])
        if self.pins is not None:
            texts = tuple(text for text in self.pins if text)
            given["pins"] = lambda sentence: any(text in sentence for text in texts)
        return replace(policy, **given)


def text_or_object(body: type[BaseModel], noun: str) -> BeforeValidator:
    """Return what lets a client send a plain text in place of an object with a text.

    Args:
        body: The class of the object.
        noun: What an error calls it.
    """

    # Any: whatever the client has sent.
    def wrap(value: Any) -> Any:
        if isinstance(value, str):
            return {"text": value}
        if not isinstance(value, dict):
            raise InvalidInputError(f"A {noun} must be a string, or an object with a text.")
        return value

    return BeforeValidator(wrap, json_schema_input_type=str | body)


class PruneBody(StrictBody):
    """A request to prune.

    Attributes:
        query: The question.
        passages: Texts, or objects with a text.
        policy: What is kept, where it differs from the server's policy.
        sentences: Whether the answer has every sentence with its probability.
    """

    query: str
    passages: list[Annotated[PassageBody, text_or_object(PassageBody, "passage")]]
    policy: PolicyBody = Field(default_factory=PolicyBody)
    sentences: bool = False
