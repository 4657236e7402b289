import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from provence_plugins.errors import DataError, InvalidInputError
from provence_plugins.labelling.corpus import CorpusPassage, Document, PassageSizes, cut_documents, read_corpus

DOCUMENT = Document("d", " ".join(f"Sentence {number} is here." for number in range(60)), "Page")


def cut(sizes: PassageSizes, *documents: Document, seed: int = 0) -> list[CorpusPassage]:
    return list(cut_documents(documents, sizes, splitter="sentencex", seed=seed))


def numbers(passage: CorpusPassage) -> list[int]:
    return [int(word) for word in passage.text.split() if word.isdigit()]


def test_passages_are_overlapping_runs_that_reach_from_the_first_sentence_to_the_last() -> None:
    passages = cut(PassageSizes(), DOCUMENT)
    runs = [numbers(passage) for passage in passages]
    assert all(run == list(range(run[0], run[0] + len(run))) for run in runs)
    assert (runs[0][0], runs[-1][-1]) == (0, 59)
    for run, following in pairwise(runs):
        assert following[0] <= run[-1] + 1
        assert len(set(run) & set(following)) <= (len(run) + 1) // 2 or following[0] == run[0] + 1
    assert {(passage.document, passage.title) for passage in passages} == {("d", "Page")}


def test_lengths_lie_in_their_range_and_long_ones_are_more_frequent() -> None:
    documents = [DOCUMENT] * 40
    lengths = Counter(len(numbers(passage)) for passage in cut(PassageSizes(overlap=0.0), *documents))
    assert set(lengths) == set(range(1, 11))
    assert lengths[9] > 2 * lengths[2]


def test_the_same_seed_cuts_alike() -> None:
    assert cut(PassageSizes(), DOCUMENT, seed=3) == cut(PassageSizes(), DOCUMENT, seed=3)
    assert cut(PassageSizes(), DOCUMENT, seed=3) != cut(PassageSizes(), DOCUMENT, seed=4)


def test_a_document_without_text_gives_no_passage() -> None:
    assert cut(PassageSizes(), Document("d", " \n")) == []


@pytest.mark.parametrize("sizes", [{"least": 0}, {"least": 3, "most": 2}, {"overlap": 1.0}], ids=str)
def test_sizes_out_of_range_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(InvalidInputError, match="got"):
        PassageSizes(**sizes)


def test_a_corpus_is_read_with_ids_of_either_spelling(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    records = [{"_id": 7, "text": "One.", "title": ""}, {"id": "a", "text": "Two.", "title": "T"}, {"text": "Three."}]
    path.write_text("\n".join(map(json.dumps, records)))
    expected = [Document("7", "One."), Document("a", "Two.", "T"), Document("3", "Three.")]
    assert list(read_corpus(path)) == expected
    for wrong, name in (({"text": None}, "text"), ({"text": "One.", "title": 3}, "title")):
        path.write_text(json.dumps(wrong))
        with pytest.raises(DataError, match=rf"line 1: .*{name} must be a string"):
            list(read_corpus(path))
