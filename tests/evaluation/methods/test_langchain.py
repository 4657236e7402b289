from pathlib import Path

import pytest

from provence_plugins.data.examples import Example
from provence_plugins.evaluation.methods.encoders import embeddings, encode, load_encoder
from provence_plugins.evaluation.methods.method import SplitPassage, split
from provence_plugins.types import Passage

pytest.importorskip("langchain_community")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEXTS = ("The cheese is good. The river is long.", "Paris is old.", "")


def passages(question: str = "Is cheese good?") -> list[SplitPassage]:
    return list(split([Example("q", "s", question, Passage(text), (), True) for text in TEXTS], "regex"))


def test_every_sentence_has_the_similarity_of_its_passage(encoder_folder: Path) -> None:
    from provence_plugins.evaluation.methods.langchain import embeddings_filter

    encoder = load_encoder(encoder_folder)
    [question] = encode(encoder, ["Is cheese good?"])
    cosines = encode(encoder, TEXTS) @ question
    found = embeddings_filter(encoder_folder)(passages())
    assert [scores.relevance for scores in found] == pytest.approx(cosines.tolist(), abs=1e-5)
    assert [len(scores.probabilities) for scores in found] == [2, 1, 0]
    assert found[0].probabilities.tolist() == pytest.approx([cosines[0]] * 2, abs=1e-5)


def test_a_passage_of_one_sentence_scores_as_its_embedding(encoder_folder: Path) -> None:
    from provence_plugins.evaluation.methods.langchain import embeddings_filter

    given = [passages()[1], passages("Where is Paris?")[1]]
    found, alone = embeddings_filter(encoder_folder)(given), embeddings(encoder_folder)(given)
    assert [scores.relevance for scores in found] == pytest.approx([scores.relevance for scores in alone], abs=1e-5)
    assert found[0].relevance != pytest.approx(found[1].relevance, abs=1e-4)


def test_the_filter_itself_drops_a_passage_above_its_score(encoder_folder: Path) -> None:
    from langchain_classic.retrievers.document_compressors import EmbeddingsFilter
    from langchain_core.documents import Document

    from provence_plugins.evaluation.methods.langchain import _Encoder, embeddings_filter

    given = passages()[:1]
    [scores] = embeddings_filter(encoder_folder)(given)
    for shift, left in ((-1e-4, 1), (1e-4, 0)):
        compressor = EmbeddingsFilter(
            embeddings=_Encoder(encoder_folder), k=None, similarity_threshold=scores.relevance + shift
        )
        assert len(compressor.compress_documents([Document(TEXTS[0])], "Is cheese good?")) == left
