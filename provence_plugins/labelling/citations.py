"""Read which sentences an answer cites."""

import re
from dataclasses import dataclass
from typing import Literal

from provence_plugins.labelling.prompts import NO_ANSWER, PromptName

Reason = Literal["no citation", "contradiction", "unknown sentence", "cut off", "prompt too long"]
"""Why an answer cannot be used."""

# One or several numbers: "2", "1, 4", "2-4", "Sentence 3", "1 and 5".
_LIST = r"(?:(?:sentences?|nos?\.?)\s*)?#?\d+(?:(?:\s*(?:[-–,;&]|\band\b|\bto\b)\s*|\s+)#?\d+)*"
_SQUARE = re.compile(rf"[\[【]\s*({_LIST})\s*[\]】]", re.IGNORECASE)
# Round brackets hold years and counts in prose, so they are citations only where nothing but
# numbers was asked for.
_ANY_FORM = re.compile(rf"[(（]\s*({_LIST})\s*[)）]|^\s*({_LIST})\s*\.?\s*$", re.IGNORECASE)
_RANGE = re.compile(r"(\d+)\s*(?:[-–]|to)\s*(\d+)", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_NONE = re.compile(rf"\b{NO_ANSWER}\b", re.IGNORECASE)
_NONE_ALONE = re.compile(r"\W*(?:none(?: of (?:them|the sentences)\b.*)?)?\W*", re.IGNORECASE)

# A range of numbers may be written wrongly; "[1-2000]" is a year or a slip.
_WIDEST_RANGE = 50


@dataclass(frozen=True, slots=True)
class Citations:
    """What an answer says of the sentences.

    Attributes:
        numbers: The cited sentences, from 0; none where nothing helps.
        unusable: Why the answer cannot be used; None if it can.
    """

    numbers: frozenset[int] = frozenset()
    unusable: Reason | None = None


def read_citations(
    answer: str,
    sentences: int,
    prompt: PromptName,
    *,
    is_complete: bool = True,
) -> Citations:
    """Return the sentences that an answer cites.

    An answer that neither cites a sentence nor says that there is no answer cannot be used; nor can
    one that does both, one that cites a sentence that does not exist, and one that was cut at its
    maximum length.

    Args:
        answer: The answer.
        sentences: Number of sentences that were shown.
        prompt: What was asked; only "straightforward" may be answered by numbers without brackets.
        is_complete: Whether the model ended the answer itself.
    """
    if not is_complete:
        return Citations(unusable="cut off")
    cited = _cited(answer, prompt)
    if not cited:
        if _says_none(answer, prompt):
            return Citations()
        return Citations(unusable="no citation")
    if _NONE.match(answer.strip(" \"'*")):
        return Citations(unusable="contradiction")
    if not all(1 <= number <= sentences for number in cited):
        return Citations(unusable="unknown sentence")
    return Citations(frozenset(number - 1 for number in cited))


def _says_none(answer: str, prompt: PromptName) -> bool:
    if _NONE.search(answer):
        return True
    return prompt == "straightforward" and bool(answer.strip()) and _NONE_ALONE.fullmatch(answer) is not None


def _cited(answer: str, prompt: PromptName) -> set[int]:
    texts = _SQUARE.findall(answer)
    if not texts and prompt == "straightforward":
        texts = [found[1] or found[2] for found in _ANY_FORM.finditer(answer)]
    numbers: set[int] = set()
    for text in texts:
        numbers |= _numbers(text)
    return numbers


def _numbers(text: str) -> set[int]:
    numbers = set(map(int, _NUMBER.findall(text)))
    for found in _RANGE.finditer(text):
        first, last = int(found[1]), int(found[2])
        if first < last <= first + _WIDEST_RANGE:
            numbers.update(range(first, last + 1))
    return numbers
