import asyncio
from collections.abc import Iterator

import pytest
import sentencex

from provence_plugins import DirectScorer, Pruner, SharedScorer
from provence_plugins.engine.scoring import ScorerFactory
from provence_plugins.errors import BackendError, ClosedError, SplitterError, translate_panics
from provence_plugins.integrations.langchain import ProvenceCompressor
from provence_plugins.model.backend import BatchScores
from provence_plugins.testing import WordBackend
from provence_plugins.text.sentences import split_sentences
from provence_plugins.tokens.batches import TokenBatch


def panic(text: str) -> Iterator[tuple[int, int]]:
    """Have a Rust extension panic in earnest: it slices behind a white space of three bytes."""
    sentencex.segment("en", "B\u3000.B")
    raise AssertionError("the extension takes this text now; find another that it panics on")


class PanickingBackend(WordBackend):
    def forward(self, batch: TokenBatch) -> BatchScores:
        panic("")
        raise AssertionError


def test_a_panic_in_a_splitter_is_a_splitter_error() -> None:
    with pytest.raises(SplitterError, match="panicked while splitting"):
        split_sentences("One.", panic)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, ValueError])
def test_other_exceptions_stay_what_they_are(error: type[BaseException]) -> None:
    with pytest.raises(error), translate_panics(BackendError, "testing"):
        raise error


@pytest.mark.parametrize("scorer", [DirectScorer, SharedScorer], ids=["direct", "shared"])
def test_a_panic_anywhere_is_an_engine_failure_that_adapters_can_keep(scorer: ScorerFactory) -> None:
    from langchain_core.documents import Document

    documents = [Document("The castle has towers. Sheep graze.")]
    for pruner, error in (
        (Pruner(backend=WordBackend(), splitter=panic, scorer=scorer), SplitterError),
        (Pruner(backend=PanickingBackend(), scorer=scorer), BackendError),
    ):
        with pruner:
            with pytest.raises(error):
                pruner.prune("castle", ["The castle has towers."])
            with pytest.raises(error):
                asyncio.run(pruner.aprune("castle", ["The castle has towers."]))
            keeping = ProvenceCompressor(model=pruner, on_error="keep")
            assert [document.page_content for document in keeping.compress_documents(documents, "castle")] == [
                documents[0].page_content
            ]
            kept = asyncio.run(keeping.acompress_documents(documents, "castle"))
            assert [document.page_content for document in kept] == [documents[0].page_content]


def test_there_is_one_closed_error() -> None:
    assert "was closed" in str(ClosedError())
