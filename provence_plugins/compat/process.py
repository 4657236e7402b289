"""`process` as naver's Provence and OpenProvence publish it."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, index
from typing import Any, Literal, SupportsIndex

from provence_plugins.compat.calls import FIRST_SENTENCE, Call, Titles
from provence_plugins.compat.contexts import (
    ContextDecision,
    ContextReader,
    TitledContext,
    decide,
    splitter_of_texts,
)
from provence_plugins.compat.interfaces import Interface, InterfaceName, choose_interface
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.published_calls import PublishedRequest, PublishedScoring
from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import check_keywords, show_value
from provence_plugins.text.open_provence import english_spans, japanese_spans
from provence_plugins.text.sentences import SentenceSplitter, SplitterName
from provence_plugins.thresholds import THRESHOLD_NAMES, Threshold

TextSplitter = Callable[[str], list[str]]
"""A published splitter: from a text to the texts of its sentences."""

_WINDOWS: dict[bool | None, Literal["best", "first"] | None] = {None: None, True: "best", False: "first"}
_LANGUAGES: dict[str, SentenceSplitter] = {"en": english_spans, "ja": japanese_spans}


@check_keywords
def process(
    pruner: Pruner,
    question: str | Sequence[str],
    context: str | Sequence[Any],
    title: str | Sequence[str] | Sequence[Sequence[str]] | None = FIRST_SENTENCE,
    first_line_as_title: bool = False,
    *,
    interface: InterfaceName | None = None,
    threshold: Threshold | None = None,
    always_select_title: bool | None = None,
    reorder: bool = False,
    top_k: int | None = None,
    sentence_splitter: TextSplitter | Mapping[str, TextSplitter] | None = None,
    language: str | None = None,
    use_best_reranker_score: bool | None = None,
    zero_score_when_empty: bool | None = None,
    strip_sentences: bool = False,
    respect_sentence_boundaries: bool = False,
    return_sentence_metrics: bool = False,
    return_sentence_texts: bool = False,
    batch_size: int | None = None,
    enable_warnings: bool | None = None,
    show_progress: bool | None = None,
    show_inference_progress: bool | None = None,
    debug_messages: object = None,
    preprocess_workers: int | None = None,
    preprocess_batch_size: int | None = None,
    torch_dataloader_kwargs: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Prune in the call shapes of the published models, and return what they return.

    A blank question is answered, and one that is longer than a window is cut as the published code
    cuts it; the log says so.

    Args:
        pruner: Any pruner.
        question: A question, or a list of questions.
        context: A text or lists of texts. For OpenProvence with one question, an inner list is a
            text that is cut into sentences; for naver it is a list of texts.
        title: "first_sentence" makes the first sentence of each context its title. None for no
            title, or explicit titles in the shapes of the interface.
        first_line_as_title: Take the first line off each context and make it its title.
        interface: Whose shapes and defaults hold: "provence" (naver) or "open-provence". [default:
            that of the model's publisher; naver's for a model of this package]
        threshold: A sentence is kept when its probability is above this number, or above the
            model's threshold of this name. [default: the model's own]
        always_select_title: Keep the title whenever another sentence is kept. [default: True for
            naver, False for OpenProvence]
        reorder: Order the contexts of a question by relevance, and return the first `top_k`.
        top_k: Maximum number of contexts after reordering. [default: 5 for naver, all for
            OpenProvence]
        sentence_splitter: From a text to the texts of its sentences, or a mapping from `language`
            to such functions.
        language: "auto", "en" or "ja". [default: the model's own splitter]
        use_best_reranker_score: Score a context of several windows by its best window; False scores
            it by its first. [default: the rule of the model's publisher]
        zero_score_when_empty: Score 0 if nothing is kept. [default: False for naver, True for
            OpenProvence]
        strip_sentences: Read and return sentences without the white space around them.
        respect_sentence_boundaries: Cut only sentences that are longer than a window.
        return_sentence_metrics: Return `sentence_probabilities`.
        return_sentence_texts: Return `kept_sentences` and `removed_sentences`.
        batch_size: Has no effect, like all keywords below: batches follow a budget of tokens, and
            nothing is printed.
        enable_warnings: Has no effect.
        show_progress: Has no effect.
        show_inference_progress: Has no effect.
        debug_messages: Has no effect.
        preprocess_workers: Has no effect.
        preprocess_batch_size: Has no effect.
        torch_dataloader_kwargs: Has no effect.

    Returns:
        `pruned_context`, `reranking_score` and `compression_rate` (share of the characters removed,
        in per cent), for OpenProvence `title` too, and what `return_…` asks for; each in the shape
        of the call.

    Raises:
        InvalidInputError: A keyword is unknown or has an invalid value, or the shapes do not fit
            each other.
    """
    published = _choose_interface(pruner, interface).with_options(
        always_select_title=always_select_title,
        zero_score_when_empty=zero_score_when_empty,
        top_k=_read_top_k(top_k),
    )
    limit = _read_threshold(pruner, threshold)
    call = published.read_call(question, context)
    titles = _read_titles(published, call, title, first_line_as_title)
    splitter = _choose_splitter(pruner, sentence_splitter, language)
    contexts = ContextReader(published, splitter, strip_sentences, first_line_as_title).read_all(call, titles)
    scoring = PublishedScoring(window=_WINDOWS[use_best_reranker_score], whole_sentences=respect_sentence_boundaries)
    scores = pruner.score_as_published(_requests(call, contexts, published), scoring)
    first_is_title = title == FIRST_SENTENCE and not first_line_as_title
    decided = []
    for row, of_row in zip(contexts, scores, strict=True):
        decisions = []
        for one, of_one in zip(row, of_row, strict=True):
            decisions.append(decide(one, of_one, published, threshold=limit, first_is_title=first_is_title))
        decided.append(_reordered(decisions, published.top_k) if reorder else decisions)
    fields = dict(published.fields)
    if return_sentence_metrics:
        fields["sentence_probabilities"] = "probabilities"
    if return_sentence_texts:
        fields |= {"kept_sentences": "kept", "removed_sentences": "removed"}
    return {name: call.lay_out(_column(decided, attribute)) for name, attribute in fields.items()}


