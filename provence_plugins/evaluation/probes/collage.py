"""Passages put together from sentences of others, to see how a method takes their place and their number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from provence_plugins.data.examples import Example, label_sentences
from provence_plugins.evaluation.methods.method import SplitPassage
from provence_plugins.types import Passage, Sentence, Span


@dataclass(frozen=True, slots=True)
class Piece:
    """One sentence, without the white space around it, and whether it holds the answer."""

    text: str
    relevant: bool = False


def take_apart(passage: SplitPassage) -> list[Piece]:
    """The sentences of a passage; blank ones are left out."""
    labels = label_sentences(passage.example, passage.sentences)
    pieces = [Piece(text.strip(), label) for text, label in zip(passage.texts, labels, strict=True)]
    return [piece for piece in pieces if piece.text]


def put_together(example: Example, pieces: Sequence[Piece], *, title: str | None = None) -> SplitPassage:
    """A question with a passage made of these sentences, a blank between two of them."""
    sentences: list[Sentence] = []
    start = 0
    for number, piece in enumerate(pieces, start=1):
        end = start + len(piece.text) + (number < len(pieces))
        sentences.append(Sentence(start, end))
        start = end
    evidence = tuple(
        Span(sentence.start, sentence.start + len(piece.text))
        for sentence, piece in zip(sentences, pieces, strict=True)
        if piece.relevant
    )
    passage = Passage(" ".join(piece.text for piece in pieces), title)
    return SplitPassage(replace(example, passage=passage, evidence=evidence), sentences)


def unrelated_prose(passages: Sequence[SplitPassage], question: Example) -> Iterator[Piece]:
    """Sentences of running text that have nothing to do with a question, in the order of the passages.

    They come from other sources, where a question of this one cannot be answered; in data of one source, from passages
    of other questions.
    """
    others = [passage for passage in passages if passage.example.source != question.source]
    others = others or [passage for passage in passages if passage.example.question_id != question.question_id]
    for passage in others:
        for sentence, text in zip(passage.sentences, passage.texts, strict=True):
            if sentence.kind == "sentence" and text.strip():
                yield Piece(text.strip())
