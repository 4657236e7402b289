"""Answers as chat models gave them to the three prompts: what they cite, and which of them are discarded."""

from rows import row

from provence_plugins.labelling.citations import read_citations


def test_an_answer_is_read_as_the_sentences_that_it_cites() -> None:
    for answer, numbers in [
        ("Quokkas live on Rottnest Island [2].", {2}),
        ("They live on Rottnest Island [2] and eat leaves [1][4].", {1, 2, 4}),
        ("Around 10,000 (in 2019) live there [1, 3].", {1, 3}),
        ("It opened in 1912 [2-4].", {2, 3, 4}),
        ("It opened in 1912 [2–3], as [Sentence 5] says.", {2, 3, 5}),
        ("According to 【3】 it is a wallaby.", {3}),
        ("The ferry leaves at nine. [1 and 2]", {1, 2}),
        ("None of them is taller than a cat [4].", {4}),
        ("Sentence [1] names it; there is no answer to when it left.", {1}),
        ("No answer", set()),
        ("No answer.", set()),
        ("**No answer**: the sentences do not mention quokkas.", set()),
        ("The sentences give no answer.", set()),
    ]:
        with row(answer, numbers):
            for prompt in ("answer", "relevance"):
                cited = read_citations(answer, 5, prompt)
                assert cited.unusable is None
                assert {number + 1 for number in cited.numbers} == numbers


def test_where_only_numbers_are_asked_for_they_need_no_brackets() -> None:
    for answer, numbers in [
        ("[1][4]", {1, 4}),
        ("1, 4", {1, 4}),
        ("2 and 3.", {2, 3}),
        ("Sentences 2-4", {2, 3, 4}),
        ("(2), (5)", {2, 5}),
        ("None", set()),
        ("None of the sentences help.", set()),
        ("[]", set()),
        ("No answer", set()),
    ]:
        with row(answer, numbers):
            cited = read_citations(answer, 5, "straightforward")
            assert cited.unusable is None
            assert {number + 1 for number in cited.numbers} == numbers


def test_an_answer_that_cannot_be_used_says_why() -> None:
    for answer, prompt, reason in [
        ("Quokkas live on Rottnest Island.", "answer", "no citation"),
        ("Quokkas live on Rottnest Island (2).", "answer", "no citation"),
        ("They have lived there since [the 1600s].", "answer", "no citation"),
        ("1, 4", "answer", "no citation"),
        ("", "straightforward", "no citation"),
        ("The second and the third.", "straightforward", "no citation"),
        ("No answer [2]", "answer", "contradiction"),
        ("They live there [7].", "answer", "unknown sentence"),
        ("They live there [0].", "relevance", "unknown sentence"),
        ("In the years [1912-1950] it stood empty.", "answer", "unknown sentence"),
    ]:
        with row(answer, prompt, reason):
            assert read_citations(answer, 5, prompt).unusable == reason


def test_an_answer_that_was_cut_is_discarded_whatever_it_cites() -> None:
    assert read_citations("They live on Rottnest [2] and", 5, "answer", is_complete=False).unusable == "cut off"
