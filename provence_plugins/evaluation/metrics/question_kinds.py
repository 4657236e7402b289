"""Kinds of questions, to see on which ones a method fails."""

import re
from collections.abc import Callable

import numpy as np

from provence_plugins.evaluation.metrics.scored_examples import ScoredExample

_QUESTION_WORDS = {word: word for word in ("what", "which", "who", "when", "where", "why", "how")} | {
    "whom": "who",
    "whose": "who",
}
_YES_NO = re.compile(
    r"\W*(am|is|are|was|were|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)\b"
)


def evidence_place(example: ScoredExample) -> str:
    """Return where the evidence is: in the "first" or "last" sentence alone, or "between"."""
    places = np.flatnonzero(example.without_negatives.relevant)
    if places[-1] == 0:
        return "first"
    if places[0] == example.positive_size - 1:
        return "last"
    return "between"


def question_word(example: ScoredExample) -> str:
    """Return the question word, "yes/no", or "other", for example for claims."""
    question = example.question.lower()
    if _YES_NO.match(question):
        return "yes/no"
    words = re.findall(r"[a-z]+", question)
    return next((_QUESTION_WORDS[word] for word in words if word in _QUESTION_WORDS), "other")


QUESTION_KINDS: dict[str, Callable[[ScoredExample], str]] = {
    "question word": question_word,
    "place of the answer": evidence_place,
}
