"""Break answers kept and text removed down by source, kind of text or type of question."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean
from types import MappingProxyType
from typing import Literal, get_args

from provence_plugins.evaluation.metrics.answers import at_threshold
from provence_plugins.evaluation.metrics.scored_examples import ScoredExample

Breakdown = Literal["source", "kind", "question-type"]
BREAKDOWNS: tuple[Breakdown, ...] = get_args(Breakdown)

# Questions whose data name no kind or type.
_UNNAMED = "not named"

_GROUP_OF: Mapping[Breakdown, Callable[[ScoredExample], str | None]] = MappingProxyType(
    {
        "source": attrgetter("source"),
        "kind": attrgetter("kind"),
        "question-type": attrgetter("question_type"),
    }
)


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """The questions of one group at a threshold.

    Attributes:
        group: Name of the group.
        questions: Number of its questions.
        kept: Share of them for which a relevant sentence is kept.
        whole: Share of them for which all relevant sentences are kept.
        removed: Share of the characters of their passages that is removed.
    """

    group: str
    questions: int
    kept: float
    whole: float
    removed: float


def break_down(
    examples: Sequence[ScoredExample],
    by: Breakdown,
    threshold: float,
) -> list[BreakdownRow]:
    """Return a row for each group of questions, the largest group first."""
    groups: dict[str, list[ScoredExample]] = defaultdict(list)
    for example in examples:
        groups[_GROUP_OF[by](example) or _UNNAMED].append(example)
    rows: list[BreakdownRow] = []
    for name, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        row = at_threshold(group, threshold)
        whole = fmean(example.worst_relevant >= threshold for example in group)
        rows.append(BreakdownRow(name, len(group), row.kept, whole, row.removed))
    return rows
