"""Pruned passages for the eye: an HTML fragment and a terminal view, both with what was removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from provence_plugins.engine.passages import PrunedPassage, ScoredSentence
from provence_plugins.text.visible import show_controls, show_on_one_line

# Opacity instead of colours: the fragment takes those of its page, light or dark.
_TEXT_STYLE = "white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.3em 0 0.8em 1.1em; line-height: 1.5"
_REMOVED_STYLE = "opacity: 0.5"


@dataclass(frozen=True, slots=True)
class _Marks:
    """What a terminal view writes around a header and around removed text."""

    header: tuple[str, str]
    removed: tuple[str, str]


_ANSI = _Marks(header=("\x1b[1m", "\x1b[0m"), removed=("\x1b[2;9m", "\x1b[0m"))
_PLAIN = _Marks(header=("", ""), removed=("[-", "-]"))


def render_html(query: str, passages: Sequence[PrunedPassage], dropped: Sequence[PrunedPassage]) -> str:
    """A self-contained HTML fragment without scripts: removed text struck through, dropped passages folded.

    Each sentence shows its probability under the pointer. Everything that comes from outside is escaped.
    """
    head = f"<p><b><bdi>{escape(query)}</bdi></b><br>{escape(_summary(passages, dropped))}</p>"
    kept = (_passage_html(passage, folded=False) for passage in passages)
    rest = (_passage_html(passage, folded=True) for passage in dropped)
    return "\n".join(("<div>", head, *kept, *rest, "</div>"))


def render_terminal(
    query: str, passages: Sequence[PrunedPassage], dropped: Sequence[PrunedPassage], *, color: bool = True
) -> str:
    """A view for the terminal, control characters of the texts made visible; of dropped passages only the header.

    Args:
        query: The question.
        passages: The passages that remain.
        dropped: The others.
        color: Removed text is dim and struck through with ANSI codes; without, it stands in `[-…-]`.
    """
    marks = _ANSI if color else _PLAIN
    lines = [_wrapped(show_on_one_line(query), marks.header), _summary(passages, dropped)]
    for passage in passages:
        lines += ["", _wrapped(show_on_one_line(_header(passage)), marks.header), _passage_terminal(passage, marks)]
    if dropped:
        lines += ["", *(f"{show_on_one_line(_header(passage))} · dropped" for passage in dropped)]
    return "\n".join(lines) + "\n"


def _summary(passages: Sequence[PrunedPassage], dropped: Sequence[PrunedPassage]) -> str:
    before = sum(passage.tokens_before for passage in (*passages, *dropped))
    after = sum(passage.tokens_after for passage in passages)
    return f"{len(passages)} of {len(passages) + len(dropped)} passages · {_savings(before, after)}"


def _header(passage: PrunedPassage) -> str:
    title = f" {passage.passage.title}" if passage.passage.title else ""
    savings = _savings(passage.tokens_before, passage.tokens_after)
    return f"[{passage.index}]{title} · relevance {passage.relevance:.3f} · {savings}"


def _savings(before: int, after: int) -> str:
    removed = 1 - after / before if before else 0.0
    return f"{before} → {after} tokens · {removed:.0%} removed"


def _passage_html(passage: PrunedPassage, *, folded: bool) -> str:
    text = passage.passage.text
    sentences = "".join(_sentence_html(sentence, text) for sentence in passage.sentences)
    return (
        f"<details{'' if folded else ' open'}><summary><bdi>{escape(_header(passage))}</bdi></summary>"
        f'<div dir="auto" style="{_TEXT_STYLE}">{sentences}</div></details>'
    )


def _sentence_html(sentence: ScoredSentence, text: str) -> str:
    tag, style = ("span", "") if sentence.kept else ("del", f' style="{_REMOVED_STYLE}"')
    hint = f"{sentence.probability:.3f} · {sentence.kind} · {sentence.tokens} tokens"
    return f'<{tag} title="{escape(hint)}"{style}>{escape(sentence.of(text))}</{tag}>'


def _passage_terminal(passage: PrunedPassage, marks: _Marks) -> str:
    runs = groupby(passage.sentences, key=lambda sentence: sentence.kept)
    return "".join(_run_terminal(list(run), passage.passage.text, kept, marks) for kept, run in runs)


def _run_terminal(run: Sequence[ScoredSentence], text: str, kept: bool, marks: _Marks) -> str:
    shown = show_controls(text[run[0].start : run[-1].end])
    if kept:
        return shown
    # Line by line, because pagers forget colours at the end of a line.
    return "\n".join(_wrapped(line, marks.removed) if line else line for line in shown.split("\n"))


def _wrapped(text: str, marks: tuple[str, str]) -> str:
    return f"{marks[0]}{text}{marks[1]}"
