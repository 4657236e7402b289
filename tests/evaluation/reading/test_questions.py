from dataclasses import replace

import pytest

from provence_plugins.data.examples import Example
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.reading.questions import QuestionOptions, ReadingQuestion, make_questions
from provence_plugins.types import Passage


def test_a_question_comes_with_its_own_passages_and_as_many_others_as_are_missing(examples: list[Example]) -> None:
    for question in make_questions(examples, QuestionOptions(passages=4)):
        own = [each for each in question.passages if each.example.question_id == question.id]
        assert (len(question.passages), len(own)) == (4, 2)
        assert {each.example.source for each in question.passages} == {question.source}
        assert len({each.example.passage.text for each in question.passages}) == 4


def test_no_passage_of_another_question_holds_the_answer(examples: list[Example]) -> None:
    leak = Example("s0x", "s", "Who?", Passage("I know VILLES0 well. And more."), (), False)
    for question in make_questions([*examples, leak], QuestionOptions(passages=50)):
        if question.answers == ("Villes0",):
            texts = [each.example.passage.text for each in question.passages if each.example.question_id != question.id]
            assert texts
            assert not any("villes0" in text.lower() for text in texts)


def test_the_passage_with_the_answer_has_no_fixed_place(examples: list[Example]) -> None:
    many = make_questions(examples, QuestionOptions(passages=3))
    places = {[each.example.positive for each in question.passages].index(True) for question in many}
    assert len(places) > 1


def test_sources_take_turns_and_limits_hold_for_each(examples: list[Example]) -> None:
    questions = make_questions(examples, QuestionOptions(passages=2, answerable=2))
    assert [question.source for question in questions] == ["s", "t", "s", "t"]


def test_a_smaller_run_shows_the_same_passages(examples: list[Example]) -> None:
    def shown(questions: list[ReadingQuestion]) -> dict[str, list[str]]:
        return {each.id: [passage.example.id for passage in each.passages] for each in questions}

    many = shown(make_questions(examples, QuestionOptions(passages=4, unanswerable=1)))
    few = shown(make_questions(examples, QuestionOptions(passages=4, answerable=2)))
    assert len(few) == 4
    assert few.items() <= many.items()


def test_an_unanswerable_question_is_one_that_people_marked(examples: list[Example]) -> None:
    questions = make_questions(examples, QuestionOptions(passages=3, unanswerable=5))
    assert [(each.id, each.answers) for each in questions if not each.is_answerable] == [("u9", ())]


def test_the_answers_are_the_annotated_texts_where_none_are_given(examples: list[Example]) -> None:
    text = "Quokkas are small. They live on an island."
    example = replace(examples[0], answers=(), passage=Passage(text), evidence=(examples[0].evidence[0],))
    span = replace(example, evidence=(type(example.evidence[0])(0, 18),))
    [question] = make_questions([span], QuestionOptions(passages=1))
    assert question.answers == ("Quokkas are small.",)


def test_questions_with_long_answers_are_left_out(examples: list[Example]) -> None:
    long = [replace(example, answers=("word " * 11,)) for example in examples]
    with pytest.raises(InvalidInputError, match="at most 10 words"):
        make_questions(long, QuestionOptions())
