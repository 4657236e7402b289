"""Queries as applications send them, turned into questions that fit into a window of the model.

Chat messages and search calls are not always one short question: they are long, hold several
questions, or are lists. Each question is asked by itself, and a sentence counts with its best
probability.

How to shorten a long query was measured on 72 questions of six data sets, each hidden in 450 tokens
of other text. Asking only the sentences with a question mark gave the scores of the question alone
(93.1 % of the answers kept, 27.6 % of their passages removed). Sentences most like the passages,
and all parts united, kept 94.4 % but removed half as much; the last sentences kept 90.3 %. Where
the question had no question mark, the sentences that share most words with the passages kept 95.8 %
of the answers, the last ones 84.7 %.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.notices import warn_once
from provence_plugins.text.sentences import split_sentences
from provence_plugins.types import Passage

Query = str | Sequence[str]
"""One query, or several whose results are united."""

# "__arg1" is what LangChain calls the only argument of a simple tool.
QUERY_ARGS = ("query", "queries", "question", "questions", "search_query", "search", "q", "__arg1")
"""The usual names of a search tool's argument that holds the query."""

# A query may take this share of a window; beyond it little text is left to read beside it.
_QUERY_SHARE = 1 / 3

# Each question costs a pass of the model over all passages.
_MAX_QUESTIONS = 4

# Shorter pieces ("and why?") say nothing by themselves.
_MIN_WORDS = 3

_QUESTION_MARKS = ("?", "？", "؟")
_QUESTION_WORDS = "what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|should|will|would"
_NEXT_QUESTION = re.compile(rf"(?:,\s*|\s+)(?:and|or)\s+(?=(?:{_QUESTION_WORDS})\b)|[;]\s+", re.IGNORECASE)

# Shorter words are mostly those of grammar.
_WORD = re.compile(r"\w{3,}")


def is_blank(query: Query) -> bool:
    """Return whether there is nothing to ask; the engine refuses other types."""
    if isinstance(query, str):
        return not query.strip()
    return isinstance(query, Sequence) and all(isinstance(each, str) and not each.strip() for each in query)


def reason_not_to_ask(query: Query, things: Sequence[object]) -> str | None:
    """Return why everything stays as it is without asking the model; None if the model is asked.

    Args:
        query: One query, or several.
        things: The passages, or what holds them.
    """
    if not things:
        return "there is nothing to prune"
    return "the query is blank" if is_blank(query) else None


# Any: a model wrote the arguments.
def query_in(arguments: Mapping[str, Any], names: Sequence[str] = QUERY_ARGS) -> Query | None:
    """Return a tool's first argument that holds text or a list of texts; None without one."""
    for name in names:
        value = arguments.get(name)
        if isinstance(value, str | list) and not _is_empty(value):
            return value
    return None


def _is_empty(value: str | list[Any]) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return not value or not all(isinstance(each, str) and each.strip() for each in value)


def read_questions(
    query: Query,
    passages: Sequence[Passage],
    pruner: Pruner,
    *,
    split: bool,
) -> list[str]:
    """Return the questions to ask, each of which leaves most of a window to the text.

    Args:
        query: One query or several.
        passages: The texts that are asked.
        pruner: The pruner that is asked; it counts tokens.
        split: Ask the parts of a query with several questions too, and not only the query as a
            whole.

    Raises:
        InvalidInputError: A query is not a string.
    """
    queries = [query] if isinstance(query, str) else query
    if not isinstance(queries, Sequence) or not all(isinstance(each, str) for each in queries):
        raise InvalidInputError(f"query must be a string or a list of strings; got {type(query).__name__}.")
    limit = int(pruner.window_tokens * _QUERY_SHARE)
    questions: list[str] = []
    for each in queries:
        if not each.strip():
            continue
        if _is_long(each, pruner, limit):
            questions += _shortened(each, passages, pruner, limit)
        else:
            questions.append(each)
            if split:
                questions += _parts(each)
    return list(dict.fromkeys(questions))[: max(_MAX_QUESTIONS, len(queries))]


def unite(results: Sequence[PruneResult]) -> PruneResult:
    """Return one result in which every sentence and passage has the best of its scores.

    Args:
        results: Results of different questions for the same passages under one policy; at least
            one.
    """
    first = results[0]
    if len(results) == 1:
        return first
    by_passage = zip(*map(_in_order, results), strict=True)
    united = tuple(map(_best, by_passage))
    whole = replace(first, passages=united, dropped=())
    return whole.with_policy(first.policy)


def _in_order(result: PruneResult) -> list[PrunedPassage]:
    return sorted((*result.passages, *result.dropped), key=lambda passage: passage.index)


def _best(versions: Sequence[PrunedPassage]) -> PrunedPassage:
    scored = [version.scored for version in versions]
    by_sentence = zip(*(version.probabilities for version in scored), strict=True)
    relevance = max(version.relevance for version in scored)
    best = replace(scored[0], probabilities=list(map(max, by_sentence)), relevance=relevance)
    return replace(versions[0], scored=best)


def _parts(query: str) -> list[str]:
    """Return the questions of a query that asks for several things; nothing if it asks for one."""
    parts = []
    for sentence in _sentences(query):
        for question in _NEXT_QUESTION.split(sentence):
            part = question.strip(" ,;\n\t")
            if len(part.split()) >= _MIN_WORDS:
                parts.append(part)
    if len(parts) == 1 or not query.rstrip().endswith(_QUESTION_MARKS):
        return []
    return parts


def _shortened(query: str, passages: Sequence[Passage], pruner: Pruner, limit: int) -> list[str]:
    """Return the last questions of a long query, or its sentences that are most like the texts."""
    warn_once(
        f"A query is longer than a third of the model's window ({limit} tokens). Adapters ask only "
        f"its sentences that end in a question mark or, where there are none, those that share "
        f"most words with the texts. Pass a shorter query to choose yourself."
    )
    sentences = _sentences(query)
    lengths = pruner.count_tokens(sentences)
    questions = []
    for sentence, length in zip(sentences, lengths, strict=True):
        if length <= limit and sentence.endswith(_QUESTION_MARKS):
            questions.append(sentence)
    return questions[-_MAX_QUESTIONS:] or [_most_similar(sentences, lengths, passages, limit)]


def _most_similar(
    sentences: Sequence[str],
    lengths: Sequence[int],
    passages: Sequence[Passage],
    limit: int,
) -> str:
    """Return the sentences that share most words with the texts and fit, in their order."""
    words: set[str] = set()
    for passage in passages:
        words |= _words(passage.text)
    shares = []
    for sentence in sentences:
        own = _words(sentence)
        shares.append(len(own & words) / (1 + len(own)))
    chosen, room = [], limit
    for number in sorted(range(len(sentences)), key=shares.__getitem__, reverse=True):
        if lengths[number] <= room:
            chosen.append(number)
            room -= lengths[number]
    # A text of which no sentence fits is hardly one of sentences; a token has a character at least.
    return " ".join(sentences[number] for number in sorted(chosen)) or sentences[-1][-limit:]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _is_long(query: str, pruner: Pruner, limit: int) -> bool:
    # No tokenizer makes more tokens than there are bytes.
    if len(query.encode("utf-8", "surrogatepass")) <= limit:
        return False
    return pruner.count_tokens([query])[0] > limit


def _sentences(query: str) -> list[str]:
    texts = [sentence.of(query).strip() for sentence in split_sentences(query, "sentencex")]
    return list(filter(None, texts))
