"""What a browser needs to decide by itself which sentences are kept."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from provence_plugins.engine.budgets import CountTokens, cut_to_fit, find_counter
from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.results import PruneResult
from provence_plugins.text.json_text import without_cut_escape

# Fields by which a browser cannot decide.
_NOT_IN_BROWSERS = frozenset({"pins", "omission", "token_counter", "deduplicate"})


# Any, here and below: plain values, ready for JSON.
def describe_scores(result: PruneResult) -> dict[str, Any]:
    """Return the policy of a result and the scores of its passages in input order.

    Returns:
        `policy`: the fields of `PruningPolicy`, with the threshold and the comparison of passages
        that were used, except `pins`, `omission`, `token_counter` and `deduplicate`, by which a
        browser cannot decide; `passages`:
        for each `index`, `title`, `relevance`, `relevance_probability`, `is_legible` and
        `sentences`: for each `start`, `end`, `probability`, `kind`, `tokens`, `heading`, `ties`
        (pairs of kind and number), `cost` (what it takes of `max_tokens`), `space` (the white space
        at its end: its own `cost`, how many line `breaks` are in it, and whether it is the
        `whole` sentence; None if there is none) and `pinned`.
    """
    policy = result.policy
    is_pinned = policy.pin_test() or (lambda text: False)
    count = None if policy.token_counter is None else find_counter(policy.token_counter)
    passages = sorted((*result.passages, *result.dropped), key=lambda passage: passage.index)
    return {
        "policy": _describe_policy(result),
        "passages": [
            _describe_passage(passage, is_pinned, count, count or result.count_tokens) for passage in passages
        ],
    }


def describe_cut(
    text: str, room: float, policy: PruningPolicy, count_tokens: CountTokens, *, is_json: bool
) -> dict[str, Any]:
    """Return the beginning of a sentence that fits a budget.

    Args:
        text: The sentence.
        room: The unused part of the budget.
        policy: The policy, whose own counter measures the budget if it has one.
        count_tokens: Counts tokens of the model.
        is_json: Whether the sentence is a part of a JSON document.

    Returns:
        `characters` of the beginning, 0 if none fits, and how many of white space are `skipped`
        before it; its `tokens`, its `cost` in the budget, and the `space` at its end.
    """
    count = count_tokens if policy.token_counter is None else find_counter(policy.token_counter)
    skipped = 0
    beginning = cut_to_fit(text, room, count)
    if not beginning:  # the white space in front may fill the room
        skipped = len(text) - len(text.lstrip())
        beginning = cut_to_fit(text.lstrip(), room, count)
    if is_json:
        beginning = without_cut_escape(beginning)
    return {
        "skipped": skipped,
        "characters": len(beginning),
        "tokens": count_tokens(beginning),
        "cost": count(beginning),
        "space": _describe_space(beginning, count),
    }


def _describe_policy(result: PruneResult) -> dict[str, Any]:
    described = {}
    for field in fields(PruningPolicy):
        if field.name not in _NOT_IN_BROWSERS:
            value = getattr(result.policy, field.name)
            described[field.name] = list(value) if isinstance(value, tuple) else value
    return {**described, "threshold": result.threshold, "passage_comparison": result.passage_comparison}


def _describe_passage(
    passage: PrunedPassage,
    is_pinned: Callable[[str], bool],
    count: CountTokens | None,
    count_space: CountTokens | None,
) -> dict[str, Any]:
    text = passage.passage.text
    sentences = [
        {
            "start": sentence.start,
            "end": sentence.end,
            "probability": sentence.probability,
            "kind": sentence.kind,
            "tokens": sentence.tokens,
            "heading": sentence.heading,
            "ties": [list(tie) for tie in sentence.ties],
            "cost": sentence.tokens if count is None else count(sentence.of(text)),
            "space": _describe_space(sentence.of(text), count_space),
            "pinned": is_pinned(sentence.of(text)),
        }
        for sentence in passage.sentences
    ]
    return {
        "index": passage.index,
        "title": passage.passage.title,
        "relevance": passage.relevance,
        "relevance_probability": passage.scored.relevance_probability,
        "is_legible": passage.is_legible,
        "sentences": sentences,
    }


def _describe_space(text: str, count: CountTokens | None) -> dict[str, Any] | None:
    space = text[len(text.rstrip()) :]
    if not space:
        return None
    return {"cost": 0 if count is None else count(space), "breaks": space.count("\n"), "whole": space == text}
