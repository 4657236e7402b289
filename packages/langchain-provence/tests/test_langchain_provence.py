from importlib.util import find_spec

import langchain_provence
import pytest
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever
from langchain_provence import ProvenceCompressor, ProvenceRetriever

from provence_plugins.errors import MissingExtraError

TEXT = "A year on Mercury lasts 88 Earth days. Green tea came from China. Its leaves are not withered."


def test_the_compressor_keeps_what_answers() -> None:
    compressor = ProvenceCompressor()
    assert isinstance(compressor, BaseDocumentCompressor)
    [document] = compressor.compress_documents([Document(TEXT)], "How long is a year on Mercury?")
    assert document.page_content == "A year on Mercury lasts 88 Earth days. "


def test_every_name_is_there() -> None:
    assert issubclass(ProvenceRetriever, BaseRetriever)
    assert langchain_provence.ProvenceCrossEncoder.__name__ == "ProvenceCrossEncoder"
    with pytest.raises(AttributeError, match="Nothing"):
        _ = langchain_provence.Nothing


@pytest.mark.skipif(find_spec("langchain") is not None, reason="LangChain's agents are installed")
def test_the_middleware_says_what_it_needs() -> None:
    with pytest.raises(MissingExtraError, match=r"provence-plugins\[agents\]"):
        _ = langchain_provence.ContextPruningMiddleware
