from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.provence import ProvencePostprocessor, PruningQuery

TEXT = "A year on Mercury lasts 88 Earth days. Green tea came from China. Its leaves are not withered."
QUERY = "How long is a year on Mercury?"


def test_class() -> None:
    names_of_base_classes = [base.__name__ for base in ProvencePostprocessor.__mro__]
    assert BaseNodePostprocessor.__name__ in names_of_base_classes


def test_the_postprocessor_keeps_what_answers() -> None:
    nodes = [NodeWithScore(node=TextNode(text=TEXT))]
    [node] = ProvencePostprocessor().postprocess_nodes(nodes, query_str=QUERY)
    assert node.text == "A year on Mercury lasts 88 Earth days. "
    [whole] = ProvencePostprocessor().postprocess_nodes(nodes, PruningQuery(QUERY, policy={"threshold": 0}))
    assert whole.text == TEXT
