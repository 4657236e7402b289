"""What the sentences of a text are tied to: who speaks, what is answered, what announces, what contains."""

import pytest

from provence_plugins.text.sentences import split_sentences
from provence_plugins.types import TieKind


def tied(text: str, kind: TieKind) -> dict[str, list[str]]:
    """Return the beginning of each sentence with such ties, and those of what it is tied to."""
    sentences = split_sentences(text)
    beginnings = [sentence.of(text).strip()[:14] for sentence in sentences]
    ties = {}
    for beginning, sentence in zip(beginnings, sentences, strict=True):
        if found := [beginnings[tie.to] for tie in sentence.ties if tie.kind == kind]:
            ties[beginning] = found
    return ties


FAQS = {
    "headings": "# FAQ\n\n## Is it free?\n\nYes. It has ads.\n\nThey are small.\n\n## Contact\n\nWrite to us.\n",
    "lines": "Is it free?\nYes. It has ads.\n\nThey are small.\n\nWho made it?\nWe did.\n",
    "bold lines": "**Is it free?**\n\nYes. It has ads.\n\nThey are small.\n\n**Who made it?**\n\nWe did.\n",
    "bold openings": "**Is it free?** Yes. It has ads.\n\nThey are small.\n\n**Who made it?** We did.\n",
    "letters": "Q: Is it free?\nA: Yes. It has ads.\n\nThey are small.\n\nQ: Who made it?\nA: We did.\n",
    "numbers": "Q1. Is it free?\nA1. Yes. It has ads.\n\nThey are small.\n\nQ2. Who made it?\nA2. We did.\n",
    "words": "Question: Is it free?\nAnswer: Yes. It has ads.\n\nThey are small.\n\nQuestion: Who?\nAnswer: We.\n",
}


@pytest.mark.parametrize("text", FAQS.values(), ids=FAQS.keys())
def test_a_question_and_all_of_its_answer_are_tied(text: str) -> None:
    sentences = split_sentences(text)
    [asked] = [number for number, sentence in enumerate(sentences) if "free?" in sentence.of(text)]
    answer = [
        number
        for number, sentence in enumerate(sentences)
        if number > asked and sentence.start < text.index("small.") and sentence.end > text.index("free?") + 6
    ]
    assert answer
    assert [tie.to for tie in sentences[asked].ties if tie.kind == "question"] == answer
    for number in answer:
        assert [tie.to for tie in sentences[number].ties if tie.kind == "question"] == [asked]


def test_a_long_answer_is_brought_only_as_far_as_most_answers_go() -> None:
    text = "Why?\n" + "\n\n".join(f"This is reason number {number} of many." for number in range(100))
    sentences = split_sentences(text)
    brought = [tie.to for tie in sentences[0].ties]
    assert brought == list(range(1, len(brought) + 1))
    assert 900 < sentences[brought[-1]].end <= 1_010
    assert sentences[60].ties == ()


def test_all_of_a_labelled_answer_keeps_its_question_however_long_it_is() -> None:
    text = "Q: Why?\nA: So.\n\n" + "\n\n".join(f"This is reason number {number} of many." for number in range(100))
    last = split_sentences(text)[-1]
    assert [(tie.kind, tie.to) for tie in last.ties] == [("question", 0)]


@pytest.mark.parametrize(
    "text",
    [
        "The mill closed in 1998. Who would have thought so? The town paid.\n\nIt opened again.\n",
        "Is it old?\n\n# Another part\n\nIt has a heading of its own.\n",
        "Is it old?\nIs it new?\n",
    ],
    ids=["inside a paragraph", "nothing below", "questions only"],
)
def test_other_questions_have_no_answer(text: str) -> None:
    assert tied(text, "question") == {}


def test_the_next_turn_of_a_talk_answers_a_question() -> None:
    text = "Dr. Hale: Where does it hurt?\nPatient: Below the ribs.\nDr. Hale: Since when?\nDr. Hale: Tell me.\n"
    assert tied(text, "question") == {"Dr. Hale: Wher": ["Patient: Below"], "Patient: Below": ["Dr. Hale: Wher"]}


def test_paragraphs_between_two_turns_belong_to_the_first_speaker() -> None:
    text = (
        "The meeting began.\n\nMs Ray: The roof leaks.\n\nThree firms answered.\n\nMr Lee: Fine.\n\n"
        "Ms Ray: Then we start.\n\nThe meeting ended.\n"
    )
    assert tied(text, "label") == {"Three firms an": ["Ms Ray: The ro"]}


