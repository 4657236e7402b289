"""Conventions of each checkpoint layout: how it wants text to be put before the model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """What a layout's models expect around sentences and titles.

    Attributes:
        name: What the layout is called in messages.
        model_type: The `model_type` in its `config.json`.
        version: The format version that this code reads.
        title_suffix: Put behind a title, so that the model can tell it from the first sentence.
    """

    name: str
    model_type: str
    version: int
    title_suffix: str


NATIVE = Format("native", model_type="provence", version=1, title_suffix=":")

FORMATS = {row.model_type: row for row in (NATIVE,)}
