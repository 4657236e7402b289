"""Find what a kept sentence brings along, and the commas of JSON that nothing follows."""

from collections.abc import Collection, Iterator

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.text.columns import Sentences
from provence_plugins.text.json_text import is_json_document

# Without these, what is kept of JSON would not be JSON.
_ALWAYS = frozenset({"inside", "closing", "separator"})


def brought_by(
    sentences: Sentences,
    number: int,
    policy: PruningPolicy,
    *,
    whole_answer: bool,
) -> Iterator[int]:
    """Yield the numbers of the sentences that a kept one brings along under a policy.

    Args:
        sentences: The sentences of the text.
        number: The kept one.
        policy: What to keep.
        whole_answer: Whether a question brings all of its answer, rather than the beginning only.
    """
    heading = sentences.headings[number]
    if policy.keep_headings and heading is not None:
        yield heading
    answered = False
    for kind, to in sentences.ties_of(number):
        if kind not in _ALWAYS and kind not in policy.ties:
            continue
        if kind == "question":
            if answered and not whole_answer:
                continue
            answered = True
        yield to


def is_json(sentences: Sentences, number: int) -> bool:
    """Return whether a sentence is a part of a JSON document."""
    return sentences.kinds[number] == "structure" or any(kind in _ALWAYS for kind, _ in sentences.ties_of(number))


def outermost_bracket(sentences: Sentences, number: int) -> int:
    """Return the number of the outermost bracket around a part of JSON; its own if nothing is around it."""
    opener = number
    passed = {number}  # sentences of a caller may stand inside each other
    while True:
        around = [to for kind, to in sentences.ties_of(opener) if kind == "inside" and to not in passed]
        if not around:
            return opener
        opener = around[0]
        passed.add(opener)


def holds_json(sentences: Sentences, text: str) -> bool:
    """Return whether a text holds parts of JSON documents, or is one whole document on each line."""
    if "structure" in sentences.kinds or any(is_json(sentences, number) for number in sentences.links):
        return True
    return {*sentences.kinds} == {"record"} and all(map(is_json_document, sentences.texts(text)))


def loose_separators(sentences: Sentences, kept: Collection[int]) -> set[int]:
    """Return the kept commas after which nothing is kept in the same list or object."""
    loose: set[int] = set()
    if "structure" not in sentences.kinds:
        return loose
    followed: set[int] = set()  # brackets in which something after the current sentence is kept
    for number in sorted(kept, reverse=True):
        ties = sentences.ties_of(number)
        opener = next((to for kind, to in ties if kind == "inside"), None)
        if opener is None:
            continue
        is_separator = sentences.kinds[number] == "structure" and len(ties) == 1
        if is_separator and opener not in followed:
            loose.add(number)
        elif not is_separator:
            followed.add(opener)
    return loose
