"""An agent that searches the Python language reference and reads only what helps: LangChain, offline.

pip install "provence-plugins[agents]"
python examples/langchain_agent.py "Can I write an else after a for loop?"
python examples/langchain_agent.py --model openai:gpt-5-mini      # any name that init_chat_model knows

Without --model a stand-in searches once and prints what the model would have received.
"""

import argparse
import math
import re
from collections import Counter
from collections.abc import Sequence
from pydoc_data.topics import topics
from typing import Any

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import create_retriever_tool

from provence_plugins.integrations.langchain_agents import ContextPruningMiddleware


class SectionRetriever(BaseRetriever):
    """Finds the sections of Python's own help that share most rare words with the query."""

    sections: list[Document]

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        bags = [Counter(words(section.page_content)) for section in self.sections]
        found = Counter(word for bag in bags for word in bag)
        rarity = {word: math.log(len(bags) / found[word]) for word in words(query) if word in found}

        def score(number: int) -> float:
            return sum(weight * math.log1p(bags[number][word]) for word, weight in rarity.items())

        return [self.sections[number] for number in sorted(range(len(bags)), key=score, reverse=True)[:5]]


def words(text: str) -> list[str]:
    return [word.removesuffix("s") for word in re.findall(r"\w+", text.lower())]


def sections() -> list[Document]:
    """Return the topics, cut into runs of paragraphs of some 1000 characters."""
    cut = []
    for topic, text in topics.items():
        chunk = ""
        for paragraph in text.split("\n\n"):
            chunk += paragraph + "\n\n"
            if len(chunk) > 1000:
                cut.append(Document(chunk, metadata={"title": topic}))
                chunk = ""
        cut.append(Document(chunk, metadata={"title": topic}))
    return cut


class StandIn(BaseChatModel):
    """Searches for the question as it is, then prints what a model would have received."""

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> "StandIn":
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **_: Any) -> ChatResult:
        last = messages[-1]
        if isinstance(last, HumanMessage):
            answer = AIMessage("", tool_calls=[ToolCall(name="search", args={"query": last.text}, id="1")])
        else:
            print(*(f"--- {message.type} ---\n{message.text}" for message in messages), sep="\n")
            answer = AIMessage("(Give --model to get an answer.)")
        return ChatResult(generations=[ChatGeneration(message=answer)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", default="Can I write an else after a for loop?")
    parser.add_argument("--model", help="chat model that can call tools [default: a stand-in that prints the messages]")
    options = parser.parse_args()

    search = create_retriever_tool(
        SectionRetriever(sections=sections()),
        "search",
        "Searches the Python language reference.",
        response_format="content_and_artifact",  # hands the documents to the middleware, each to be pruned on its own
    )
    agent = create_agent(
        init_chat_model(options.model) if options.model else StandIn(),
        [search],
        middleware=[ContextPruningMiddleware(tools=["search"])],
    )
    state = agent.invoke({"messages": [HumanMessage(options.question)]})
    print(f"--- answer ---\n{state['messages'][-1].text}\n")
    for message in state["messages"]:
        if isinstance(message, ToolMessage) and "provence" in message.response_metadata:
            figures = message.response_metadata["provence"]
            print(f"{message.name}: {figures['tokens_before']} tokens became {figures['tokens_after']}.")


if __name__ == "__main__":
    main()
