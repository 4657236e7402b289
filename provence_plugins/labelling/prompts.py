"""Three ways to ask a chat model for the relevant sentences of a passage, after Provence."""

from collections.abc import Sequence
from typing import Literal, get_args

from provence_plugins.readers.reader import Message

PromptName = Literal["answer", "relevance", "straightforward"]
PROMPT_NAMES: tuple[PromptName, ...] = get_args(PromptName)

NO_ANSWER = "No answer"
"""What a model says when no sentence helps."""

# Provence (arXiv 2501.16214) found the first one best and most consistent, the second worse, the
# third unstable.
_TASKS: dict[PromptName, str] = {
    "answer": (
        "Answer the question with the numbered sentences alone, and with nothing that you know from elsewhere. Cite "
        "every sentence that you use by its number in brackets, such as [2] or [1][4]. If no sentence helps to answer "
        f'the question, say only "{NO_ANSWER}".'
    ),
    "relevance": (
        "Summarize what the numbered sentences say that is relevant to the question. Cite every sentence that you use "
        "by its number in brackets, such as [2] or [1][4]. If no sentence is relevant to the question, say only "
        f'"{NO_ANSWER}".'
    ),
    "straightforward": (
        "Which of the numbered sentences help to answer the question? Write their numbers in brackets and nothing "
        f'else, such as [2] or [1][4]. If none of them helps, say only "{NO_ANSWER}".'
    ),
}


def build_messages(
    prompt: PromptName,
    question: str,
    title: str | None,
    sentences: Sequence[str],
) -> list[Message]:
    """Return the conversation that asks for the relevant sentences of a passage.

    The title comes before the numbered sentences and has no number, so that no answer cites the
    title alone.

    Args:
        prompt: Name of the task.
        question: The question.
        title: Title of the passage.
        sentences: Its sentences; they are numbered from 1.
    """
    lines: list[str] = []
    if title:
        lines.append(f"Title: {title}")
    for number, sentence in enumerate(sentences, start=1):
        lines.append(f"[{number}] {' '.join(sentence.split())}")
    passage = "\n".join(lines)
    return [Message("system", _TASKS[prompt]), Message("user", f"{passage}\n\nQuestion: {question}")]
