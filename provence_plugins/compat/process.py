"""`process` as naver's Provence and OpenProvence publish it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from provence_plugins.compat.contexts import (
    Decided,
    Part,
    Rules,
    cut,
    decide,
    joined,
    shifted,
    spans_of,
    splitter_of_texts,
)
from provence_plugins.compat.shapes import CALLS, Call, Context, Interface, titles_of
from provence_plugins.engine.planning import PassagePlan, check_query
from provence_plugins.engine.pruner import Pruner
from provence_plugins.errors import InvalidInputError
from provence_plugins.text.open_provence import english_spans, japanese_spans, loose_lines

_FIRST = "first_sentence"
_FIELDS = {"pruned_context": "pruned", "reranking_score": "score", "compression_rate": "rate"}
_LANGUAGES: dict[str, Any] = {"en": english_spans, "ja": japanese_spans}


class ProcessOptions(TypedDict, total=False):
    """What `process` can be told, in the words of the published interfaces; every key may be left out.

    Attributes:
        title: "first_sentence" for the first sentence of each context, None for none, a text for all, or lists like the
            contexts.
        threshold: A sentence stays when its probability is above this; left out, the checkpoint's own.
        always_select_title: Keep the title whenever a sentence stays; left out, yes for naver, no for OpenProvence.
        reorder: Order the contexts of a question by relevance, and cut them to `top_k`.
        top_k: How many; left out, 5 for naver and all for OpenProvence.
        first_line_as_title: Take the first line off each context and make it its title.
        sentence_splitter: From a text to the texts of its sentences, or a mapping from `language` to such.
        language: "auto", "en" or "ja".
        use_best_reranker_score: Score a long context by its best window; False, by its first.
        zero_score_when_empty: Score 0 where nothing stays.
        strip_sentences: Read and return sentences without the white space around them.
        return_sentence_metrics: Return `sentence_probabilities`.
        return_sentence_texts: Return `kept_sentences` and `removed_sentences`.
        batch_size: Without effect, as are the rest: batches follow a budget of tokens, and nothing is printed.
        enable_warnings: Without effect.
        show_progress: Without effect.
        show_inference_progress: Without effect.
        debug_messages: Without effect.
        preprocess_workers: Without effect.
        preprocess_batch_size: Without effect.
        torch_dataloader_kwargs: Without effect.
    """

    title: str | Sequence[str] | Sequence[Sequence[str]] | None
    threshold: float | None
    always_select_title: bool
    reorder: bool
    top_k: int | None
    first_line_as_title: bool
    sentence_splitter: Callable[[str], list[str]] | Mapping[str, Callable[[str], list[str]]] | None
    language: str | None
    use_best_reranker_score: bool
    zero_score_when_empty: bool
    strip_sentences: bool
    return_sentence_metrics: bool
    return_sentence_texts: bool
    batch_size: int
    enable_warnings: bool
    show_progress: bool
    show_inference_progress: bool | None
    debug_messages: object
    preprocess_workers: int | None
    preprocess_batch_size: int | None
    torch_dataloader_kwargs: dict[str, Any] | None


def process(
    pruner: Pruner,
    question: str | Sequence[str],
    context: str | Sequence[Any],
    *,
    interface: Interface | None = None,
    **options: Unpack[ProcessOptions],
) -> dict[str, Any]:
    """Prune in the call shapes of the published models, and return what they return.

    Args:
        pruner: Any pruner.
        question: A question, or a list of them.
        context: A text or lists of texts. For OpenProvence with one question, an inner list is a text that is cut into
            sentences; for naver it is a list of texts.
        interface: Whose shapes and defaults hold, "provence" (naver) or "open-provence"; left out, those of the
            checkpoint's own publisher, and naver's for a checkpoint of this package.
        options: See `ProcessOptions`.

    Returns:
        `pruned_context`, `reranking_score` and `compression_rate` (per cent of the characters that were removed), for
        OpenProvence `title` too, and what `return_…` asks for; each in the shape of the call.

    Raises:
        InvalidInputError: The shapes do not fit, or an option has a value that cannot be.
    """
    own: Interface = "open-provence" if pruner.planner.format.name == "open-provence" else "provence"
    interface = interface or own
    call = CALLS[interface](question, context)
    parts = _parts(pruner, call, interface, options)
    rules = _rules(pruner, interface, options)
    decided = _decide(pruner, call, parts, rules, options, quirk=interface == "open-provence")
    if options.get("reorder", False):
        top_k = options.get("top_k", 5 if interface == "provence" else None)
        decided = [_reordered(row, top_k) for row in decided]
    fields = dict(_FIELDS)
    if interface == "open-provence":
        fields["title"] = "title"
    if options.get("return_sentence_metrics", False):
        fields["sentence_probabilities"] = "probabilities"
    if options.get("return_sentence_texts", False):
        fields |= {"kept_sentences": "kept", "removed_sentences": "removed"}
    return {
        name: call.lay_out([[getattr(entry, attribute) for entry in row] for row in decided])
        for name, attribute in fields.items()
    }


def _parts(pruner: Pruner, call: Call, interface: Interface, options: ProcessOptions) -> list[list[Part]]:
    given = options.get("title", _FIRST)
    takes_line = options.get("first_line_as_title", False)
    if takes_line and given not in (None, _FIRST):
        raise InvalidInputError("first_line_as_title=True takes the title from the text; leave `title` out.")
    titles = titles_of(None if given == _FIRST else given, call)
    splitter = _splitter(pruner, options)
    is_open = interface == "open-provence"
    strip = options.get("strip_sentences", False)
    rows = []
    for request, own in zip(call.requests, titles, strict=True):
        row = []
        for entry, title in zip(request.contexts, own, strict=True):
            rest, title = _without_first_line(entry) if takes_line else (entry, title)
            text, spans = (rest, spans_of(rest, splitter)) if isinstance(rest, str) else joined(rest)
            spans = list(loose_lines(text, spans)) if is_open else spans
            row.append(cut(text, spans, title + ("\n" if is_open else " ") if title else "", strip=strip))
        rows.append(row)
    return rows


def _splitter(pruner: Pruner, options: ProcessOptions) -> object:
    given, language = options.get("sentence_splitter"), options.get("language")
    if isinstance(given, Mapping):
        if language not in given:
            raise InvalidInputError(
                f"sentence_splitter has no entry for language={language!r}; it has {sorted(given)}."
            )
        given = given[str(language)]
    if given is not None:
        return splitter_of_texts(given)
    if language in (None, "auto"):
        return pruner.planner.splitter
    if language not in _LANGUAGES:
        raise InvalidInputError(
            f"language must be 'auto', 'en' or 'ja', got {language!r}. Or give a sentence_splitter."
        )
    return _LANGUAGES[str(language)]


def _rules(pruner: Pruner, interface: Interface, options: ProcessOptions) -> Rules:
    threshold = options.get("threshold")
    is_open = interface == "open-provence"
    return Rules(
        threshold=pruner.default_threshold if threshold is None else float(threshold),
        keeps_title=options.get("always_select_title", not is_open),
        marks_first=options.get("title", _FIRST) == _FIRST and not options.get("first_line_as_title", False),
        title_in_text=not is_open,
        zero_when_empty=options.get("zero_score_when_empty", is_open),
        spaced=not is_open,
    )


def _decide(
    pruner: Pruner, call: Call, parts: list[list[Part]], rules: Rules, options: ProcessOptions, *, quirk: bool
) -> list[list[Decided]]:
    layout = pruner.planner.format
    cut_off = replace(layout.inputs, cut_off=layout.inputs.halved)
    planner = replace(pruner.planner, format=replace(layout, inputs=cut_off))
    plans = []
    for request, row in zip(call.requests, parts, strict=True):
        check_query(request.question)
        planned = planner.plan(request.question, [part.passage for part in row])
        plans += [_adjusted(plan, part, options, quirk) for plan, part in zip(planned, row, strict=True)]
    scores = iter(pruner.score(plans))
    return [[decide(part, next(scores), rules) for part in row] for row in parts]


def _adjusted(plan: PassagePlan, part: Part, options: ProcessOptions, quirk: bool) -> PassagePlan:
    if not options.get("use_best_reranker_score", True):
        plan = replace(plan, scoring=replace(plan.scoring, window="first"))
    return shifted(plan, plan.token_counts[0]) if quirk and part.title else plan


def _reordered(row: list[Decided], top_k: int | None) -> list[Decided]:
    ordered = sorted(row, key=lambda entry: entry.score, reverse=True)
    return ordered if top_k is None else ordered[: max(0, top_k)]


def _without_first_line(entry: Context) -> tuple[Context, str | None]:
    """A context without its first line that is not blank, or its first such sentence, and that line."""
    lines = entry.splitlines(keepends=True) if isinstance(entry, str) else entry
    place = next((number for number, line in enumerate(lines) if line.strip()), None)
    if place is None:
        return entry, None
    rest = lines[place + 1 :]
    return "".join(rest) if isinstance(entry, str) else rest, lines[place].strip()
