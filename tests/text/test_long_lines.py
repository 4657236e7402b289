"""Long lines that were not wrapped are units; wrapped prose stays whole."""

from itertools import cycle
from textwrap import wrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.text.sentences import split_sentences

# "¦" marks where a unit ends and the next begins.
TEXTS = {
    "notes in lower case": """key card back by 10:30, the cleaners come early and do not wait
¦quiet from 22 to 6
¦label your food, what has no label is free on Friday
¦towels 30, padlock 50 (you get that back)
¦luggage room is open all day, with a camera, but nobody pays if something is gone
¦90 for a load of laundry, lines on the roof
¦roof closes at dusk
¦extend before nine, later your bed may be sold
¦""",
    "notes with figures": """Open Tue-Fri 8-12 and 13-17; in December and January no afternoon on Friday
¦Only with the card of a resident, 4 visits a week
¦Rubble up to 5 buckets free, up to 1 m³ 38
¦Tyres 3.50 each with rim, 2.50 without, max four
¦Asbestos by appointment on the first Tuesday, in a double bag, 12 a bag
¦Old clothes: blue box, not the red one
¦Trailers over 3.5 t use the north gate
¦Traders pay double
¦""",
    "sentences within lines": """Lodging in the long barn, four euros a night, the wagons behind the press for nothing
¦Lunch is cooked by Odile. ¦In the evening everybody cooks, there is a stove in the barn
¦Secateurs are lent. ¦Whoever loses them pays 18
¦Cut yourself? ¦There is a kit in each trailer
¦No music in the rows, singing is welcome
¦Buckets are never filled above the rim, since the porters have backs too
¦Wasps: whoever is allergic tells the leader of the team on the first day
¦""",
    "speech without full stops": """thank you for calling meridian water how can I help
¦yeah hi it is about my bill it is four hundred and something for the quarter
¦can I take the account number or the postcode
¦it is on the letter somewhere
¦I can see you have used a hundred and twelve cubic metres and the quarter before it was thirty one
¦I live on my own
¦no that does sound like a leak can you turn everything off and look at the little red wheel
¦hang on it is in the pavement
¦""",
    "tickets": """T-1187 longcase clock stops at ten past four each day, hand catches the dial screw
¦T-1188 mantel clock of Mr Voss runs fast. ¦Told him to turn the bob himself
¦T-1190 cuckoo is silent, mouse nest in the bellows
¦T-1191 no box, serial ends in letters it should not. ¦Fake, will not repair
¦T-1194 quartz, battery leaked, contact new, 18
¦T-1195 carriage clock, posted in shirt sleeves and it arrived whole, will go back in foam
¦""",
    "rows of a varying number of values": """key,severity,title,platform,status,assignee,note
¦LUM-811,high,Reminders fire twice after a change of the time zone,Android,in progress,Teodor,only when flying west
¦LUM-812,low,Lime theme unreadable at night,iOS,open
¦LUM-815,critical,Shared calendars visible to removed members for up to 24 h,all,fixed in 5.4.2,Marisol
¦LUM-819,high,Leap-day birthdays vanish,all,fixed in 5.4.1,Teodor
¦LUM-822,low,Typo 'Wendsday' in Dutch,all,open,Anneke,good first issue
¦"Anneke is out from 10 to 14 Nov, her items go to Teodor"
¦""",
    "rows of a table written out": """Passenger revenue; Year ended in 2018: $37,706; Year ended in 2017 (a): $34,460
¦Cargo; Year ended in 2018: 1,237; Year ended in 2017 (a): 1,114
¦Salaries and related costs; Year ended in 2018: 11,458; Year ended in 2017 (a): 10,941
¦Aircraft fuel; Year ended in 2018: 9,307; Year ended in 2017 (a): 6,913
¦Aircraft maintenance materials and outside repairs; Year ended in 2018: 1,767; Year ended in 2017 (a): 1,856
¦Aircraft rent; Year ended in 2018: 433; Year ended in 2017 (a): 621
¦Special charges; Year ended in 2018: 487; Year ended in 2017 (a): 176
¦""",
    "one wrapped item among others": """hang the chain up on the hook behind the door, and wipe nothing off it
¦melt the wax on the lowest step until it is clear, which takes about an hour and a half, and do not
walk off meanwhile
¦stiff as a stick: work each link over the handle of a broom
¦lasts for three hundred dry kilometres
¦new link after four openings, with eleven speeds sooner
¦cost so far 9 for a year
¦""",
}

