"""Score texts as published code reads them: the door through which `compat` enters the engine."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from provence_plugins.engine.planning import PassagePlan, Planner
from provence_plugins.engine.pooling import PassageScores, score_plans
from provence_plugins.engine.scoring import Scorer
from provence_plugins.model.formats import NATIVE
from provence_plugins.tokens.batches import regroup
from provence_plugins.tokens.windows import MIN_TEXT_TOKENS, Window
from provence_plugins.types import Passage

logger = logging.getLogger(__name__)

# OpenProvence cuts sentences into pieces of at least this many tokens.
_LEAST_PIECE_TOKENS = 16


@dataclass(frozen=True, slots=True)
class PublishedRequest:
    """One question of a published call.

    Attributes:
        query: The question; it may be blank, or longer than a window.
        passages: Its contexts, with their sentences.
        shifted: For each passage, whether its first sentence is a title whose tokens are subtracted
            twice, as OpenProvence does it; its published numbers with titles contain that.
    """

    query: str
    passages: Sequence[Passage]
    shifted: Sequence[bool]


@dataclass(frozen=True, slots=True)
class PublishedScoring:
    """How a published call wants its texts scored.

    Attributes:
        window: Which window's relevance a passage of several windows gets; None for the format's
            own choice.
        whole_sentences: Cut only sentences that are longer than a window.
    """

    window: Literal["best", "first"] | None = None
    whole_sentences: bool = False


def score_as_published(
    planner: Planner,
    scorer: Scorer,
    requests: Sequence[PublishedRequest],
    scoring: PublishedScoring,
    *,
    longest: int,
) -> list[list[PassageScores]]:
    """Return for each request the scores of its contexts.

    Args:
        planner: The checkpoint's own planner.
        scorer: Scores the windows of all requests together.
        requests: The questions with their contexts.
        scoring: What the call asks for.
        longest: Maximum number of tokens that the encoder can read.
    """
    planned: list[PassagePlan] = []
    sizes = []
    for request in requests:
        plans = plan_as_published(planner, request, scoring, longest=longest)
        planned += plans
        sizes.append(len(plans))
    return [list(scores) for scores in regroup(score_plans(scorer, planned), sizes)]


def plan_as_published(
    planner: Planner, request: PublishedRequest, scoring: PublishedScoring, *, longest: int
) -> list[PassagePlan]:
    """Plan the contexts of a question as the published code does.

    Args:
        planner: The checkpoint's own planner.
        request: The question with its contexts.
        scoring: What the call asks for.
        longest: Maximum number of tokens that the encoder can read.
    """
    fitted = _fit_query(_as_published(planner, scoring), request.query, longest)
    plans = []
    for plan, is_shifted in zip(fitted.plan(request.query, request.passages), request.shifted, strict=True):
        plans.append(_shift_title(plan) if is_shifted else plan)
    return plans


def _as_published(planner: Planner, scoring: PublishedScoring) -> Planner:
    conventions = planner.format
    inputs = replace(conventions.inputs, cut_off=conventions.inputs.halved)
    window = scoring.window or conventions.scoring.window
    changed = replace(conventions, inputs=inputs, scoring=replace(conventions.scoring, window=window))
    pieces = planner.piece_tokens
    if scoring.whole_sentences and pieces is not None:
        pieces = max(_LEAST_PIECE_TOKENS, planner.max_tokens - planner.encoder.template.special_tokens)
    return replace(planner, format=changed, piece_tokens=pieces, reads_all=True)


def _fit_query(planner: Planner, query: str, longest: int) -> Planner:
    """Return a planner with room for any question, as the published code has, and log it."""
    tokens = planner.count_query_tokens(query)
    special = planner.encoder.template.special_tokens
    if planner.format.inputs.halved:
        # OpenProvence never cuts the question: windows grow, and hold one token of each piece of
        # text.
        needed = tokens + special + 1
        if needed <= planner.max_tokens:
            return planner
        limit = longest - special - 1
        logger.warning(
            "The question has %d tokens and leaves no room for text in a window of %d; as in the "
            "published code, only the first token of each piece of text is read.",
            min(tokens, limit),
            planner.max_tokens,
        )
        if tokens > limit:
            logger.warning("The question has %d tokens; the model reads its first %d.", tokens, limit)
        return replace(planner, max_tokens=min(needed, longest), query_tokens=limit)
    limit = planner.max_tokens // 2
    fits = tokens + special + MIN_TEXT_TOKENS <= planner.max_tokens
    if tokens <= limit or (planner.format.name == NATIVE.name and fits):
        return planner
    logger.warning(
        "The question has %d tokens; as in the published code, the model reads its first %d, half of a window.",
        tokens,
        limit,
    )
    return replace(planner, query_tokens=limit)


def _shift_title(plan: PassagePlan) -> PassagePlan:
    """Move all sentences after the first one to the left by its number of tokens."""
    title = plan.token_counts[0]
    return replace(plan, windows=[_shift_window(window, title) for window in plan.windows])


def _shift_window(window: Window, tokens: int) -> Window:
    pieces = []
    for sentence, start, end in window.sentences:
        shift = tokens if sentence > 0 else 0
        pieces.append((sentence, max(0, start - shift), max(0, end - shift)))
    return replace(window, sentences=tuple(pieces))
