from pathlib import Path

import pytest

from provence_plugins import Pruner
from provence_plugins.errors import DataError
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


def test_a_word_of_half_of_the_passages_or_of_all_is_found_too() -> None:
    france, tea = CorpusPassage("a", "The capital of France is Paris.", None), CorpusPassage("b", "Tea is green.", None)
    assert Retriever([tea, france], RetrievalSettings()).find("capital of France?").top == [france]
    assert Retriever([france], RetrievalSettings()).find("capital of France?").top == [france]
    more = CorpusPassage("c", "The capital of France is large, says Paris.", None)
    spain = CorpusPassage("d", "The capital of Spain is Madrid.", None)
    found = Retriever([spain, tea, more, france], RetrievalSettings()).find("capital of France?")
    assert found.top == [france, more, spain]


@pytest.mark.parametrize("passages", [[], [CorpusPassage("a", "The ... of it?", None)]], ids=["empty", "no words"])
def test_a_corpus_in_which_nothing_can_be_found_is_refused(passages: list[CorpusPassage]) -> None:
    with pytest.raises(DataError, match=rf"The corpus has {len(passages)} passages, and none of them holds a word"):
        Retriever(passages, RetrievalSettings())
