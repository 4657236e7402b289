"""What the tools of the MCP server answer: text for a language model, facts for its program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provence_plugins.engine.limits import LimitName, best_probability, find_emptying_limits
from provence_plugins.engine.passages import PrunedPassage, RankedPassage
from provence_plugins.engine.results import PruneResult
from provence_plugins.serving.originals import Original, passage_id
from provence_plugins.text.visible import show_name, show_on_one_line

OMISSION_MARK = "[… {count} omitted]"
"""Short, because a pruned text holds many; the id that recalls what was omitted is given once,
above the text."""

RECALL_CHARACTERS = 20_000
"""Maximum number of characters that one call of `recall` returns."""

_BEGINNING_CHARACTERS = 80

# Of many dropped texts only the most relevant are named; the facts name all.
_LISTED_DROPPED = 10

# What a model can try where a limit has left nothing. It can set no minimum of relevance; a number
# as threshold switches the comparison of texts off.
_LIMIT_ADVICE: Mapping[LimitName, str] = {
    "max_tokens": "a larger max_tokens",
    "min_relevance": "another query",
    "passage_comparison": "a lower number as threshold",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a tool.

    Attributes:
        blocks: Texts for the language model.
        facts: Plain values for the program that called the tool.
    """

    blocks: Sequence[str]
    # Any: nested plain values, ready for JSON.
    facts: dict[str, Any]


def describe_result(
    result: PruneResult,
    names: Sequence[str],
    call: str,
    skipped: Sequence[str] = (),
) -> Reply:
    """Return a summary and a block for each kept passage.

    Args:
        result: What pruning gave.
        names: Names of the passages, in the order of the input.
        call: Id by which the originals are remembered.
        skipped: A line for each file that could not be read.
    """
    shown = [show_name(name) for name in names]
    lines = [_summary(result)]
    dropped = sorted(result.dropped, key=lambda passage: -passage.relevance)
    lines += [_dropped_line(passage, shown[passage.index], call) for passage in dropped[:_LISTED_DROPPED]]
    if len(dropped) > _LISTED_DROPPED:
        lines.append(f"Dropped {len(dropped) - _LISTED_DROPPED} more, which are less relevant.")
    lines += [f"Could not read {line}." for line in skipped]
    kept = [_kept_block(passage, shown[passage.index], call) for passage in result.passages]
    return Reply(["\n".join(lines), *kept], _facts(result, names, call))


def describe_ranking(ranking: Sequence[RankedPassage]) -> Reply:
    """Return a line with relevance, number and beginning of each passage, by relevance."""
    lines = []
    for passage in ranking:
        beginning = show_on_one_line(passage.passage.text[: _BEGINNING_CHARACTERS * 2])[:_BEGINNING_CHARACTERS]
        lines.append(f"{passage.relevance:.4f}  text {passage.index}: {beginning}")
    facts = [{"index": passage.index, "relevance": passage.relevance} for passage in ranking]
    return Reply(["\n".join(lines)], {"ranking": facts})


def describe_original(original: Original, *, whole: bool, start: int) -> Reply:
    """Return a page of the omitted or the whole text of a passage.

    Args:
        original: The passage.
        whole: Return the whole text, not only what was omitted.
        start: First character of the page.
    """
    text = original.text if whole else original.omitted
    end = min(len(text), start + RECALL_CHARACTERS)
    blocks = [text[start:end]]
    if end < len(text):
        blocks.append(f"[{len(text) - end} more characters: call recall again with start={end}]")
    elif start >= len(text):
        blocks = ["[Nothing was omitted.]"]
        if text.strip():
            blocks = [f"[The text ends at character {len(text)}.]"]
    return Reply(blocks, {"characters": len(text), "start": start, "end": end})


def _summary(result: PruneResult) -> str:
    stats = result.stats
    total = stats.passages_kept + stats.passages_dropped
    if stats.passages_kept:
        return (
            f"Kept {stats.tokens_after} of {stats.tokens_before} tokens, {stats.passages_kept} of "
            f"{total} texts, at threshold {result.threshold:g}."
        )
    facts = (
        f"Nothing was kept: the best sentence has probability {best_probability(result):.3f}, the threshold is "
        f"{result.threshold:g}"
    )
    limits = find_emptying_limits(result)
    if not limits:
        return f"{facts}. The texts may not hold the answer. Try a lower threshold or another query, or recall a text."
    given = " and ".join(f"{name}={value}" for name, value in limits.items())
    verb = "leaves" if len(limits) == 1 else "leave"
    advice = " and ".join(_LIMIT_ADVICE[name] for name in limits)
    return f"{facts}, and {given} {verb} no text. Try {advice}, or recall a text."


def _dropped_line(passage: PrunedPassage, name: str, call: str) -> str:
    return f"Dropped {name}: relevance {passage.relevance:.3f}, recall id {passage_id(call, passage.index)}."


def _kept_block(passage: PrunedPassage, name: str, call: str) -> str:
    before, after = passage.tokens_before, passage.tokens_after
    if not passage.is_legible:
        header = f"{name}: the model cannot read this text, so it is complete"
    elif all(sentence.kept and sentence.part is None for sentence in passage.sentences):
        header = f"{name}: relevance {passage.relevance:.3f}, complete"
    else:
        recall = passage_id(call, passage.index)
        header = f"{name}: relevance {passage.relevance:.3f}, {after} of {before} tokens, recall id {recall}"
    return f"[{header}]\n{passage.text}"


def _facts(result: PruneResult, names: Sequence[str], call: str) -> dict[str, Any]:
    passages = []
    for passage in result.passages:
        spans = [[span.start, span.end] for span in passage.kept_spans]
        facts = _passage_facts(passage, names, call)
        passages.append({**facts, "kept_spans": spans, "tokens_after": passage.tokens_after})
    return {
        "threshold": result.threshold,
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "passages": passages,
        "dropped": [_passage_facts(passage, names, call) for passage in result.dropped],
    }


def _passage_facts(passage: PrunedPassage, names: Sequence[str], call: str) -> dict[str, Any]:
    return {
        "index": passage.index,
        "name": names[passage.index],
        "recall_id": passage_id(call, passage.index),
        "relevance": passage.relevance,
        "tokens_before": passage.tokens_before,
    }
