"""The commands that read passages from files: prune and rerank."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provence_plugins.cli import streams
from provence_plugins.cli.options import ModelOptions, PolicyOptions, flag, require_opener
from provence_plugins.errors import InvalidInputError
from provence_plugins.text.visible import show_name
from provence_plugins.types import Passage

if TYPE_CHECKING:
    from provence_plugins.engine.results import PruneResult

_STDIN = Path("-")

Query = Annotated[str, typer.Option("--query", "-q", help="The question.")]
Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="Files of UTF-8 text, one passage each.", show_default="-, standard input"),
]
Title = Annotated[str | None, typer.Option(help="Title of the page that the passages come from.", show_default="none")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """The format in which a result is printed."""

    as_json: Annotated[
        bool, typer.Option("--json", help="Print probabilities, spans and dropped passages as JSON.")
    ] = False
    as_html: Annotated[bool, typer.Option("--html", help="Print an HTML page that shows kept and removed text.")] = (
        False
    )
    show: Annotated[bool, typer.Option("--show", help="Print kept and removed text for reading.")] = False
    color: Annotated[
        bool | None,
        typer.Option("--color/--no-color", help="Use colors with --show.", show_default="on a terminal"),
    ] = None
    stats: Annotated[
        bool, typer.Option("--stats", help="Print tokens, passages, threshold and seconds to standard error.")
    ] = False

    def choose(self) -> Callable[["PruneResult", Sequence[str]], None]:
        """Return the function that prints a result, given the names of its passages.

        Raises:
            BadParameter: Two shapes were asked for.
        """
        views = {_print_json: self.as_json, _print_html: self.as_html, self._print_view: self.show}
        chosen = [view for view, wanted in views.items() if wanted]
        if len(chosen) > 1:
            raise typer.BadParameter("Use only one of --json, --html and --show.")
        return chosen[0] if chosen else _print_kept_text

    def _print_view(self, result: "PruneResult", names: Sequence[str]) -> None:
        color = self.color
        if color is None:
            color = sys.stdout is not None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
        streams.print_as_it_is(result.to_terminal(color=color, names=names))


def prune(
    query: Query,
    view: ViewOptions,
    policy: PolicyOptions,
    model: ModelOptions,
    files: Files = None,
    title: Title = None,
) -> None:
    """Print the sentences of files that help to answer a question."""
    require_opener(view, "show", ("color",))
    print_result, chosen = view.choose(), policy.build()
    paths = files or [_STDIN]
    passages = [Passage(_read(path), title) for path in paths]
    with model.open() as pruner:
        began = time.perf_counter()
        result = pruner.prune(query, passages, chosen)
        seconds = time.perf_counter() - began
    print_result(result, [_name(path) for path in paths])
    if not result.passages and result.dropped:
        streams.report(_explain_empty(result))
    if view.stats:
        streams.report_lines(
            "\n" + _stats_table(result, seconds, f"{model.model or 'bundled'}, {pruner.backend_description}")
        )


def rerank(
    query: Query,
    model: ModelOptions,
    files: Files = None,
    title: Title = None,
    top_n: Annotated[int | None, typer.Option(help="Print at most this many files.", show_default="all")] = None,
) -> None:
    """Print relevance and name of files, the most relevant first."""
    paths = files or [_STDIN]
    passages = [Passage(_read(path), title) for path in paths]
    with model.open() as pruner:
        ranked = pruner.rerank(query, passages, top_n)
    lines = [f"{passage.relevance:.4f}\t{show_name(str(paths[passage.index]))}\n" for passage in ranked]
    streams.print_as_it_is("".join(lines))


def _read(path: Path) -> str:
    # Bytes in and bytes out: no line end is translated on any system.
    content = streams.standard_input().read() if path == _STDIN else path.read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{_name(path)} is not UTF-8 text ({error}). Convert it to UTF-8 text first."
        ) from error


def _name(path: Path) -> str:
    return "standard input" if path == _STDIN else str(path)


def _print_json(result: "PruneResult", names: Sequence[str]) -> None:
    streams.print_json(result.to_dict())


def _print_kept_text(result: "PruneResult", names: Sequence[str]) -> None:
    """Print what is kept, with a blank line between passages."""
    parts: list[str] = []
    for passage in result.passages:
        if parts:
            parts.append("\n" if parts[-1].endswith("\n") else "\n\n")
        parts.append(passage.text)
    streams.print_text("".join(parts))


def _print_html(result: "PruneResult", names: Sequence[str]) -> None:
    streams.print_text(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(result.query)}</title>\n"
        f"<style>{_PAGE_STYLE}</style>\n"
        f"</head>\n<body>\n<main>\n{result.to_html(names=names)}\n</main>\n</body>\n</html>\n"
    )


_PAGE_STYLE = """
:root { color-scheme: light dark; background: #fff; color: #1c1c1c }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 0 auto; padding: 1.5rem 1rem }
@media (prefers-color-scheme: dark) { :root { background: #16181c; color: #e6e6e6 } }
"""


_LIMIT_ADVICE = {
    "max_tokens": "raise --max-tokens",
    "min_relevance": "lower --min-relevance",
    "passage_comparison": "use --passage-comparison 0, which decides on each passage by itself",
}


def _explain_empty(result: "PruneResult") -> str:
    """Say why nothing was kept, and how to keep something."""
    from provence_plugins.engine.limits import best_probability, find_emptying_limits

    best, threshold = best_probability(result), result.threshold
    side, link = ("reaches", "but") if best >= threshold else ("is below", "and")
    facts = f"Nothing was kept. The best sentence has probability {best:.3g}, which {side} the threshold {threshold:g}"
    limits = find_emptying_limits(result)
    if not limits:
        return (
            f"{facts}. If the passages do hold the answer, lower --threshold or use --when-empty "
            f"keep_one. --show prints what was removed."
        )
    given = " and ".join(f"{flag(name)} {value}" for name, value in limits.items())
    verb = "leaves" if len(limits) == 1 else "leave"
    advice = " and ".join(_LIMIT_ADVICE[name] for name in limits)
    return f"{facts}, {link} {given} {verb} no passage. {advice.capitalize()}."


def _stats_table(result: "PruneResult", seconds: float, model: str) -> str:
    stats = result.stats
    tokens = f"{stats.tokens_before} before, {stats.tokens_after} after, {stats.removed_share:.0%} removed"
    rows = [
        ("tokens", tokens),
        ("passages", f"{stats.passages_kept} kept, {stats.passages_dropped} dropped"),
        ("threshold", _describe_threshold(result)),
        ("seconds", f"{seconds:.2f}"),
        ("model", model),
    ]
    return streams.format_table(rows)


def _describe_threshold(result: "PruneResult") -> str:
    """Return the number that decided, and its name if the policy names one."""
    given = result.policy.threshold
    name = f" ({given})" if isinstance(given, str) else ""
    return f"{result.threshold:g}{name}"
