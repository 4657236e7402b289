from collections.abc import Callable

import pytest
from langchain_classic.retrievers.document_compressors import CrossEncoderReranker
from langchain_core.documents import Document
from published_checkpoints import Published, make_published

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.integrations.langchain import ProvenceCompressor, ProvenceCrossEncoder
from provence_plugins.testing import WordBackend

__all__ = ["make_published"]

QUESTION = "How long is a year on Mercury?"
MERCURY = "Mercury is the planet nearest to the Sun. It has no moons. A year on Mercury lasts 88 Earth days."
VENUS = "Venus is about as large as the Earth. Its clouds are made of sulphuric acid."
TEXTS = ["Paris is in France. The river is old.", "Cheese is old. It is what it is.", "The city"]


def test_the_cross_encoder_scores_pairs_in_their_order(words: Pruner) -> None:
    pairs = [("castle", "A castle."), ("old tower", "old"), (" ", "A castle."), ("castle", "Sheep."), ("castle", "")]
    scores = ProvenceCrossEncoder(model=words).score(pairs)
    assert scores == [1.0, 0.5, 0.0, 0.0, 0.0]
    assert {type(score) for score in scores} == {float}
    assert ProvenceCrossEncoder(model=words).score([]) == []


def test_a_text_that_the_model_cannot_read_gets_the_score_of_a_blank_one(words: Pruner) -> None:
    khmer = "នេះគឺជាខ្ញុំ។ ប្រាសាទនេះចាស់ណាស់។"
    [result] = words.prune_many([("castle", [khmer])])
    assert not result.passages[0].is_legible
    assert ProvenceCrossEncoder(model=words).score([("castle", khmer), ("castle", "")]) == [0.0, 0.0]


def test_scores_of_a_model_that_gives_logits_are_probabilities_in_the_same_order(
    make_published: Callable[[str], Published],
) -> None:
    with Pruner(make_published("provence").folder) as pruner:
        passages = pruner.prune("Where is Paris?", TEXTS, PruningPolicy(threshold=0.0)).passages
        assert any(not 0 <= passage.relevance <= 1 for passage in passages)
        scores = ProvenceCrossEncoder(model=pruner).score([("Where is Paris?", text) for text in TEXTS])
    assert scores == [passage.scored.relevance_probability for passage in passages]
    assert all(0 < score < 1 for score in scores)


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


LONG = f"Here is what I noted on my way. {'It is far away and it was cold there. ' * 60}"


def test_a_long_question_is_shortened_and_the_other_pairs_keep_their_scores() -> None:
    encoder = ProvenceCrossEncoder()
    pairs = [(QUESTION, MERCURY), (QUESTION, VENUS), (f"{LONG}{QUESTION}", MERCURY), (f"{LONG}{QUESTION}", VENUS)]
    scores = encoder.score(pairs)
    assert scores[2:] == pytest.approx(scores[:2], abs=1e-6)
    assert scores[:2] == pytest.approx(encoder.score(pairs[:2]), abs=1e-6)


def test_a_text_has_the_best_score_of_the_questions_of_a_long_one() -> None:
    questions = [QUESTION, "What are the clouds of Venus made of?"]
    alone = [ProvenceCrossEncoder().score([(each, MERCURY), (each, VENUS)]) for each in questions]
    both = ProvenceCrossEncoder().score([(f"{LONG}{' '.join(questions)}", text) for text in (MERCURY, VENUS)])
    assert both == pytest.approx([max(scores) for scores in zip(*alone, strict=True)], abs=1e-6)


def test_langchains_own_reranker_takes_the_cross_encoder() -> None:
    encoder = ProvenceCrossEncoder()
    documents = [Document(VENUS), Document(MERCURY)]
    reranked = CrossEncoderReranker(model=encoder, top_n=1).compress_documents(documents, QUESTION)
    assert [document.page_content for document in reranked] == [MERCURY]
    assert encoder.pruner is ProvenceCompressor().pruner
