"""Find what a kept sentence brings along, and the commas of JSON that are not followed by anything kept."""

from collections.abc import Collection, Iterator, Sequence

from provence_plugins.engine.passages import ScoredSentence
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.types import Sentence

# Without these, what is kept of JSON would not be JSON.
_ALWAYS = frozenset({"inside", "closing", "separator"})


def brought_by(sentence: Sentence | ScoredSentence, policy: PruningPolicy, *, whole_answer: bool) -> Iterator[int]:
    """Yield the numbers of the sentences that a kept one brings along under a policy.

    Args:
        sentence: The kept sentence.
        policy: What to keep.
        whole_answer: Whether a question brings all of its answer, rather than the beginning only.
    """
    if policy.keep_headings and sentence.heading is not None:
        yield sentence.heading
    answered = False
    for tie in sentence.ties:
        if tie.kind not in _ALWAYS and tie.kind not in policy.ties:
            continue
        if tie.kind == "question":
            if answered and not whole_answer:
                continue
            answered = True
        yield tie.to


def is_json(sentence: Sentence | ScoredSentence) -> bool:
    """Return whether a sentence is a part of a JSON document."""
    return sentence.kind == "structure" or any(tie.kind in _ALWAYS for tie in sentence.ties)


def loose_separators(sentences: Sequence[Sentence | ScoredSentence], kept: Collection[int]) -> set[int]:
    """Return the kept commas after which nothing is kept in the same list or object."""
    loose: set[int] = set()
    if not any(sentences[number].kind == "structure" for number in kept):
        return loose
    followed: set[int] = set()  # brackets in which something after the current sentence is kept
    for number in sorted(kept, reverse=True):
        sentence = sentences[number]
        opener = next((tie.to for tie in sentence.ties if tie.kind == "inside"), None)
        if opener is None:
            continue
        is_separator = sentence.kind == "structure" and len(sentence.ties) == 1
        if is_separator and opener not in followed:
            loose.add(number)
        elif not is_separator:
            followed.add(opener)
    return loose
