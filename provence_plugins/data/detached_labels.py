"""Silver labels in files of their own, apart from the texts that they belong to.

The labels of a teacher are small, so they can be versioned with the recipe that needs them; the
texts are large, and their licences may not let them travel.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from provence_plugins.data.examples import Example, is_id
from provence_plugins.data.json_lines import read_json_lines
from provence_plugins.data.silver import (
    LIKELY,
    SILVER_KEY,
    TEACHER_KEY,
    SilverSpan,
    read_silver,
    read_teacher_score,
)

ID_KEY = "id"
"""Key of a line of labels with the id of the example whose question is meant."""

PASSAGE_ID_KEY = "passage_id"
"""Key of a line of labels with the id of the example whose passage is meant; by default the same."""


@dataclass(frozen=True, slots=True)
class _Labels:
    """What a teacher says of the question of one example and the passage of another."""

    silver: tuple[SilverSpan, ...]
    teacher: float | None


def attach_labels(examples: Sequence[Example], paths: Iterable[Path]) -> list[Example]:
    """Return the pairs that files of labels name, with these labels, and no other pair.

    A line holds `id`, the example whose question is meant; `passage_id`, the one whose passage is
    meant, if it is another; `silver` and `teacher_score`, as `provence label` writes them. Lines
    for which that command had no labels are skipped.

    Args:
        examples: The examples with the texts. What people say of a pair stays beside the labels.
        paths: The files, `.jsonl` or `.jsonl.gz`.

    Raises:
        DataError: A file cannot be read, a line is malformed, or names an example that is not
            there or is one of several of this id; the message names the line.
    """
    by_id: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_id[example.id].append(example)
    found: list[Example] = []
    for path in paths:
        found += _read(path, by_id)
    return found


def _read(path: Path, examples: Mapping[str, Sequence[Example]]) -> Iterator[Example]:
    # Any: whatever JSON holds.
    def parse(record: dict[str, Any], number: int) -> Example | None:
        if SILVER_KEY not in record and {"error", "discarded"} & record.keys():
            return None
        if SILVER_KEY not in record:
            raise KeyError(SILVER_KEY)
        asked = _find(examples, record[ID_KEY], ID_KEY)
        passage = record.get(PASSAGE_ID_KEY)
        read = asked if passage is None else _find(examples, passage, PASSAGE_ID_KEY)
        labels = _Labels(read_silver(record, read.passage.text), read_teacher_score(record))
        if read is asked:
            return replace(asked, silver=labels.silver, teacher=labels.teacher)
        return _pair(asked, read, labels, number)

    expected = f"an object with {ID_KEY}, {SILVER_KEY} and optionally {PASSAGE_ID_KEY} and {TEACHER_KEY}"
    return (example for example in read_json_lines(path, parse, expected=expected) if example is not None)


# Any: whatever JSON holds.
def _find(examples: Mapping[str, Sequence[Example]], value: Any, key: str) -> Example:
    if not is_id(value):
        raise ValueError(f"{key} must be a string or a number; got {value!r}")
    name = str(value)
    match examples.get(name, ()):
        case [example]:
            return example
        case []:
            raise ValueError(f"no example has the id {name!r}; name the files of all examples that the labels are for")
        case several:
            sources = ", ".join(example.source for example in several)
            raise ValueError(f"{len(several)} examples have the id {name!r}, in {sources}; give each its own id")


def _pair(asked: Example, read: Example, labels: _Labels, number: int) -> Example:
    """Return the pair of a question with a passage that people never showed for it."""
    is_likely = any(given.probability >= LIKELY for given in labels.silver)
    return Example(
        # The form of a mined negative's id, so that it is drawn like one unless it is relevant.
        id=f"{asked.question_id}#n{number}",
        source=asked.source,
        question=asked.question,
        passage=read.passage,
        evidence=(),
        positive=is_likely,
        teacher=labels.teacher,
        silver=labels.silver,
        is_annotated=False,
        kind=read.kind,
        question_type=asked.question_type,
    )