PROSE = (
    "The mill stands by the river and was built of stone in 1820, after a fire had burnt down the wooden one. "
    "Its wheel is six metres high. In March Anna Lee, who owns it, lets water from the upper pond onto the wheel for "
    "the first time in the year. Many people come to see it. The flour is sold in the yard, in bags of one or "
    "five kilograms, until nothing is left. On Mondays the mill is closed, and so it is when the river is frozen."
)
SPEECH = (
    "what they look at first is how much of the house you pay for yourself up to sixty per cent you get three point "
    "one and from there it goes up in steps early repayment is ten per cent a year for nothing after that one per cent "
    "of it and the offer is good for ninety days once they have sent it"
)
WIDTHS = (50, 60, 72, 80, 100, 120)

# No line of them could be a title or a record, and no word of them is an abbreviation.
SENTENCES = st.lists(
    st.lists(st.sampled_from(["the", "Ann", "river", "mill", "Paris", "of", "water", "in"]), min_size=4)
    .map(" ".join)
    .map(lambda words: f"So {words} is."),
    min_size=3,
)


def units(text: str) -> list[str]:
    """Return the units of a text, without regard to where its lines end."""
    return [" ".join(sentence.of(text).split()) for sentence in split_sentences(text)]


@pytest.mark.parametrize("name", TEXTS)
def test_each_line_that_was_not_wrapped_is_a_unit(name: str) -> None:
    expected = [unit for unit in TEXTS[name].split("¦") if unit]
    text = "".join(expected)
    assert [sentence.of(text) for sentence in split_sentences(text)] == expected


@given(SENTENCES, st.sampled_from(WIDTHS))
def test_wrapped_prose_is_cut_where_its_sentences_end(sentences: list[str], width: int) -> None:
    assert units("\n".join(wrap(" ".join(sentences), width))) == sentences


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("prose", [PROSE, SPEECH])
def test_wrapped_prose_stays_whole_around_a_line_that_sticks_out(prose: str, width: int) -> None:
    lines = wrap(prose, width)
    lines[1] += " and at https://mill.example.org/a/page/that/nobody/can/wrap/because/it/has/no/space"
    assert units("\n".join(lines)) == units(" ".join(lines))


@pytest.mark.parametrize("widths", [(60, 110, 75), (120, 55, 80), (100, 45)])
def test_prose_that_was_broken_at_odd_places_stays_whole(widths: tuple[int, ...]) -> None:
    lines = [""]
    narrowing = cycle(widths)
    width = next(narrowing)
    for word in PROSE.split():
        if len(lines[-1]) + len(word) > width:
            lines.append("")
            width = next(narrowing)
        lines[-1] += f"{word} "
    assert units("\n".join(lines)) == units(PROSE)


def test_a_sentence_with_a_clause_on_each_line_stays_whole() -> None:
    lines = (
        "The following measurements were taken in the winter of the last year",
        "on a server with two processors and a lot of memory,",
        "which runs an old system and nothing else meanwhile,",
        "with the program that is part of the library",
        "compiled without any of the extensions of the newer processors",
    )
    assert units("\n".join(lines)) == [" ".join(lines)]


def test_values_below_the_name_in_the_first_column_stay_with_it() -> None:
    names = ("Cells that were found in the blood before", "Cells that were found in the urine, before")
    rows = [
        f"{name} and after the treatment of all patients with the new medicine (%)\n16.45 ± 13.36\n33.21 ± 17.85\n"
        "51.20 ± 23.88\n12.05 ± 10.90\n"
        for name in names
    ]
    assert units("".join(rows)) == [" ".join(row.split()) for row in rows]


def test_where_most_lines_end_with_a_full_stop_these_tell_where_a_sentence_ends() -> None:
    lines = (
        "The division spent a month of training in the north, and in",
        "August it moved to the canal.",
        "On the last day of the month it launched its assault on the ridge, which it had captured by the evening.",
        "James was wounded.",
        "He is buried in the cemetery of the village, and his name is on the memorial.",
    )
    assert units("\n".join(lines)) == [f"{lines[0]} {lines[1]}", *lines[2:]]
