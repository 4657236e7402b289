"""Render pruned passages with what was removed: an HTML fragment and a terminal view."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path

from provence_plugins.engine.passages import PrunedPassage, ScoredSentence
from provence_plugins.text.visible import show_controls, show_on_one_line
from provence_plugins.types import Kind

VIEW_STYLE = Path(__file__).with_name("view.css")
"""The style sheet of the view, which the page of a server shows too."""

_DEEPEST_SHADE = 0.5

# Most probabilities are small and the usual threshold is 0.1: on a square-root scale the eye can
# tell them apart.
_SCALE_STOPS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)

_BLANKS = " \t\r"

# What may be below the names of a table: dashes, and blank lines.
_BELOW_NAMES = " \t\r\n|:+-"

# The bars between cells; one after a backslash is part of a cell.
_BAR = re.compile(r"(?<!\\)\|")
_HEADING = re.compile(r"([ \t]*#{0,6}[ \t]*)([\s\S]*)")

_MONOSPACE = ("code", "table_header", "table_row")


@dataclass(frozen=True, slots=True)
class View:
    """What a view shows of a result.

    Attributes:
        query: The question.
        passages: The passages that are kept.
        dropped: The passages that are dropped.
        threshold: The threshold that decided.
        names: Names of the passages by their index in the input, for instance file names; empty for
            numbers.
        passage_comparison: The comparison of passages that decided; see `PruningPolicy`.
    """

    query: str
    passages: Sequence[PrunedPassage]
    dropped: Sequence[PrunedPassage]
    threshold: float
    names: Sequence[str] = ()
    passage_comparison: float = 0.0

    def summary(self) -> str:
        """Return how many passages and tokens are kept, in one line."""
        before = sum(passage.tokens_before for passage in (*self.passages, *self.dropped))
        after = sum(passage.tokens_after for passage in self.passages)
        total = len(self.passages) + len(self.dropped)
        compared = ", passages compared" if self.passage_comparison and total > 1 else ""
        return (
            f"{len(self.passages)} of {total} passages kept · {_savings(before, after)} · threshold "
            f"{self.threshold:g}{compared}"
        )

    def header(self, passage: PrunedPassage) -> str:
        """Return the name, the title and the numbers of a passage."""
        parts = [self.names[passage.index] if self.names else f"[{passage.index}]"]
        if passage.passage.title:
            parts.append(passage.passage.title)
        parts += [f"relevance {passage.relevance:.3f}", _savings(passage.tokens_before, passage.tokens_after)]
        return " · ".join(parts)

    def header_of_dropped(self, passage: PrunedPassage) -> str:
        """Return the header of a dropped passage, with its highest probability."""
        best = max((sentence.probability for sentence in passage.sentences), default=0.0)
        return f"{self.header(passage)} · dropped, best probability {best:.3f}"


@dataclass(frozen=True, slots=True)
class _Marks:
    """What a terminal view writes around a header and around removed text."""

    header: tuple[str, str]
    removed: tuple[str, str]


_ANSI = _Marks(header=("\x1b[1m", "\x1b[0m"), removed=("\x1b[2;9m", "\x1b[0m"))
_PLAIN = _Marks(header=("", ""), removed=("[-", "-]"))


def render_html(view: View) -> str:
    """Render a result as an HTML fragment without scripts and outside resources.

    Sentences are shaded by their probability, removed text is struck through, headings and tables
    are shown as headings and tables, dropped passages are folded. All texts, titles and names are
    escaped, and no character of them is lost. `serving/page/view.js` builds the same elements in
    the browser.
    """
    parts = [
        f'<section class="provence" aria-label="Pruned passages"><style>{_read_style()}</style>',
        f'<p class="provence-query" role="heading" aria-level="2"><bdi>{escape(view.query)}</bdi></p>',
        f"<p>{escape(view.summary())}</p>",
        _legend_html(view.threshold),
    ]
    parts += [_passage_html(passage, view.header(passage), " open") for passage in view.passages]
    parts += [_passage_html(passage, view.header_of_dropped(passage), "") for passage in view.dropped]
    parts.append("</section>")
    return "\n".join(parts)


def render_terminal(view: View, *, color: bool = True) -> str:
    """Render a result for the terminal; control characters of all texts are made visible.

    Args:
        view: The result.
        color: Removed text is dim and struck through with ANSI codes; otherwise it is enclosed in
            `[-…-]`.
    """
    marks = _ANSI if color else _PLAIN
    headers = [(passage, view.header(passage)) for passage in view.passages]
    headers += [(passage, view.header_of_dropped(passage)) for passage in view.dropped]
    lines = [_wrap(show_on_one_line(view.query), marks.header), view.summary()]
    for passage, header in headers:
        lines += ["", _wrap(show_on_one_line(header), marks.header), _passage_terminal(passage, marks)]
    return "\n".join(lines) + "\n"


@cache
def _read_style() -> str:
    return VIEW_STYLE.read_text(encoding="utf-8")


def _savings(before: int, after: int) -> str:
    removed = 1 - after / before if before else 0.0
    return f"{before} → {after} tokens · {removed:.0%} removed"


def _runs(sentences: Iterable[ScoredSentence]) -> Iterator[tuple[bool, list[ScoredSentence]]]:
    """Yield neighboring sentences with the same decision together."""
    for kept, run in groupby(sentences, key=lambda sentence: sentence.kept):
        yield kept, list(run)


def _with_cuts(passage: PrunedPassage) -> Iterator[ScoredSentence]:
    """Yield the sentences; one that was cut is yielded as its kept part and the rest."""
    for sentence in passage.sentences:
        if sentence.part is None:
            yield sentence
        else:
            yield replace(sentence, end=sentence.part.end)
            yield replace(sentence, start=sentence.part.end, kept=False)


def _shade(probability: float) -> float:
    """Return the opacity of the shading of a sentence."""
    return _DEEPEST_SHADE * math.sqrt(min(max(probability, 0.0), 1.0))


def _legend_html(threshold: float) -> str:
    stops = ", ".join(f"rgb(var(--hue) / {_shade(stop):.3f}) {stop:.0%}" for stop in _SCALE_STOPS)
    explained = f"Shading from probability 0, clear, to 1, full. The threshold is {threshold:g}."
    return (
        '<div class="provence-legend">'
        f'<span class="provence-scale" role="img" aria-label="{explained}">probability 0'
        f'<span class="provence-bar" style="background: linear-gradient(to right, {stops})">'
        f'<i style="left: {threshold:.1%}"></i></span>1</span>'
        f"<span>line: threshold {threshold:g}</span>"
        "<span>kept text</span><del>removed text</del>"
        '<label><input type="checkbox"> show probabilities</label></div>'
    )


def _passage_html(passage: PrunedPassage, header: str, state: str) -> str:
    text = passage.passage.text
    parts = [f'<details{state}><summary><bdi>{escape(header)}</bdi></summary><div class="provence-text" dir="auto">']
    for block in _blocks(passage):
        shown = "".join(_run_html(kept, run, text) for kept, run in _runs(block))
        if _is_row(block[0], text):
            shown = f'<span class="provence-table" role="table">{shown}</span>'
        parts.append(shown)
    parts.append("</div></details>")
    return "".join(parts)


def _run_html(kept: bool, run: Sequence[ScoredSentence], text: str) -> str:
    sentences = "".join(_sentence_html(sentence, text) for sentence in run)
    return sentences if kept else f"<del>{sentences}</del>"


def _blocks(passage: PrunedPassage) -> Iterator[list[ScoredSentence]]:
    """Yield the rows of each table together, and what is between tables."""
    text = passage.passage.text
    block: list[ScoredSentence] = []
    for sentence in _with_cuts(passage):
        is_row = _is_row(sentence, text)
        begins_table = is_row and sentence.kind == "table_header" and block and block[-1].kind == "table_row"
        if block and (begins_table or is_row != _is_row(block[-1], text)):
            yield block
            block = []
        block.append(sentence)
    if block:
        yield block


def _is_row(sentence: ScoredSentence, text: str) -> bool:
    """Return whether a sentence can be shown as a row with cells: a line of a table in Markdown."""
    if sentence.kind not in ("table_header", "table_row"):
        return False
    line, _, below = sentence.of(text).partition("\n")
    return "|" in line and not below.strip(_BELOW_NAMES)


def _sentence_html(sentence: ScoredSentence, text: str) -> str:
    own = sentence.of(text)
    hint = f"probability {sentence.probability:.3f} · {sentence.kind} · {sentence.tokens} tokens"
    about = (
        f'style="--shade: {_shade(sentence.probability):.3f}" '
        f'data-probability="{sentence.probability:.2f}" title="{escape(hint)}"'
    )
    if _is_row(sentence, text):
        return f'<span class="provence-row" role="row" {about}>{_cells_html(own, sentence.kind)}</span>'
    if sentence.kind == "heading":
        [marks, rest] = _HEADING.fullmatch(own).groups()  # type: ignore[union-attr]  # matches everything
        level = min(6, 2 + (marks.count("#") or 1))
        shown = f'<span class="provence-mark">{marks}</span>' if marks else ""
        return (
            f'<span class="provence-heading" role="heading" aria-level="{level}" {about}>{shown}{escape(rest)}</span>'
        )
    style = ' class="provence-code"' if sentence.kind in _MONOSPACE else ""
    return f"<span{style} {about}>{escape(own)}</span>"


def _cells_html(row: str, kind: Kind) -> str:
    before, *others = _split_row(row)
    parts = [_separator_html(before)]
    for cell, separator in zip(others[::2], others[1::2], strict=True):
        parts += [_cell_html(cell, kind), _separator_html(separator)]
    return "".join(parts)


def _cell_html(text: str, kind: Kind) -> str:
    if kind == "table_header":
        return f'<span class="provence-head" role="columnheader">{escape(text)}</span>'
    return f'<span class="provence-cell" role="cell">{escape(text)}</span>'


def _split_row(row: str) -> list[str]:
    """Return separators and cells of a row in turn, a separator at both ends."""
    line, newline, below = row.partition("\n")
    pieces = _BAR.split(line)
    first, last = 0, len(pieces)
    # A bar at either end encloses the row and does not separate cells.
    if last > 1 and not pieces[0].strip(_BLANKS):
        first = 1
    if last > first + 1 and not pieces[-1].strip(_BLANKS):
        last -= 1
    parts = ["|".join([*pieces[:first], ""])]
    for number in range(first, last):
        bare = pieces[number].lstrip(_BLANKS)
        parts[-1] += pieces[number][: len(pieces[number]) - len(bare)]
        cell = bare.rstrip(_BLANKS)
        bar = "|" if number < len(pieces) - 1 else ""
        parts += [cell, bare[len(cell) :] + bar]
    parts[-1] += "|".join(pieces[last:]) + newline + below
    return parts


def _separator_html(text: str) -> str:
    if not text:
        return ""
    return f'<span class="provence-separator" aria-hidden="true">{escape(text)}</span>'


def _passage_terminal(passage: PrunedPassage, marks: _Marks) -> str:
    parts = []
    for kept, run in _runs(_with_cuts(passage)):
        shown = show_controls(passage.passage.text[run[0].start : run[-1].end])
        if not kept:
            shown = _mark_removed(shown, marks)
        parts.append(shown)
    return "".join(parts)


def _mark_removed(text: str, marks: _Marks) -> str:
    # Line by line, because pagers forget colors at the end of a line.
    return "\n".join(_wrap(line, marks.removed) if line else line for line in text.split("\n"))


def _wrap(text: str, marks: tuple[str, str]) -> str:
    return f"{marks[0]}{text}{marks[1]}"