@pytest.mark.parametrize(
    ("text", "parents"),
    [
        (
            "1. Budget\n- over plan\n2. Office\n- a new place\n",
            {"- over plan": "1. Budget", "- a new place": "2. Office"},
        ),
        (
            "2. Payment\n\n2.1 Within 30 days.\n\n(a) by bank;\n(b) in cash.\n\n3. Law\n",
            {"2.1 Within 30": "2. Payment", "(a) by bank;": "2.1 Within 30", "(b) in cash.": "2.1 Within 30"},
        ),
        (
            "§ 3 Liability\n(1) For intent.\n(2) For neglect.\n",
            {"(1) For intent": "§ 3 Liability", "(2) For neglec": "§ 3 Liability"},
        ),
        (
            "(c) inform if:\n(i) late; or\n(ii) lost.\n",
            {"(i) late; or": "(c) inform if:", "(ii) lost.": "(c) inform if:"},
        ),
        ("name: x\nusers:\n- ann\n- bob\nport: 1\n", {"- ann": "users:", "- bob": "users:"}),
        ("1. Fetch it:\n   ```\n   get x\n   ```\n", {"```\n   get x\n": "1. Fetch it:"}),
        ("  --info=FLAGS\n      Say more.\n\n      The flags are few.\n", {"The flags are few": "--info=FLAGS\n"}),
        (".. option:: --fast\n\n   Be fast.\n", {"Be fast.": ".. option:: --"}),
        ("Cache\n: A store.\n: A hoard.\n", {": A store.": "Cache", ": A hoard.": "Cache"}),
        ("Absent: Dan\nPresent: Ann\n\n1. Budget\n", {}),
        ("<ul><li>Feed<ul><li>dry</li></ul></li><li>Sleep</li></ul>", {"<ul><li>dry</l": "<ul><li>Feed"}),
    ],
    ids=[
        "meeting",
        "contract",
        "law",
        "roman",
        "YAML",
        "command of a step",
        "option with two paragraphs",
        "directive",
        "meanings of a term",
        "fields with values",
        "HTML",
    ],
)
def test_clauses_and_items_belong_to_the_mark_that_contains_theirs(text: str, parents: dict[str, str]) -> None:
    found = tied(text, "parent")
    assert {name[:13]: [parent[:13] for parent in owners] for name, owners in found.items()} == {
        name[:13]: [parent[:13]] for name, parent in parents.items()
    }


def test_fields_below_a_heading_need_no_other_title_and_turns_have_none() -> None:
    sheet = "Aspirin\nDose: 500 mg\nInterval: 8 h\nWith: water\n\nCodeine\nDose: 30 mg\nInterval: 6 h\nWith: milk\n"
    talk = "Agent: How can I help?\nCaller: It is dead.\n\nAgent: Is it on?\nCaller: No. I tried.\nAgent: I see.\n"
    assert tied(sheet, "title") == tied(talk, "title") == {}


def test_a_record_that_is_cut_off_after_its_title_stands_by_itself() -> None:
    text = "Name: Ann\nAge: 3\n\nName: Ben\nAge: 4\n\nName: Cleo\n"
    assert tied(text, "title") == {"Age: 3": ["Name: Ann"], "Age: 4": ["Name: Ben"]}


@pytest.mark.parametrize(
    "command", ["pip install acme", "acme run --all", "./setup.sh", '{"name": "acme", "size": [1, 2]}']
)
def test_a_line_of_code_and_the_line_that_announces_it_are_tied(command: str) -> None:
    text = f"Then run this:\n\n{command}\n\nIt prints a report.\n"
    assert [sentence.kind for sentence in split_sentences(text)] == ["sentence", "code", "sentence"]
    assert tied(text, "announced") == {"Then run this:": [command[:14]], command[:14]: ["Then run this:"]}


def test_the_records_of_a_sheet_below_one_heading_keep_their_first_field() -> None:
    first = "Fault: no light.\nCause: no bulb.\nCure: put one in.\n\n"
    sheet = f"# Help\n\n{first}Fault: smoke.\nCause: dust.\nCure: wipe it.\n"
    assert tied(sheet, "title") == {
        "Cause: no bulb": ["Fault: no ligh"],
        "Cure: put one ": ["Fault: no ligh"],
        "Cause: dust.": ["Fault: smoke."],
        "Cure: wipe it.": ["Fault: smoke."],
    }


def test_what_is_quoted_keeps_the_name_of_whoever_said_it() -> None:
    below = "> The mill is our heart. Nobody may touch it.\n>\n> — Ann Lee, miller\n\nSo it was rebuilt.\n"
    assert tied(below, "label") == {"> The mill is ": ["> — Ann Lee, m"], "Nobody may tou": ["> — Ann Lee, m"]}
    apart = "“The mill is our heart. Nobody may touch it.”\n\n— Ann Lee\n\nSo it was rebuilt.\n"
    assert tied(apart, "label") == {"“The mill is o": ["— Ann Lee"]}


@pytest.mark.parametrize(
    "text",
    ["“Come.”\n\n— Let us go, said Juan.\n", "> It is old.\n\n- Milk\n- Eggs\n", '"Buy," he said.\n\n— Milk\n— Eggs\n'],
)
def test_a_dash_that_names_nobody_is_no_attribution(text: str) -> None:
    assert tied(text, "label") == {}


def test_the_paragraphs_of_a_mail_keep_its_sender_and_what_it_quotes_does_not() -> None:
    text = (
        "Thanks.\n\nFrom: Bob Ray\nSent: Thursday\nSubject: key\n\nWhere is the key? I need it.\n\n"
        "On 6 Mar 2025, Ann wrote:\n> It is lost.\n\nBob\n\n# Notes\n\nIt was found.\n"
    )
    assert tied(text, "label") == {
        "Where is the k": ["From: Bob Ray"],
        "I need it.": ["From: Bob Ray"],
        "Bob": ["From: Bob Ray"],
    }


def test_a_field_called_from_in_another_record_is_no_sender() -> None:
    assert tied("From: Redford\nTo: Milltown\n\nThe bus leaves at nine.\n", "label") == {}


def test_a_dash_announces_a_list_like_a_colon() -> None:
    said = "The use may be fair. To determine whether it is fair in a given case, these factors count—"
    text = f"{said}\n(1) the purpose;\n(2) the amount.\n"
    assert tied(text, "announced") == {"(1) the purpos": ["To determine w"], "(2) the amount": ["To determine w"]}
