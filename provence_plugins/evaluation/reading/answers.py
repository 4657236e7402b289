"""Whether an answer is right: it is normalized and compared, as SQuAD does it."""

import re
import string
from collections import Counter
from collections.abc import Sequence

from provence_plugins.evaluation.metrics.words import find_words

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

_ABSTAINS = re.compile(
    r"\bunanswerable\b|\b(?:no|not|n't|cannot|can't)\b[^.]{0,40}\b(?:answer|answered|information|mention|mentioned|"
    r"state|stated|specify|specified|provide|provided|say|given)\b|\b(?:do|does) ?n[o']t (?:know|mention|provide|say)",
    re.IGNORECASE,
)


def normalize(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation and English articles."""
    plain = _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION))
    return [plain[start:end] for start, end in find_words(plain).tolist()]


def matches(answer: str, right: Sequence[str]) -> bool:
    """Return whether the words of a right answer occur in an answer in a row."""
    words = normalize(answer)
    for each in right:
        expected = normalize(each)
        starts = range(len(words) - len(expected) + 1)
        if expected and any(words[start : start + len(expected)] == expected for start in starts):
            return True
    return False


def token_f1(answer: str, right: Sequence[str]) -> float:
    """Return F1 of an answer's words against the right answer that it fits best."""
    return max((_f1(normalize(answer), normalize(each)) for each in right), default=0.0)


def abstains(answer: str) -> bool:
    """Return whether an answer says that there is none; an empty one does."""
    return not answer.strip() or _ABSTAINS.search(answer) is not None


def _f1(words: Sequence[str], expected: Sequence[str]) -> float:
    common = sum((Counter(words) & Counter(expected)).values())
    return 2 * common / (len(words) + len(expected)) if common else 0.0
