from langchain_classic.retrievers.document_compressors import CrossEncoderReranker
from langchain_core.documents import Document

from provence_plugins import Pruner
from provence_plugins.integrations.langchain import ProvenceCompressor, ProvenceCrossEncoder
from provence_plugins.testing import WordBackend

QUESTION = "How long is a year on Mercury?"
MERCURY = "Mercury is the planet nearest to the Sun. It has no moons. A year on Mercury lasts 88 Earth days."
VENUS = "Venus is about as large as the Earth. Its clouds are made of sulphuric acid."


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
