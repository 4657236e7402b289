import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_classic.retrievers.document_compressors import CrossEncoderReranker
from langchain_core.documents import Document

from provence_plugins import Passage, Pruner
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.langchain import ProvenceCompressor, ProvenceCrossEncoder
from provence_plugins.integrations.metadata import METADATA_KEY, RELEVANCE_KEY
from provence_plugins.testing import AdapterContract, Item, WordBackend

QUESTION = "How long is a year on Mercury?"
MERCURY = "Mercury is the planet nearest to the Sun. It has no moons. A year on Mercury lasts 88 Earth days."
VENUS = "Venus is about as large as the Earth. Its clouds are made of sulphuric acid."


class TestProvenceCompressor(AdapterContract[ProvenceCompressor, Document]):
    def make(self, **fields: Any) -> ProvenceCompressor:
        return ProvenceCompressor(**fields)

    def wrap(self, items: Sequence[Item]) -> list[Document]:
        return [Document(id=item.id, page_content=item.text, metadata=dict(item.metadata)) for item in items]

    def read(self, thing: Document) -> Item:
        assert thing.id is not None
        return Item(thing.id, thing.page_content, thing.metadata, thing.metadata.get(RELEVANCE_KEY))

    def prune(self, adapter: ProvenceCompressor, query: str, things: Sequence[Document]) -> list[Document]:
        return adapter.compress_documents(things, query)

    async def aprune(self, adapter: ProvenceCompressor, query: str, things: Sequence[Document]) -> list[Document]:
        return await adapter.acompress_documents(things, query)


class TestProvenceCompressorAsRunnable(TestProvenceCompressor):
    def prune(self, adapter: ProvenceCompressor, query: str, things: Sequence[Document]) -> list[Document]:
        return adapter.as_runnable().invoke({"query": query, "documents": things})

    async def aprune(self, adapter: ProvenceCompressor, query: str, things: Sequence[Document]) -> list[Document]:
        return await adapter.as_runnable().ainvoke({"question": query, "documents": things})


def test_the_shipped_model_prunes_documents_as_the_pruner_prunes_texts() -> None:
    compressor = ProvenceCompressor()
    documents = [Document(MERCURY, id="m"), Document(VENUS, id="v", metadata={"title": "Venus"})]
    pruned = compressor.compress_documents(documents, QUESTION)
    result = compressor.pruner.prune(QUESTION, [MERCURY, Passage(VENUS, title="Venus")])
    assert [document.page_content for document in pruned] == [passage.text for passage in result.passages]
    assert "88 Earth days" in pruned[0].page_content


class ScannedPage(Document):
    number: int


def test_a_class_of_ones_own_stays_with_its_fields(words: Pruner) -> None:
    page = ScannedPage(page_content="The castle is old. Sheep graze.", number=7)
    [pruned] = ProvenceCompressor(model=words).compress_documents([page], "castle")
    assert type(pruned) is ScannedPage
    assert (pruned.number, pruned.page_content, pruned.id) == (7, "The castle is old. ", None)


def test_a_new_score_and_entry_replace_those_of_an_earlier_pass(words: Pruner) -> None:
    document = Document("The castle is old. Sheep graze.", metadata={RELEVANCE_KEY: 0.123, METADATA_KEY: "old"})
    [pruned] = ProvenceCompressor(model=words).compress_documents([document], "castle")
    assert pruned.metadata[RELEVANCE_KEY] == 1.0
    assert pruned.metadata[METADATA_KEY]["kept"] == [[0, 19]]
    assert document.metadata == {RELEVANCE_KEY: 0.123, METADATA_KEY: "old"}


def test_fields_survive_writing_down_and_pickling() -> None:
    compressor = ProvenceCompressor(model=Path("some/folder"), threshold=0.3, top_n=4, on_error="keep")
    config = json.loads(json.dumps(compressor.to_config()))
    assert config["model"] == str(Path("some/folder"))
    assert ProvenceCompressor.from_config(config).to_config() == config
    assert pickle.loads(pickle.dumps(compressor)) == compressor


def test_a_compressor_around_a_pruner_cannot_be_written_down(words: Pruner) -> None:
    with pytest.raises(InvalidInputError, match="Pass model as a path or repo id"):
        ProvenceCompressor(model=words).to_config()


def test_a_runnable_says_what_it_needs(words: Pruner) -> None:
    with pytest.raises(InvalidInputError, match=r'"documents" and "query" or "question", got the keys \[\'docs\'\]'):
        ProvenceCompressor(model=words).as_runnable().invoke({"docs": []})


def test_a_question_that_is_no_string_is_refused(words: Pruner) -> None:
    with pytest.raises(InvalidInputError):
        ProvenceCompressor(model=words).compress_documents([Document(MERCURY)], None)  # type: ignore[arg-type]


def test_the_cross_encoder_scores_pairs_in_their_order(words: Pruner) -> None:
    pairs = [("castle", "A castle."), ("old tower", "old"), (" ", "A castle."), ("castle", "Sheep."), ("castle", "")]
    scores = ProvenceCrossEncoder(model=words).score(pairs)
    assert scores == [1.0, 0.5, 0.0, 0.0, 0.0]
    assert {type(score) for score in scores} == {float}
    assert ProvenceCrossEncoder(model=words).score([]) == []


class CountingBackend(WordBackend):
    """Notes how many rows each forward pass has."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def forward(self, batch):  # type: ignore[no-untyped-def]
        self.rows.append(len(batch.ids))
        return super().forward(batch)


def test_the_cross_encoder_scores_all_pairs_in_one_batch() -> None:
    backend = CountingBackend()
    with Pruner(backend=backend) as pruner:
        ProvenceCrossEncoder(model=pruner).score([("castle", "A castle."), ("tower", "Sheep."), ("castle", "Old.")])
    assert backend.rows == [3]


def test_langchains_own_reranker_takes_the_cross_encoder() -> None:
    encoder = ProvenceCrossEncoder()
    documents = [Document(VENUS), Document(MERCURY)]
    reranked = CrossEncoderReranker(model=encoder, top_n=1).compress_documents(documents, QUESTION)
    assert [document.page_content for document in reranked] == [MERCURY]
    assert encoder.pruner is ProvenceCompressor().pruner
