"""What a kept sentence brings along, and the commas of JSON that nothing kept follows."""

from collections.abc import Collection, Iterator, Sequence

from provence_plugins.engine.passages import ScoredSentence
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.types import Sentence

# Without these, what is kept of JSON would not be JSON.
_ALWAYS = frozenset({"inside", "closing", "separator"})


def brought_by(sentence: Sentence | ScoredSentence, policy: PruningPolicy) -> Iterator[int]:
    """Yield the numbers of the sentences that a kept one brings along under a policy."""
    if policy.keep_headings and sentence.heading is not None:
        yield sentence.heading
    for tie in sentence.ties:
        if tie.kind in _ALWAYS or tie.kind in policy.ties:
            yield tie.to


def loose_separators(sentences: Sequence[Sentence | ScoredSentence], kept: Collection[int]) -> set[int]:
    """Return the kept commas behind which nothing is kept in the same list or object."""
    loose: set[int] = set()
    if not any(sentences[number].kind == "structure" for number in kept):
        return loose
    followed: set[int] = set()  # brackets of which something behind the sentence that is looked at is kept
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
