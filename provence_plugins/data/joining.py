"""Put passages of one question into a single text, so that a model learns from long ones too.

Labelled passages are short, and retrieved documents are not: their windows are full of neighbours
that do not answer. Labels of people and of teachers move with their passages.
"""

from collections.abc import Sequence
from dataclasses import replace

from provence_plugins.data.examples import Example
from provence_plugins.data.silver import SilverSpan
from provence_plugins.types import Passage, Span

_BETWEEN = "\n\n"


def join_examples(example: Example, others: Sequence[Example], place: int) -> Example:
    """Return an example whose passage is read among others.

    Args:
        example: A positive. The new example has its id, question, title and answers.
        others: Negatives of the same question. Their sentences count as irrelevant to people, and
            as likely as a teacher says.
        place: How many of the others come before it.

    Returns:
        An example whose text holds all passages, with a blank line between two. It has silver
        labels only if all have, and the highest relevance that a teacher gave one of them.
    """
    parts = [*others[:place], example, *others[place:]]
    texts: list[str] = []
    evidence: list[Span] = []
    silver: list[SilverSpan] = []
    length = 0
    for part in parts:
        evidence += [_shift(span, length) for span in part.evidence]
        silver += [SilverSpan(_shift(given.span, length), given.probability) for given in part.silver]
        texts.append(part.passage.text)
        length += len(part.passage.text) + len(_BETWEEN)
    scores = [part.teacher for part in parts]
    return replace(
        example,
        passage=Passage(_BETWEEN.join(texts), example.passage.title),
        evidence=tuple(evidence),
        silver=tuple(silver) if all(part.silver for part in parts) else (),
        teacher=None if None in scores else max(score for score in scores if score is not None),
    )


def _shift(span: Span, by: int) -> Span:
    return Span(span.start + by, span.end + by)
