"""The thresholds of a model, its own default and those that have a name, and how they apply."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from provence_plugins.errors import InvalidInputError

ThresholdName = Literal["careful", "balanced", "short"]
THRESHOLD_NAMES: tuple[ThresholdName, ...] = get_args(ThresholdName)

Threshold = float | ThresholdName
"""A number from 0 to 1, or the name of a threshold that the model stores."""

NAMED_RECALLS: Mapping[ThresholdName, float] = MappingProxyType({"careful": 0.99, "balanced": 0.97, "short": 0.93})
"""The share of the answers that each named threshold keeps on the data that it was measured on."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds that a model comes with.

    Attributes:
        default: Threshold of a policy without one.
        careful: Threshold that keeps 99 of 100 answers; None if the model does not store it.
        balanced: Threshold that keeps 97 of 100 answers; None if the model does not store it.
        short: Threshold that keeps 93 of 100 answers; None if the model does not store it.
        passage_comparison: How much a surer passage of the same query counts against the sentences
            of a passage, at least 0, before they are compared with one of these thresholds; see
            `engine.pooling.compare_passages`. The thresholds were measured with it.
    """

    default: float
    careful: float | None = None
    balanced: float | None = None
    short: float | None = None
    passage_comparison: float = 0.0

    @property
    def named(self) -> dict[ThresholdName, float]:
        """The named thresholds that the model stores."""
        values = {name: getattr(self, name) for name in THRESHOLD_NAMES}
        return {name: value for name, value in values.items() if value is not None}

    def resolve(self, given: Threshold | None) -> float:
        """Return the number that a threshold stands for; None stands for the model's own default.

        Raises:
            InvalidInputError: The model does not store a threshold of this name.
        """
        if given is None:
            return self.default
        if not isinstance(given, str):
            return given
        if given not in self.named:
            raise InvalidInputError(
                f"threshold={given!r} needs a model that stores a threshold of this name; this one "
                f"stores {self._listed()}. Use a number from 0 to 1, or None for the model's own "
                f"({self.default:g})."
            )
        return self.named[given]

    def comparison_for(self, threshold: Threshold | None, given: float | None) -> float:
        """Return the comparison of passages of a policy; None stands for the model's own.

        The model's own belongs to its thresholds. With a number as threshold it is 0, so that a
        sentence is kept exactly where its probability reaches the number.
        """
        if given is not None:
            return given
        return self.passage_comparison if threshold is None or isinstance(threshold, str) else 0.0

    def _listed(self) -> str:
        return ", ".join(f"{name!r} ({value:g})" for name, value in self.named.items()) or "none"
