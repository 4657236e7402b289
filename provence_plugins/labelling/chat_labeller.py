"""Silver labels from any chat model: the numbered sentences that it cites are relevant."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from provence_plugins.data.silver import silver_values
from provence_plugins.errors import PromptTooLongError
from provence_plugins.labelling.citations import Reason, read_citations
from provence_plugins.labelling.pairs import Pair
from provence_plugins.labelling.prompts import PromptName, build_messages
from provence_plugins.readers.reader import Message, Reader
from provence_plugins.text.sentences import SplitterName, split_sentences
from provence_plugins.types import Sentence

# English prose has about four characters a token in the vocabularies of chat models; it is only an
# estimate.
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class ChatLabel:
    """The labels of one pair, or the reason why there are none.

    Attributes:
        silver: `[start, end, probability]` for each sentence, the probability being 0 or 1; None
            where the answer cannot be used.
        answer: What the model said; empty where no answer came.
        discarded: Why the answer cannot be used; None if it can.
    """

    # Any: plain values for JSON.
    silver: list[list[Any]] | None
    answer: str
    discarded: Reason | None


@dataclass(frozen=True, slots=True)
class ChatLabeller:
    """Asks a chat model for the relevant sentences of passages.

    Attributes:
        reader: The model.
        prompt: How it is asked.
        splitter: How passages are cut into the numbered sentences.
        max_tokens: Longest answer.
    """

    reader: Reader
    prompt: PromptName = "answer"
    splitter: SplitterName = "sentencex"
    max_tokens: int = 256

    def label(self, pair: Pair) -> ChatLabel:
        """Ask for the labels of one pair; any thread may call this.

        Raises:
            ReaderError: The reader cannot be reached, takes too long, or refuses to answer.
        """
        sentences, messages = self._ask_for(pair)
        try:
            answer = self.reader.answer(messages, max_tokens=self.max_tokens)
        except PromptTooLongError:
            return ChatLabel(None, "", "prompt too long")
        cited = read_citations(answer.text, len(sentences), self.prompt, is_complete=answer.is_complete)
        if cited.unusable is not None:
            return ChatLabel(None, answer.text, cited.unusable)
        probabilities = [float(number in cited.numbers) for number in range(len(sentences))]
        return ChatLabel(silver_values(sentences, probabilities), answer.text, None)

    def prompt_tokens(self, pairs: Iterable[Pair]) -> int:
        """Return about how many tokens the prompts for some pairs have."""
        characters = 0
        for pair in pairs:
            _, messages = self._ask_for(pair)
            characters += sum(len(message.content) for message in messages)
        return round(characters / _CHARACTERS_PER_TOKEN)

    def _ask_for(self, pair: Pair) -> tuple[list[Sentence], list[Message]]:
        text = pair.passage.text
        sentences = [span for span in split_sentences(text, self.splitter) if span.of(text).strip()]
        texts = [sentence.of(text) for sentence in sentences]
        return sentences, build_messages(self.prompt, pair.question, pair.passage.title, texts)
