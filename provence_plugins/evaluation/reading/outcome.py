"""Arrange the answers of a run for comparison: the same questions in every arm."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.reading.asking import ArmAnswer
from provence_plugins.evaluation.reading.measures import LOG_PROBABILITY, ReadingMeasure
from provence_plugins.evaluation.reading.record import RecordedAnswer

FEWEST_QUESTIONS, FEWEST_OF_A_SOURCE = 30, 5
"""A bootstrap of fewer has intervals that are too narrow: a source with one question seems to have
no spread at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices of a million tokens; None where no price was given.

    Attributes:
        prompts: Tokens of prompts.
        answers: Tokens of answers.
    """

    prompts: float | None = None
    answers: float | None = None

    @property
    def are_known(self) -> bool:
        """Whether any price was given."""
        return self.prompts is not None or self.answers is not None

    def can_price(self, answer: RecordedAnswer) -> bool:
        """Return whether an answer's tokens of each kind that has a price are known."""
        knows_prompt = not self.prompts or answer.prompt_tokens is not None
        return knows_prompt and (not self.answers or answer.answer_tokens is not None)

    def cost(self, prompt_tokens: float, answer_tokens: float) -> float:
        """Return what some tokens cost; those without a price cost nothing."""
        price_of_prompts, price_of_answers = self.prompts or 0.0, self.answers or 0.0
        return (prompt_tokens * price_of_prompts + answer_tokens * price_of_answers) / 1_000_000


NO_PRICES = Prices()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOutcome:
    """The answers that are compared.

    Attributes:
        reader: The name of the reader.
        arms: The names of the arms, in the order of tables.
        reference: The arm that the others are compared with, in addition to the full context.
        margin: How much worse than with the full context, as a share, still counts as not inferior.
        prices: What tokens cost.
        equal_sizes: For each arm that got the size of a pruned one, the name of that one.
        answerable: The answers of each arm to the questions that no arm failed, in the same order.
        unanswerable: The same for questions that the passages do not answer.
        failures: For each arm, the number of failures by their reason.
    """

    reader: str
    arms: Sequence[str]
    reference: str
    margin: float
    prices: Prices
    equal_sizes: Mapping[str, str]
    answerable: Mapping[str, Sequence[ArmAnswer]]
    unanswerable: Mapping[str, Sequence[ArmAnswer]]
    failures: Mapping[str, Mapping[str, int]]

    @property
    def is_too_small(self) -> bool:
        """Whether there are too few answerable questions for a verdict."""
        [answers, *_] = self.answerable.values()
        smallest = min(Counter(each.source for each in answers).values())
        return len(answers) < FEWEST_QUESTIONS or smallest < FEWEST_OF_A_SOURCE

    @property
    def with_probability(self) -> dict[str, list[ArmAnswer]]:
        """The answers to questions whose right answer the reader gave a probability in all arms."""
        return self._keep_rows(lambda row: all(answer.answer.log_probability is not None for answer in row))

    @property
    def of_one_session(self) -> dict[str, list[ArmAnswer]]:
        """The answers whose times can be compared: one session asked them in all arms."""
        return self._keep_rows(lambda row: len({answer.answer.session for answer in row}) == 1)

    @property
    def with_tokens(self) -> dict[str, list[ArmAnswer]]:
        """The answers to questions whose tokens with a price are known in all arms."""
        return self._keep_rows(lambda row: all(self.prices.can_price(each.answer) for each in row))

    def margin_of(self, measure: ReadingMeasure) -> float:
        """Return how much worse than the full context a measure may be to be not inferior."""
        if measure.margin is None:
            return self.margin
        return measure.margin

    def answers_for(self, measure: ReadingMeasure) -> Mapping[str, Sequence[ArmAnswer]]:
        """Return the answers that have a measure, to the same questions in every arm."""
        if measure is LOG_PROBABILITY:
            return self.with_probability
        return self.answerable

    def _keep_rows(
        self,
        is_kept: Callable[[Sequence[ArmAnswer]], bool],
    ) -> dict[str, list[ArmAnswer]]:
        rows = [row for row in zip(*self.answerable.values(), strict=True) if is_kept(row)]
        return {arm: [row[place] for row in rows] for place, arm in enumerate(self.answerable)}


def arrange(
    answers: Sequence[ArmAnswer],
    *,
    reader: str,
    arms: Sequence[str],
    reference: str,
    margin: float = 0.05,
    prices: Prices = NO_PRICES,
    equal_sizes: Mapping[str, str] = MappingProxyType({}),
) -> ReadingOutcome:
    """Keep the questions that every arm answered, and count the failures of the others.

    A question that one arm failed is left out of all arms, so that every figure is about the same
    questions.

    Raises:
        InvalidInputError: No answerable question was answered in all arms.
    """
    by_question: dict[tuple[str, str], dict[str, ArmAnswer]] = defaultdict(dict)
    failures: dict[str, Counter[str]] = {arm: Counter() for arm in arms}
    for answer in answers:
        by_question[answer.identity][answer.arm] = answer
        if answer.answer.failure:
            failures[answer.arm][answer.answer.failure] += 1
    answerable: dict[str, list[ArmAnswer]] = {arm: [] for arm in arms}
    unanswerable: dict[str, list[ArmAnswer]] = {arm: [] for arm in arms}
    for row in by_question.values():
        has_failed = any(each.answer.failure for each in row.values())
        if has_failed or len(row) < len(arms):
            continue
        for arm, each in row.items():
            if each.question.is_answerable:
                answerable[arm].append(each)
            else:
                unanswerable[arm].append(each)
    if not answerable[arms[0]]:
        reasons = [f"{arm}: {dict(of_arm)}" for arm, of_arm in failures.items() if of_arm]
        counts = ", ".join(reasons) or "none"
        raise InvalidInputError(
            f"No answerable question was answered in all arms, so there is nothing to compare. "
            f"Failures: {counts}. Give the reader a longer context or more time, or show "
            f"it fewer passages."
        )
    return ReadingOutcome(
        reader=reader,
        arms=arms,
        reference=reference,
        margin=margin,
        prices=prices,
        equal_sizes=equal_sizes,
        answerable=answerable,
        unanswerable=unanswerable,
        failures=failures,
    )
