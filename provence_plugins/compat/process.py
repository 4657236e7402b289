"""`process` as naver's Provence and OpenProvence publish it."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from provence_plugins.compat.calls import FIRST_SENTENCE, Call, Titles
from provence_plugins.compat.contexts import ContextDecision, ContextReader, TitledContext, decide
from provence_plugins.compat.interfaces import Interface
from provence_plugins.compat.options import ProcessOptions
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.published_calls import PublishedRequest
from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import show_value, takes_keywords_of


@takes_keywords_of(ProcessOptions)
def process(
    pruner: Pruner,
    question: str | Sequence[str],
    context: str | Sequence[Any],
    title: str | Sequence[str] | Sequence[Sequence[str]] | None = FIRST_SENTENCE,
    first_line_as_title: bool = False,
    **options: Any,  # those of `ProcessOptions`, which a notebook shows
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
        options: All other keywords of the published calls, see `ProcessOptions`.

    Returns:
        `pruned_context`, `reranking_score` and `compression_rate` (share of the characters removed,
        in per cent), for OpenProvence `title` too, and what `return_…` asks for; each in the shape
        of the call.

    Raises:
        InvalidInputError: A keyword is unknown or has an invalid value, or the shapes do not fit
            each other.
    """
    if not isinstance(pruner, Pruner):
        raise InvalidInputError(
            f"pruner must be a Pruner; got {show_value(pruner)}. Write process(Pruner(model), ...)."
        )
    asked = ProcessOptions(**options)
    rules = asked.choose_rules(pruner.format)
    threshold = asked.choose_threshold(pruner.thresholds)
    call = rules.read_call(question, context)
    if asked.reorder:
        call.check_top_k(rules.top_k)
    titles = _read_titles(rules, call, title, first_line_as_title)
    reader = ContextReader(rules, asked.choose_splitter(pruner.splitter), asked.strip_sentences, first_line_as_title)
    contexts = reader.read_all(call, titles)
    scores = pruner.score_as_published(_requests(call, contexts, rules), asked.scoring)
    first_is_title = title == FIRST_SENTENCE and not first_line_as_title
    decided = []
    for row, scores_of_row in zip(contexts, scores, strict=True):
        decisions = []
        for one, scored in zip(row, scores_of_row, strict=True):
            decisions.append(decide(one, scored, rules, threshold=threshold, first_is_title=first_is_title))
        if asked.reorder:
            decisions = _reordered(decisions, rules.top_k)
        decided.append(decisions)
    result = {}
    for name in asked.list_fields(rules):
        column = attrgetter(name)
        result[name] = call.lay_out([list(map(column, row)) for row in decided])
    return result


def _read_titles(rules: Interface, call: Call, title: object, first_line_as_title: bool) -> Titles:
    if title is None or title == FIRST_SENTENCE:
        return [[None] * size for size in call.sizes]
    if first_line_as_title:
        raise InvalidInputError("first_line_as_title=True takes the title from the text; leave title out.")
    return rules.read_titles(title, call)


def _requests(
    call: Call,
    contexts: Sequence[Sequence[TitledContext]],
    rules: Interface,
) -> list[PublishedRequest]:
    requests = []
    for request, row in zip(call.requests, contexts, strict=True):
        passages = [context.passage for context in row]
        shifted = [rules.title_shift and bool(context.title) for context in row]
        requests.append(PublishedRequest(request.question, passages, shifted))
    return requests


def _reordered(row: list[ContextDecision], top_k: int | None) -> list[ContextDecision]:
    ordered = sorted(row, key=attrgetter("reranking_score"), reverse=True)
    if top_k is None:
        return ordered
    return ordered[: max(0, top_k)]
