"""Ask the Python language reference, with citations down to the character: a LlamaIndex query engine, offline.

pip install "provence-plugins[llama-index]"
python examples/llama_index_citations.py "Can I write an else after a for loop?"
python examples/llama_index_citations.py --model openai/gpt-5-mini      # needs llama-index-llms-litellm

Without --model a stand-in answers with the prompt that the model would have received.
"""

import argparse
import math
import re
from collections import Counter
from collections.abc import Sequence
from pydoc_data.topics import topics

from llama_index.core import QueryBundle
from llama_index.core.llms import LLM, MockLLM
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import BaseNode, NodeWithScore, TextNode

from provence_plugins.integrations.llama_index import ProvencePostprocessor

# Whole paragraphs, up to 1200 characters of them.
CHUNK = re.compile(r".{1,1200}(?:\n\n|\Z)|.+?(?:\n\n|\Z)", re.DOTALL)


class BM25Retriever(BaseRetriever):
    """Finds nodes by the words that they share with the query, rare words first."""

    def __init__(self, nodes: Sequence[BaseNode], top_k: int = 6) -> None:
        super().__init__()
        self.top_k = top_k
        self.nodes = [(node, Counter(words(node.get_content()))) for node in nodes]
        self.average = sum(counts.total() for _, counts in self.nodes) / len(nodes)
        found = Counter(word for _, counts in self.nodes for word in counts)
        self.rarity = {word: math.log(1 + len(nodes) / count) for word, count in found.items()}

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        query = set(words(query_bundle.query_str))
        scored = [NodeWithScore(node=node, score=self.score(query, counts)) for node, counts in self.nodes]
        return sorted(scored, key=NodeWithScore.get_score, reverse=True)[: self.top_k]

    def score(self, query: set[str], counts: Counter[str]) -> float:
        length = 0.5 + 1.5 * counts.total() / self.average
        return sum(self.rarity[word] * 2.5 * counts[word] / (counts[word] + length) for word in query & counts.keys())


def words(text: str) -> list[str]:
    return [word.removesuffix("s") for word in re.findall(r"\w+", text.lower())]


def chunks() -> list[BaseNode]:
    """Return the topics of Python's own help in chunks that know where in their topic they begin."""
    return [
        TextNode(
            text=chunk[0],
            start_char_idx=chunk.start(),
            end_char_idx=chunk.end(),
            # In the metadata too: the citation engine numbers new nodes, which have no place in a document.
            metadata={"title": topic, "start": chunk.start()},
            excluded_llm_metadata_keys=["start"],
        )
        for topic, text in topics.items()
        for chunk in CHUNK.finditer(text)
    ]


def print_citations(nodes: Sequence[NodeWithScore]) -> None:
    for number, node in enumerate(nodes, start=1):
        topic, offset = node.metadata["title"], node.metadata["start"]
        print(f"\n[{number}] {topic}, relevance {node.get_score():.2f}")
        for start, end in node.metadata["provence"]["kept"]:
            quote = topics[topic][offset + start : offset + end]
            print(f"    characters {offset + start}-{offset + end}: {' '.join(quote.split())}")


def choose_model(name: str | None) -> LLM:
    if name is None:
        return MockLLM()
    from llama_index.llms.litellm import LiteLLM

    return LiteLLM(model=name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", default="Can I write an else after a for loop?")
    parser.add_argument("--model", help="chat model [default: a stand-in that answers with the prompt]")
    options = parser.parse_args()

    engine = CitationQueryEngine.from_args(
        index=None,
        retriever=BM25Retriever(chunks()),
        llm=choose_model(options.model),
        node_postprocessors=[ProvencePostprocessor(order="relevance")],
    )
    response = engine.query(options.question)
    print(response)
    print_citations(response.source_nodes)


if __name__ == "__main__":
    main()
