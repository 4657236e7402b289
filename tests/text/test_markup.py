"""Marks of other languages than Markdown: headings, listings, lists and tables; "¦" stands between two units."""

import pytest

from provence_plugins.text.sentences import split_sentences

ASCIIDOC = """= Handbook

¦== Backup

¦It runs at night. ¦It takes an hour.

¦* first item
¦** nested item

¦----
$ backup --now
----

¦.Restoring
[source,bash]
----
restore --all
----

¦=== Plans

¦. Choose a plan.
¦. Pay.

¦|===
|Name |Size

¦|daily
|4 GB

¦|weekly
|9 GB
|===
"""
ORG = """#+TITLE: Notes
¦* Heading one
¦Some prose is here.
¦** TODO Second heading
¦   - item one
¦   - item two
¦#+BEGIN_SRC python
x = 1

print(x)
#+END_SRC
¦* Third
¦It ends.
"""
WIKI = """== History ==
¦The mill was built in 1820.<ref>Smith, p. 4.</ref> ¦It burnt down.

¦{| class="wikitable"
! Year !! Owner
¦|-
| 1820 || Brown
¦|-
| 1901 || White
|}

¦* [[Mill]]
¦** Water mill
"""
LATEX = """\\section{Results}
¦The loss is small. ¦It is stable.

¦\\begin{itemize}
\\item The first is fast.
¦\\item The second is slow. It needs memory.
\\end{itemize}
"""
REST = """.. note::

¦   It is a note. ¦It has two sentences.

¦   So has this.

¦.. code-block:: python
   :linenos:

   make everything

¦.. warning:: Do not run it as root.
"""
NEITHER = """Add the amounts.
¦= 45 euros
¦That is all.
"""
TEXTS = {"AsciiDoc": ASCIIDOC, "Org": ORG, "MediaWiki": WIKI, "LaTeX": LATEX, "reStructuredText": REST, "none": NEITHER}


@pytest.mark.parametrize("marked", TEXTS.values(), ids=TEXTS.keys())
def test_marks_of_other_languages_give_the_units(marked: str) -> None:
    expected = marked.split("¦")
    text = "".join(expected)
    assert [sentence.of(text) for sentence in split_sentences(text)] == expected


@pytest.mark.parametrize(
    ("marked", "headings"),
    [
        (ASCIIDOC, {"It takes an hour.": "== Backup", "|daily\n|4 GB": "|===\n|Name |Size"}),
        (ORG, {"- item two": "** TODO Second heading", "It ends.": "* Third"}),
        (WIKI, {"|-\n| 1820 || Brown": '{| class="wikitable"\n! Year !! Owner'}),
        (LATEX, {"It is stable.": "\\section{Results}"}),
    ],
    ids=["AsciiDoc", "Org", "MediaWiki", "LaTeX"],
)
def test_what_stands_below_a_heading_or_header_is_known(marked: str, headings: dict[str, str]) -> None:
    text = marked.replace("¦", "")
    sentences = split_sentences(text)
    found = {
        sentence.of(text).strip(): sentences[sentence.heading].of(text).strip()
        for sentence in sentences
        if sentence.heading is not None
    }
    assert {unit: found[unit] for unit in headings} == headings


def test_stars_that_follow_each_other_are_items_and_nest() -> None:
    text = "* fruit\n** apples\n** pears\n* bread\n"
    sentences = split_sentences(text)
    assert [sentence.kind for sentence in sentences] == ["list_item"] * 4
    assert [[tie.to for tie in sentence.ties] for sentence in sentences] == [[], [0], [0], []]


def test_a_rule_of_dashes_around_text_is_no_listing() -> None:
    text = "One.\n\n----\n\nIt is a notice. It ends here.\n\n----\n"
    assert {sentence.kind for sentence in split_sentences(text)} == {"sentence"}


def test_a_sum_and_a_call_are_no_titles() -> None:
    for text in ("= compute(5)\n\nIt is so.\n", "= 45 euros\n\nIt is so.\n"):
        assert split_sentences(text)[0].kind != "heading"


LONG = "It is a sentence of a page that was squeezed into one line. "


@pytest.mark.parametrize(
    ("mark", "kind"),
    [("\\section{Results} ", "sentence"), ("== ", "sentence"), ("#+TITLE: ", "sentence"), ("* ", "list_item")],
    ids=["LaTeX", "AsciiDoc", "title of Org", "Org"],
)
def test_a_long_line_is_no_heading_whatever_its_mark(mark: str, kind: str) -> None:
    text = f"#+AUTHOR: Ada\n\n{mark}{LONG * 4}\n"
    sentences = split_sentences(text)[-4:]
    assert [sentence.kind for sentence in sentences] == [kind] * 4
    assert [sentence.of(text).strip() for sentence in sentences[1:]] == [LONG.strip()] * 3


@pytest.mark.parametrize("page", ["<h1>Results</h1> {}", "<h1>{}</h1>", "<p>It works.</p><h2>Results</h2>\n{}"])
def test_long_text_behind_a_tag_of_a_heading_is_split_like_prose(page: str) -> None:
    text = page.format((LONG * 4).strip())
    sentences = split_sentences(text)[-4:]
    assert [sentence.kind for sentence in sentences] == ["sentence"] * 4
    assert [LONG.strip() in sentence.of(text) for sentence in sentences] == [True] * 4


def test_tags_do_not_count_for_the_length_of_a_heading() -> None:
    text = f'<h2 class="{"wide " * 30}">Results</h2><p>They are small.</p>'
    assert [sentence.kind for sentence in split_sentences(text)] == ["heading", "sentence"]
