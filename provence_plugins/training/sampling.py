"""Turn examples into labelled windows: choose the pairs of an epoch, and cut their passages."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from random import Random
from typing import NamedTuple

from provence_plugins.data.examples import Example, label_sentences
from provence_plugins.data.joining import join_examples
from provence_plugins.data.search_words import to_search_words
from provence_plugins.data.silver import LIKELY, spread_silver
from provence_plugins.data.structuring import restructure
from provence_plugins.engine.planning import PassagePlan, Planner
from provence_plugins.errors import QueryTooLongError
from provence_plugins.text.sentences import split_sentences
from provence_plugins.tokens.windows import Window
from provence_plugins.training.settings import DataSettings
from provence_plugins.types import Passage, Sentence, Span

# How many negatives a joined passage is read among.
_JOINED = (1, 3)


@dataclass(frozen=True, slots=True)
class LabelledWindow:
    """A model input with its labels.

    Attributes:
        window: The input.
        question: The question as it was asked, even where the window has its key words only.
        sentences: For each run of `window.sentences` its text.
        keep: For each run of `window.sentences` whether it should stay; None when people do not
            say.
        positive: Whether the window holds what answers the question.
        teacher: Raw relevance score of a stronger model, which then takes the place of `positive`.
        silver: For each run of `window.sentences` how surely a teacher keeps it; None when no
            teacher was asked.
        marked: Positions in the window of the tokens that people marked as answer or evidence:
            often a few words of a sentence, now and then all of it.
    """

    window: Window
    question: str
    sentences: tuple[str, ...]
    keep: tuple[bool, ...] | None
    positive: bool
    teacher: float | None
    marked: tuple[int, ...] = ()
    silver: tuple[float, ...] | None = None

    @property
    def relevance(self) -> float:
        """The teacher's raw score; without one, 1 or 0 for whether the window answers."""
        if self.teacher is None:
            return float(self.positive)
        return self.teacher

    @property
    def has_labels(self) -> bool:
        """Whether people or a teacher labelled its sentences."""
        return self.keep is not None or self.silver is not None


@dataclass(frozen=True, slots=True)
class Draw:
    """What an epoch reads at one place: an example, alone or among others.

    They are joined where the draw is cut into windows. Joining all of an epoch in advance would take
    most of the time that drawing it takes, in each process that draws it.

    Attributes:
        example: The example.
        others: Negatives that it is read among.
        place: How many of them come before it.
    """

    example: Example
    others: tuple[Example, ...] = ()
    place: int = 0

    def read(self) -> Example:
        """Return the example, joined with the others if there are any."""
        if not self.others:
            return self.example
        return join_examples(self.example, self.others, self.place)


def epoch_of(examples: Sequence[Example], data: DataSettings, random: Random) -> list[Draw]:
    """Return one shuffled epoch: positives and human-made negatives, small sources repeated.

    Each question brings a fresh draw of its mined negatives as often as it comes.
    """
    mined: dict[tuple[str, str], list[Example]] = defaultdict(list)
    by_source: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.is_mined:
            mined[example.source, example.question_id].append(example)
        else:
            by_source[example.source].append(example)
    largest = max(map(len, by_source.values()), default=0)
    chosen = []
    for group in by_source.values():
        times = (largest / len(group)) ** (1.0 - data.source_exponent)
        chosen += group * int(times) + random.sample(group, round((times % 1.0) * len(group)))
    times_chosen = Counter((example.source, example.id) for example in chosen)
    for question, pool in mined.items():
        # Negatives of a question that has no passage of its own come once.
        for _ in range(times_chosen[question] or 1):
            chosen += random.sample(pool, min(data.negatives, len(pool)))
    draws = [_draw(example, mined, data, random) for example in chosen]
    if data.random_negatives:
        draws += map(Draw, _random_negatives(chosen, examples, data.random_negatives, random))
    random.shuffle(draws)
    return draws


def _draw(
    example: Example, mined: Mapping[tuple[str, str], Sequence[Example]], data: DataSettings, random: Random
) -> Draw:
    """Return an example, in a share of the positives among one to three of its mined negatives."""
    if not data.joined_share or (example.is_annotated and not example.has_sentence_labels):
        # Of a positive whose sentences nobody labelled it is unknown which of its windows answers.
        return Draw(example)
    # A teacher that labelled some of the passages only would leave the others without labels.
    found = mined.get((example.source, example.id), ())
    pool = [other for other in found if bool(other.silver) == bool(example.silver)]
    if not pool or random.random() >= data.joined_share:
        return Draw(example)
    others = tuple(random.sample(pool, min(len(pool), random.randint(*_JOINED))))
    return Draw(example, others, random.randint(0, len(others)))


def _random_negatives(
    chosen: Sequence[Example], examples: Sequence[Example], count: int, random: Random
) -> list[Example]:
    """Return for each positive some passages of other questions, most likely unrelated.

    A passage under the title of the positive, or with its text, might answer the question and is
    not taken.
    """
    found = []
    for positive in chosen:
        if not positive.positive:
            continue
        for drawn in random.choices(examples, k=count):
            other = drawn.passage
            if other.text == positive.passage.text or (other.title and other.title == positive.passage.title):
                continue
            found.append(Example(positive.id, positive.source, positive.question, other, evidence=(), positive=False))
    return found


