"""JSON in, JSON out: whatever the threshold, the budget, its counter and the pins."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import ScoredPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.text.sentences import split_sentences
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import Passage

STORY = (
    'It began in spring \U0001f9c0. The ice was "thick" then. Nobody came for weeks\\, and the stores ran low.\n' * 4
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
strings = st.text(max_size=20) | st.sampled_from([STORY, "error 42", STORY.replace(" ", ""), "\\u00e9 \ud83e" * 90])
values = st.recursive(
    scalars | strings,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(strings, inner, max_size=6),
    max_leaves=25,
)
documents = st.lists(values, min_size=1, max_size=5) | st.dictionaries(strings, values, min_size=1, max_size=5)
policies = st.builds(
    PruningPolicy,
    threshold=st.sampled_from([0.0, 0.5, 1.0]),
    # Fewer do not hold a pair of brackets with the white space inside of them.
    max_tokens=st.none() | st.integers(8, 300),
    token_counter=st.sampled_from(["characters", "words", None]),
    pins=st.none() | st.sampled_from(["error", "n", r"\w"]),
    omission=st.none() | st.just("…"),
    keep_neighbors=st.sampled_from([(0, 0), (1, 2)]),
    keep_title=st.booleans(),
    min_sentences=st.integers(1, 3),
    when_empty=st.sampled_from(["drop", "keep_best", "keep_all"]),
)


def count_words(text: str) -> int:
    return len(text.split())


def check_what_is_kept(document: Any, policy: PruningPolicy, data: st.DataObject) -> None:
    """Check that what is kept of a document is a document of the same make."""
    text = json.dumps(
        document, indent=data.draw(st.sampled_from([None, 1, "\t\t"])), ensure_ascii=data.draw(st.booleans())
    )
    text += data.draw(st.sampled_from(["", "\n"]))
    sentences = split_sentences(text)
    chances = data.draw(st.lists(st.sampled_from([0.0, 0.6, 1.0]), min_size=len(sentences), max_size=len(sentences)))
    counts = [max(1, count_words(sentence.of(text))) for sentence in sentences]
    passage = ScoredPassage(0, Passage(text), 1.0, sentences, chances, counts)
    kept, dropped = decide([passage], policy, Thresholds(0.5), count_words)
    assert len(kept) + len(dropped) == 1
    assert all(type(json.loads(result.text)) is type(document) for result in kept)


@given(document=documents, policy=policies, data=st.data())
@settings(max_examples=15, deadline=None)
def test_what_is_kept_of_json_is_json(document: Any, policy: PruningPolicy, data: st.DataObject) -> None:
    check_what_is_kept(document, policy, data)


@pytest.mark.slow
@given(document=documents, policy=policies, data=st.data())
@settings(max_examples=1_000, deadline=None, suppress_health_check=[*HealthCheck])
def test_what_is_kept_of_a_thousand_documents_is_json(
    document: Any, policy: PruningPolicy, data: st.DataObject
) -> None:
    check_what_is_kept(document, policy, data)