def _choose_interface(pruner: Pruner, name: InterfaceName | None) -> Interface:
    if not isinstance(pruner, Pruner):
        raise InvalidInputError(
            f"pruner must be a Pruner; got {show_value(pruner)}. Write process(Pruner(model), ...)."
        )
    return choose_interface(name, pruner.format)


# Any: the attributes have many types.
def _column(decided: Sequence[Sequence[ContextDecision]], attribute: str) -> list[list[Any]]:
    """Return an attribute of all decisions, by question and context."""
    column = attrgetter(attribute)
    return [list(map(column, row)) for row in decided]


def _read_titles(rows: Interface, call: Call, title: object, first_line_as_title: bool) -> Titles:
    is_explicit = title is not None and title != FIRST_SENTENCE
    if is_explicit and first_line_as_title:
        raise InvalidInputError("first_line_as_title=True takes the title from the text; leave title out.")
    if is_explicit:
        return rows.read_titles(title, call)
    return [[None] * len(request.contexts) for request in call.requests]


def _choose_splitter(
    pruner: Pruner, given: TextSplitter | Mapping[str, TextSplitter] | None, language: str | None
) -> SplitterName | SentenceSplitter:
    if isinstance(given, Mapping):
        if language is None or language not in given:
            raise InvalidInputError(
                f"sentence_splitter has no entry for language={language!r}; it has {sorted(given)}."
            )
        given = given[language]
    if callable(given):
        return splitter_of_texts(given)
    if given is not None:
        raise InvalidInputError(
            f"sentence_splitter must be a function from a text to the texts of its sentences, a mapping from languages "
            f"to such functions, or None; got {show_value(given)}."
        )
    if language in (None, "auto"):
        return pruner.splitter
    if language not in _LANGUAGES:
        raise InvalidInputError(
            f"language must be 'auto', 'en' or 'ja'; got {language!r}. For other languages pass a sentence_splitter."
        )
    return _LANGUAGES[language]


def _requests(call: Call, contexts: Sequence[Sequence[TitledContext]], interface: Interface) -> list[PublishedRequest]:
    requests = []
    for request, row in zip(call.requests, contexts, strict=True):
        shifted = [interface.title_shift and bool(context.title) for context in row]
        requests.append(PublishedRequest(request.question, [context.passage for context in row], shifted))
    return requests


def _reordered(row: list[ContextDecision], top_k: int | None) -> list[ContextDecision]:
    ordered = sorted(row, key=lambda decision: decision.score, reverse=True)
    return ordered if top_k is None else ordered[: max(0, top_k)]


def _read_top_k(given: object) -> int | None:
    if given is None:
        return None
    if not isinstance(given, SupportsIndex):
        raise InvalidInputError(f"top_k must be an integer, or None for the default; got {show_value(given)}.")
    return index(given)


def _read_threshold(pruner: Pruner, given: Threshold | None) -> float:
    if given is None or given in THRESHOLD_NAMES:
        return pruner.thresholds.resolve(given)
    try:
        # The published code takes numbers of any type, numpy's too, and of any range.
        return float(given)
    except (TypeError, ValueError) as error:
        names = ", ".join(map(repr, THRESHOLD_NAMES))
        raise InvalidInputError(
            f"threshold must be a number, one of the names {names}, or None for the model's own; got "
            f"{show_value(given)}."
        ) from error
