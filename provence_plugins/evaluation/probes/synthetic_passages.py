"""Passages made of sentences of others, to vary their length and the place of an answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from provence_plugins.data.examples import Example, label_sentences
from provence_plugins.evaluation.methods.method import SplitPassage
from provence_plugins.types import Passage, Sentence, Span


@dataclass(frozen=True, slots=True)
class LabelledSentence:
    """One sentence without the whitespace around it, and whether it holds the answer."""

    text: str
    relevant: bool = False


def take_apart(passage: SplitPassage) -> list[LabelledSentence]:
    """Return the sentences of a passage, without blank ones."""
    labels = label_sentences(passage.example, passage.sentences)
    sentences: list[LabelledSentence] = []
    for text, label in zip(passage.texts, labels, strict=True):
        if text.strip():
            sentences.append(LabelledSentence(text.strip(), label))
    return sentences


def put_together(
    example: Example,
    sentences: Sequence[LabelledSentence],
    *,
    title: str | None = None,
) -> SplitPassage:
    """Return a question with a passage made of these sentences, a space between two of them."""
    places: list[Sentence] = []
    evidence: list[Span] = []
    start = 0
    for number, sentence in enumerate(sentences, start=1):
        end = start + len(sentence.text)
        if sentence.relevant:
            evidence.append(Span(start, end))
        space = int(number < len(sentences))
        places.append(Sentence(start, end + space))
        start = end + space
    passage = Passage(" ".join(sentence.text for sentence in sentences), title)
    return SplitPassage(replace(example, passage=passage, evidence=tuple(evidence)), places)


def unrelated_prose(
    passages: Sequence[SplitPassage],
    question: Example,
) -> Iterator[LabelledSentence]:
    """Yield sentences of running text that are unrelated to a question, in order.

    They come from other sources, where a question of this one cannot be answered; in data of one
    source, from passages of other questions.
    """
    others = [passage for passage in passages if passage.example.source != question.source]
    if not others:
        asked = question.question_id
        others = [passage for passage in passages if passage.example.question_id != asked]
    for passage in others:
        for sentence, text in zip(passage.sentences, passage.texts, strict=True):
            if sentence.kind == "sentence" and text.strip():
                yield LabelledSentence(text.strip())