def labelled_windows(
    example: Example,
    planner: Planner,
    data: DataSettings,
    random: Random,
) -> list[LabelledWindow]:
    """Cut one example into windows as the engine would, with the labels of their sentences."""
    sentences: Sequence[Sentence] = split_sentences(example.passage.text, planner.splitter)
    has_labels = example.has_sentence_labels or example.silver
    if data.structured_share and has_labels and random.random() < data.structured_share:
        example = restructure(example, sentences, random)
        sentences = split_sentences(example.passage.text, planner.splitter)
    labels = label_sentences(example, sentences)
    silver = spread_silver(example.silver, sentences) if example.silver else None
    anchors = labels
    if silver is not None and not example.has_sentence_labels:
        anchors = [value >= LIKELY for value in silver]
    # A positive whose sentences people did not label is known as a whole only.
    may_crop = example.has_sentence_labels or not example.is_annotated
    if may_crop and random.random() >= data.whole_share:
        kept = crop(anchors, random.randint(*data.crop_sentences), random)
        sentences, labels = sentences[kept.start : kept.end], labels[kept.start : kept.end]
        silver = silver and silver[kept.start : kept.end]
    if not sentences:
        return []
    title = None
    if random.random() < data.title_share:
        title = example.passage.title
    question = example.question
    if data.search_share and random.random() < data.search_share:
        question = to_search_words(question)
    plan = _plan(example, question, cut_passage(example.passage, sentences, title), planner)
    marked = _marked_tokens(example, sentences, labels, planner)
    items = []
    for window in plan.windows:
        numbers = [number for number, _, _ in window.sentences]
        texts = tuple(sentences[number].of(example.passage.text).strip() for number in numbers)
        positions: list[int] = []
        for number, start, end in window.sentences:
            # A sentence that is cut goes on in the next window, and so does its iterator.
            positions += compress(range(start, end), marked.get(number, ()))
        answers = _answers_of(example, numbers, labels, silver)
        items.append(LabelledWindow(window, example.question, texts, marked=tuple(positions), **answers._asdict()))
    return items


def _plan(example: Example, question: str, passage: Passage, planner: Planner) -> PassagePlan:
    try:
        [plan] = planner.plan(question, [passage])
    except QueryTooLongError as error:
        raise QueryTooLongError(
            f"The example {example.id!r} of the source {example.source!r}: {error} "
            f"In a training, raise window_tokens or leave the example out."
        ) from error
    return plan


class _Answers(NamedTuple):
    """The labels that people and a teacher gave a window; see `LabelledWindow`."""

    keep: tuple[bool, ...] | None
    positive: bool
    teacher: float | None
    silver: tuple[float, ...] | None


def _answers_of(
    example: Example, numbers: Sequence[int], labels: Sequence[bool], silver: Sequence[float] | None
) -> _Answers:
    keep, own_silver = None, None
    positive, teacher = example.positive, example.teacher
    if silver is not None:
        own_silver = tuple(silver[number] for number in numbers)
        if not example.is_annotated:
            positive = max(own_silver) >= LIKELY
        if max(own_silver) < max(given.probability for given in example.silver):
            # The teacher judged the whole passage, and its best sentence is not in this window.
            teacher = None
    if example.has_sentence_labels:
        keep = tuple(labels[number] for number in numbers)
        positive = any(keep)
    return _Answers(keep, positive, teacher, own_silver)


def _marked_tokens(
    example: Example, sentences: Sequence[Sentence], labels: Sequence[bool], planner: Planner
) -> dict[int, Iterator[bool]]:
    """Return for each relevant sentence whether each of its tokens is annotated."""
    relevant = _numbers_of(labels)
    texts = [sentences[number].model_text(example.passage.text) for number in relevant]
    spans = planner.encoder.token_spans(texts)
    found: dict[int, Iterator[bool]] = {}
    for number, tokens in zip(relevant, spans, strict=True):
        first = (sentences[number].model_span or sentences[number]).start
        are_marked: list[bool] = []
        for token in tokens:
            place = Span(first + token.start, first + token.end)
            are_marked.append(any(span.overlaps(place) for span in example.evidence))
        found[number] = iter(are_marked)
    return found


def crop(labels: Sequence[bool], size: int, random: Random) -> Span:
    """Return a run of sentences around a random relevant one; any run if none is relevant."""
    size = min(size, len(labels))
    anchors = _numbers_of(labels) or range(len(labels))
    if not anchors:
        return Span(0, 0)
    start = random.choice(anchors) - random.randrange(size)
    start = max(0, min(start, len(labels) - size))
    return Span(start, start + size)


def _numbers_of(labels: Sequence[bool]) -> Sequence[int]:
    """Return the numbers of the relevant sentences."""
    return list(compress(range(len(labels)), labels))


def cut_passage(passage: Passage, sentences: Sequence[Sentence], title: str | None) -> Passage:
    """Return the part of a passage that some neighbouring sentences cover, with these sentences."""
    start = sentences[0].start
    shifted = tuple(Sentence(sentence.start - start, sentence.end - start) for sentence in sentences)
    return Passage(passage.text[start : sentences[-1].end], title, shifted)
