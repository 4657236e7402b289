"""Questions about countries, a reader that looks its answers up in what it is shown, and a pruner of a tiny model."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provence_plugins import Pruner
from provence_plugins.data.examples import Example
from provence_plugins.errors import ReaderError
from provence_plugins.evaluation.methods.baselines import lead
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.reading.arms import method_arms, pruned_arms
from provence_plugins.evaluation.reading.asking import Interviewer, ask_all
from provence_plugins.evaluation.reading.contexts import ContextMaker
from provence_plugins.evaluation.reading.outcome import Prices, ReadingOutcome, arrange
from provence_plugins.evaluation.reading.questions import QuestionOptions, ReadingQuestion, make_questions
from provence_plugins.evaluation.reading.record import open_record
from provence_plugins.readers.reader import Answer, Message
from provence_plugins.types import Passage, Span

FILLER = "There is nothing to see here at all. "


def country(source: str, number: int) -> list[Example]:
    """A question with its passage and a mined negative."""
    city = f"Ville{source}{number}"
    sentence = f"The capital of country {number} is {city}."
    text = f"Country {number} is a country. {sentence} {FILLER}It rains often in country {number}."
    start = text.index(sentence)
    question = f"What is the capital of country {number}?"
    name = f"{source}{number}"
    return [
        Example(name, source, question, Passage(text), (Span(start, start + len(sentence)),), True, answers=(city,)),
        Example(f"{name}#n0", source, question, Passage(f"{FILLER}Number {number} is a number."), (), False),
    ]


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    made = [example for source in "st" for number in range(4) for example in country(source, number)]
    unanswered = Passage("Country 9 has a capital, of which nobody knows the name. It is cold there.")
    return [*made, Example("u9", "s", "What is the capital of country 9?", unanswered, (), False)]


@pytest.fixture(scope="session")
def questions(examples: list[Example]) -> list[ReadingQuestion]:
    return make_questions(examples, QuestionOptions(passages=3, unanswerable=1, splitter="regex"))


@pytest.fixture(scope="session")
def pruner(tiny_folder: Path) -> Iterator[Pruner]:
    with Pruner(str(tiny_folder), splitter="regex") as made:
        yield made


@dataclass
class LookingReader:
    """Answers with the first "Ville…" of the context that stands behind the right number, or abstains."""

    fail: Callable[[str], ReaderError | None] = lambda prompt: None
    name: str = "looking"
    prompts: list[str] = field(default_factory=list)

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Answer:
        prompt = messages[-1].content
        error = self.fail(prompt)
        if error is not None:
            raise error
        self.prompts.append(prompt)
        words = len(prompt.split())
        return Answer(self._look(prompt) or "Unanswerable.", words, 1, words / 100, words / 50, True)

    def score(self, messages: Sequence[Message], answer: str) -> float | None:
        return -0.5 if self._look(messages[-1].content) == answer else -3.0

    def close(self) -> None:
        """Nothing is held."""

    def _look(self, prompt: str) -> str | None:
        [number] = re.findall(r"Question: What is the capital of country (\d+)", prompt)
        found = re.search(rf"capital of country {number} is (\w+)", prompt.split("Question:")[0])
        return found[1] if found else None


@pytest.fixture
def make_reader() -> type[LookingReader]:
    return LookingReader


Interview = Callable[[LookingReader, Sequence[ReadingQuestion], Path], ReadingOutcome]


@pytest.fixture(scope="session")
def interview(pruner: Pruner) -> Interview:
    """A function that asks a reader questions in the usual arms and in one of equal size."""

    def ask(reader: LookingReader, questions: Sequence[ReadingQuestion], path: Path) -> ReadingOutcome:
        pruned = pruned_arms(pruner, [0.5], [])
        contexts = ContextMaker(pruner, pruned, method_arms({"lead": LoadedMethod(lead())}, pruned))
        with open_record(path, "a reader") as record:
            answers = ask_all(questions, contexts, Interviewer(reader, record, max_tokens=8))
        return arrange(
            answers,
            reader="looking",
            arms=contexts.arms,
            reference=contexts.reference,
            prices=Prices(prompts=2.0, answers=10.0),
            equal_sizes=contexts.equal_sizes,
        )

    return ask


@pytest.fixture(scope="session")
def outcome(
    interview: Interview, questions: list[ReadingQuestion], tmp_path_factory: pytest.TempPathFactory
) -> ReadingOutcome:
    return interview(LookingReader(), questions, tmp_path_factory.mktemp("outcome") / "answers.jsonl")
