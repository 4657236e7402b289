import json
from pathlib import Path

import pytest

from provence_plugins.errors import DataError
from provence_plugins.labelling.building import build_lines, find_answers, read_questions, read_retrieved
from provence_plugins.labelling.corpus import CorpusPassage
from provence_plugins.labelling.retrieval import RetrievalSettings, Retrieved

CORPUS = [
    CorpusPassage("quokka", "Quokkas are small wallabies. They live on Rottnest Island.", "Quokka"),
    CorpusPassage("quokka", "They live on Rottnest Island. They eat leaves.", "Quokka"),
    CorpusPassage("ferry", "The ferry to Rottnest Island leaves at nine.", "Ferry"),
    CorpusPassage("tea", "Green tea comes from China. Quokkas do not drink it.", None),
    CorpusPassage("moon", "Mercury has no moons.", None),
]
QUESTION = {"id": "q1", "question": "Where do quokkas live?", "answers": ["rottnest  island"]}


@pytest.mark.parametrize(
    ("text", "answers", "found"),
    [
        ("On Rottnest Island.", ["rottnest island"], ["Rottnest Island"]),
        ("On Rottnest\n Island.", ["Rottnest Island"], ["Rottnest\n Island"]),
        ("In 1912 and 19120.", ["1912"], ["1912"]),
        ("The art of cartography.", ["art"], ["art"]),
        ("New York City, New York.", ["New York", "New York City"], ["New York City", "New York"]),
        ("It costs $5 (five).", ["$5", "(five)"], ["$5", "(five)"]),
        ("Nothing.", ["", " "], []),
    ],
)
def test_answers_are_found_as_whole_words(text: str, answers: list[str], found: list[str]) -> None:
    assert [span.of(text) for span in find_answers(text, answers)] == found


def test_a_question_gets_the_top_and_negatives_without_an_answer() -> None:
    settings = RetrievalSettings(top_k=2, negatives=1)
    lines = list(build_lines(QUESTION, Retrieved(CORPUS[1:3], [CORPUS[0], *CORPUS[3:]]), settings))
    assert [line["id"] for line in lines] == ["q1-0", "q1-1", "q1-0#n0"]
    assert [line["is_positive"] for line in lines] == [True, True, False]
    assert lines[0]["answer_spans"] == [[13, 28]]
    assert lines[0]["title"] == "Quokka"
    assert "title" not in lines[2]
    assert lines[2]["passage"] == CORPUS[3].text, "the first of the rest holds the answer"


def test_without_answers_nobody_knows_what_is_relevant() -> None:
    question = {"id": "q1", "question": "Where do quokkas live?"}
    lines = list(build_lines(question, Retrieved(CORPUS[:1], CORPUS[3:]), RetrievalSettings(negatives=2)))
    assert len(lines) == 3
    assert not any({"is_positive", "answer_spans"} & line.keys() for line in lines)


def test_passages_of_another_retriever_keep_their_order() -> None:
    question = {**QUESTION, "passages": ["One.", {"text": "Two.", "title": "T"}, "Three."]}
    found = read_retrieved(question, RetrievalSettings(top_k=2))
    assert [(passage.text, passage.title) for passage in found.top] == [("One.", None), ("Two.", "T")]
    assert [passage.text for passage in found.rest] == ["Three."]


@pytest.mark.parametrize(
    "passages", [None, [], [3], [{"title": "T"}], [{"text": ["One."]}], [{"text": "One.", "title": 3}]], ids=str
)
def test_questions_without_usable_passages_are_refused(passages: object) -> None:
    with pytest.raises(DataError, match="question 'q1'"):
        read_retrieved({**QUESTION, "passages": passages}, RetrievalSettings())


def test_questions_get_an_id_from_their_line(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text("\n".join(map(json.dumps, [{"question": "Who?"}, QUESTION])))
    assert [question["id"] for question in read_questions(path)] == ["asked:1", "q1"]
    path.write_text(json.dumps({"question": "Who?", "answers": "me"}))
    with pytest.raises(DataError, match="answers must be a list of strings"):
        list(read_questions(path))
