"""Render pruned passages for the eye: an HTML fragment and a terminal view, both with what was removed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby

from provence_plugins.engine.passages import PrunedPassage, ScoredSentence
from provence_plugins.text.visible import show_controls, show_on_one_line

# Shading and lines are drawn over the colors of the page, so that the fragment fits light and dark pages alike.
_SHADE = "38 139 210"
_DEEPEST_SHADE = 0.5

# Most probabilities are small and the usual threshold is 0.1: on a square-root scale the eye can tell them apart.
_SCALE_STOPS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)

_STYLE = f"""
.provence {{ line-height: 1.5; overflow-wrap: anywhere }}
.provence p, .provence summary, .provence-legend {{ margin: .4em 0 }}
.provence summary {{ cursor: pointer }}
.provence summary:focus-visible {{ outline: 2px solid rgb({_SHADE}) }}
.provence-query {{ font-weight: bold; font-size: 1.15em }}
.provence-legend {{ display: flex; flex-wrap: wrap; gap: .3em 1.5em; font-size: .9em }}
.provence-scale {{ display: inline-flex; align-items: center; gap: .4em }}
.provence-bar {{ position: relative; width: 9em; height: .8em; border: 1px solid; border-radius: 2px }}
.provence-bar i {{ position: absolute; top: -.3em; bottom: -.3em; border-left: 2px solid }}
.provence-text {{ white-space: pre-wrap; margin: .3em 0 1em 1.1em }}
.provence-text span {{ background: rgb({_SHADE} / var(--shade)); border-radius: 2px; color-adjust: exact;
 print-color-adjust: exact; -webkit-print-color-adjust: exact }}
.provence del {{ text-decoration: line-through 1px; opacity: .75 }}
.provence del::before, .provence del::after {{ position: absolute; width: 1px; height: 1px; overflow: hidden;
 clip-path: inset(50%); white-space: nowrap }}
.provence del::before {{ content: " [removed] " }}
.provence del::after {{ content: " [end of removed] " }}
.provence:has(input:checked) .provence-text span::before {{ content: attr(data-probability); margin-right: .3em;
 font: .75em monospace; vertical-align: super; display: inline-block }}
"""


@dataclass(frozen=True, slots=True)
class View:
    """What a view shows of a result.

    Attributes:
        query: The question.
        passages: The passages that are kept.
        dropped: The passages that are dropped.
        threshold: The threshold that decided.
        names: Names of the passages by their index in the input, for instance file names; empty for numbers.
    """

    query: str
    passages: Sequence[PrunedPassage]
    dropped: Sequence[PrunedPassage]
    threshold: float
    names: Sequence[str] = ()

    def summary(self) -> str:
        """Return how many passages and tokens are kept, in one line."""
        before = sum(passage.tokens_before for passage in (*self.passages, *self.dropped))
        after = sum(passage.tokens_after for passage in self.passages)
        total = len(self.passages) + len(self.dropped)
        return (
            f"{len(self.passages)} of {total} passages kept · {_savings(before, after)} · threshold {self.threshold:g}"
        )

    def header(self, passage: PrunedPassage) -> str:
        """Return the name, the title and the numbers of a passage."""
        parts = [self.names[passage.index] if self.names else f"[{passage.index}]"]
        if passage.passage.title:
            parts.append(passage.passage.title)
        parts += [f"relevance {passage.relevance:.3f}", _savings(passage.tokens_before, passage.tokens_after)]
        return " · ".join(parts)

    def header_of_dropped(self, passage: PrunedPassage) -> str:
        """Return the header of a dropped passage, with the probability that came nearest to the threshold."""
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

    Sentences are shaded by their probability, removed text is struck through, dropped passages are folded. Everything
    that comes from outside is escaped.
    """
    parts = [
        f'<section class="provence" aria-label="Pruned passages"><style>{_STYLE}</style>',
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
        color: Removed text is dim and struck through with ANSI codes; otherwise it stands in `[-…-]`.
    """
    marks = _ANSI if color else _PLAIN
    headers = [(passage, view.header(passage)) for passage in view.passages]
    headers += [(passage, view.header_of_dropped(passage)) for passage in view.dropped]
    lines = [_wrap(show_on_one_line(view.query), marks.header), view.summary()]
    for passage, header in headers:
        lines += ["", _wrap(show_on_one_line(header), marks.header), _passage_terminal(passage, marks)]
    return "\n".join(lines) + "\n"


def _savings(before: int, after: int) -> str:
    removed = 1 - after / before if before else 0.0
    return f"{before} → {after} tokens · {removed:.0%} removed"


def _runs(passage: PrunedPassage) -> Iterator[tuple[bool, list[ScoredSentence]]]:
    """Yield neighboring sentences with the same decision together."""
    for kept, run in groupby(_with_cuts(passage), key=lambda sentence: sentence.kept):
        yield kept, list(run)


def _with_cuts(passage: PrunedPassage) -> Iterator[ScoredSentence]:
    """Yield the sentences; one that was cut to fit a budget as its kept part and the removed rest."""
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
    stops = ", ".join(f"rgb({_SHADE} / {_shade(stop):.3f}) {stop:.0%}" for stop in _SCALE_STOPS)
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
    for kept, run in _runs(passage):
        sentences = "".join(_sentence_html(sentence, text) for sentence in run)
        parts.append(sentences if kept else f"<del>{sentences}</del>")
    parts.append("</div></details>")
    return "".join(parts)


def _sentence_html(sentence: ScoredSentence, text: str) -> str:
    hint = f"probability {sentence.probability:.3f} · {sentence.kind} · {sentence.tokens} tokens"
    return (
        f'<span style="--shade: {_shade(sentence.probability):.3f}" data-probability="{sentence.probability:.2f}" '
        f'title="{escape(hint)}">{escape(text[sentence.start : sentence.end])}</span>'
    )


def _passage_terminal(passage: PrunedPassage, marks: _Marks) -> str:
    parts = []
    for kept, run in _runs(passage):
        shown = show_controls(passage.passage.text[run[0].start : run[-1].end])
        parts.append(shown if kept else _mark_removed(shown, marks))
    return "".join(parts)


def _mark_removed(text: str, marks: _Marks) -> str:
    # Line by line, because pagers forget colors at the end of a line.
    return "\n".join(_wrap(line, marks.removed) if line else line for line in text.split("\n"))


def _wrap(text: str, marks: tuple[str, str]) -> str:
    return f"{marks[0]}{text}{marks[1]}"
