"""Ask the Python language reference: a LangChain RAG chain before and after pruning, offline.

pip install "provence-plugins[langchain]" langchain langchain-classic
python examples/langchain_rag.py "How are default parameter values evaluated?"
python examples/langchain_rag.py --model openai:gpt-5-mini      # any name that init_chat_model knows

Without --model a stand-in prints what the model would have received.
"""

import argparse
import math
import re
from collections import Counter
from collections.abc import Iterator
from pydoc_data.topics import topics
from typing import Any
from zlib import crc32

from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

from provence_plugins.integrations.langchain import ProvenceCompressor

PROMPT = ChatPromptTemplate.from_template("Answer from the context alone.\n\n{context}\n\nQuestion: {question}")
QUESTION = "What does an assert statement do when Python is run with optimization?"
CHUNK_CHARACTERS = 1200


class WordHashing(Embeddings):
    """Rare words of a text, hashed into a vector: crude, quick, and nothing to download."""

    def __init__(self, corpus: list[str], size: int = 2048) -> None:
        self.size = size
        found = Counter(word for text in corpus for word in set(words(text)))
        self.weight = {word: math.log(len(corpus) / count) for word, count in found.items()}

    def embed_query(self, text: str) -> list[float]:
        vector = [0.0] * self.size
        for word, count in Counter(words(text)).items():
            vector[crc32(word.encode()) % self.size] += self.weight.get(word, 0.0) * (1 + math.log(count))
        return vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class StandIn(BaseChatModel):
    """Prints what a model would have received."""

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        print(messages[-1].text)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("(Give --model to get an answer.)"))])


def words(text: str) -> list[str]:
    return [word.removesuffix("s") for word in re.findall(r"\w+", text.lower())]


def chunks() -> Iterator[Document]:
    """Return the topics of Python's own help, cut between paragraphs."""
    for topic, text in topics.items():
        chunk = ""
        for paragraph in text.split("\n\n"):
            if chunk and len(chunk) + len(paragraph) > CHUNK_CHARACTERS:
                yield Document(chunk, metadata={"title": topic})
                chunk = ""
            chunk += paragraph + "\n\n"
        yield Document(chunk, metadata={"title": topic})


def as_context(documents: list[Document]) -> str:
    return "\n\n".join(f"[{document.metadata['title']}]\n{document.page_content.strip()}" for document in documents)


def choose_model(name: str | None) -> BaseChatModel:
    if name is None:
        return StandIn()
    from langchain.chat_models import init_chat_model

    return init_chat_model(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", default=QUESTION)
    parser.add_argument("--model", help="chat model [default: a stand-in that prints the prompt]")
    options = parser.parse_args()

    corpus = list(chunks())
    store = InMemoryVectorStore(WordHashing([document.page_content for document in corpus]))
    store.add_documents(corpus)
    retriever = store.as_retriever(search_kwargs={"k": 6})
    # Pages with much code keep half of their text at the default threshold.
    compressor = ProvenceCompressor(threshold="short")
    pruning = ContextualCompressionRetriever(base_compressor=compressor, base_retriever=retriever)

    model, sizes = choose_model(options.model), []
    for title, source in (("before", retriever), ("after", pruning)):
        prompt = {"context": source | as_context, "question": RunnablePassthrough()} | PROMPT
        messages = prompt.invoke(options.question).to_messages()
        sizes.append(count_tokens_approximately(messages))
        print(f"\n===== {title} pruning: about {sizes[-1]} tokens =====\n")
        print((model | StrOutputParser()).invoke(messages))
    print(f"\nAbout {sizes[0]} tokens became {sizes[1]}.")


if __name__ == "__main__":
    main()
