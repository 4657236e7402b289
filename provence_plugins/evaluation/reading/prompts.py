"""The prompt of the experiment; it is the same for every arm."""

from collections.abc import Sequence

from provence_plugins.readers.reader import Message

_SYSTEM = (
    "Answer the question with a few words taken from the context. If the context does not hold the "
    "answer, reply with the one word: unanswerable"
)

_NOTHING = "(no text)"


def make_prompt(question: str, texts: Sequence[str]) -> list[Message]:
    """Return the prompt for a question and the texts of a context."""
    context = "\n\n".join(texts) or _NOTHING
    return [Message("system", _SYSTEM), Message("user", f"Context:\n{context}\n\nQuestion: {question}\nAnswer:")]
