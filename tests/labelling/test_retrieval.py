from pathlib import Path

from provence_plugins import Pruner
from provence_plugins.labelling.corpus import CorpusPassage
from provence_plugins.labelling.retrieval import RetrievalSettings, Retriever
from provence_plugins.types import Passage

QUESTION = "Where do quokkas live?"
CORPUS = [
    CorpusPassage("quokka", "Quokkas are small wallabies. They live on Rottnest Island.", "Quokka"),
    CorpusPassage("quokka", "They live on Rottnest Island. They eat leaves.", "Quokka"),
    CorpusPassage("tea", "Green tea comes from China. Quokkas do not drink it.", None),
    CorpusPassage("moon", "Mercury has no moons.", None),
    CorpusPassage("ferry", "The ferry leaves at nine.", None),
]


def test_the_top_holds_one_passage_of_each_document_and_nothing_without_a_common_word() -> None:
    found = Retriever(CORPUS, RetrievalSettings(top_k=5)).find(QUESTION)
    assert [passage.document for passage in found.top] == ["quokka", "tea"]
    assert found.rest == [CORPUS[1]]


def test_only_so_many_candidates_are_found_and_only_so_many_stand_at_the_top() -> None:
    found = Retriever(CORPUS, RetrievalSettings(top_k=1, candidates=2)).find(QUESTION)
    assert found.top == [CORPUS[0]]
    assert len(found.rest) == 1


def test_a_pruner_orders_what_was_found(tiny_folder: Path) -> None:
    with Pruner(tiny_folder) as pruner:
        found = Retriever(CORPUS, RetrievalSettings(top_k=1), pruner).find(QUESTION)
        given = [Passage(passage.text, passage.title) for passage in CORPUS[:3]]
        expected = [given[row.index].text for row in pruner.rerank(QUESTION, given)]
    assert [passage.text for passage in (*found.top, *found.rest)] == expected


def test_a_question_without_a_common_word_finds_nothing() -> None:
    found = Retriever(CORPUS, RetrievalSettings()).find("Xylophone?")
    assert (found.top, found.rest) == ([], [])
