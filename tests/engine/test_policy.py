import dataclasses
import math
from dataclasses import fields
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import row

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.errors import InvalidInputError
from provence_plugins.thresholds import THRESHOLD_NAMES, Threshold


def test_the_default_policy_leaves_the_threshold_to_the_checkpoint_and_sets_no_limits() -> None:
    assert dataclasses.asdict(PruningPolicy()) == {
        "threshold": None,
        "top_n": None,
        "max_tokens": None,
        "keep_title": False,
        "keep_headings": True,
        "min_sentences": 1,
        "when_empty": "drop",
        "order": "input",
        "min_relevance": None,
        "keep_neighbors": (0, 0),
        "pins": None,
        "omission": None,
        "ties": ("label", "parent", "question", "announced", "title"),
        "token_counter": None,
        "deduplicate": None,
        "passage_comparison": None,
    }


@given(threshold=st.floats(0, 1) | st.sampled_from([0, 1, *THRESHOLD_NAMES]))
def test_every_number_from_zero_to_one_is_a_threshold_and_so_is_every_name(threshold: Threshold) -> None:
    assert PruningPolicy(threshold=threshold).threshold == threshold


def test_an_unknown_name_of_a_threshold_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InvalidInputError, match=r"one of the names 'careful', 'balanced', 'short', .* got 'medium'"):
        PruningPolicy(threshold="medium")  # type: ignore[arg-type]


def test_a_policy_cannot_be_changed() -> None:
    for field in [f.name for f in dataclasses.fields(PruningPolicy)]:
        with row(field), pytest.raises(dataclasses.FrozenInstanceError):
            setattr(PruningPolicy(), field, 1)


def test_a_value_without_meaning_is_refused_with_its_name_and_what_was_given() -> None:
    for wrong in [
        {"threshold": math.nan},
        {"threshold": math.inf},
        {"threshold": -0.01},
        {"threshold": 1.01},
        {"threshold": "0.5"},
        {"threshold": True},
        {"min_relevance": math.nan},
        {"min_relevance": 1.5},
        {"min_relevance": "0.5"},
        {"passage_comparison": -0.1},
        {"passage_comparison": 10.1},
        {"passage_comparison": math.nan},
        {"passage_comparison": True},
        {"passage_comparison": "much"},
        {"deduplicate": True},
        {"deduplicate": "fuzzy"},
        {"top_n": 0},
        {"top_n": 1.0},
        {"top_n": True},
        {"max_tokens": -1},
        {"max_tokens": 10.0},
        {"max_tokens": False},
        {"min_sentences": 0},
        {"min_sentences": None},
        {"min_sentences": True},
        {"keep_title": 1},
        {"keep_title": None},
        {"keep_headings": "yes"},
        {"when_empty": "keep"},
        {"when_empty": None},
        {"when_empty": ["drop"]},
        {"order": "score"},
        {"keep_neighbors": 1},
        {"keep_neighbors": (1,)},
        {"keep_neighbors": (1, -1)},
        {"keep_neighbors": (1, True)},
        {"keep_neighbors": [1, 1]},
        {"pins": 3},
        {"pins": "("},
        {"pins": "a{99999999999999999999}"},
        {"pins": "(" * 5_000 + ")" * 5_000},
        {"omission": "{count[0]}"},
        {"omission": 3},
        {"token_counter": 3},
        {"omission": "{"},
        {"omission": "{} left out"},
        {"omission": "{number} left out"},
        {"omission": "{count.real.x}"},
    ]:
        with row(wrong):
            [(name, value)] = wrong.items()
            with pytest.raises(InvalidInputError) as caught:
                PruningPolicy(**wrong)
            assert str(caught.value).startswith(f"{name} must be ")
            assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "given", "plain"),
    [
        ("threshold", np.float32(0.25), 0.25),
        ("threshold", np.float64(0.25), 0.25),
        ("threshold", np.int64(1), 1),
        ("threshold", Fraction(1, 4), 0.25),
        ("min_relevance", np.float16(0.5), 0.5),
        ("passage_comparison", np.float32(2), 2.0),
        ("top_n", np.int64(3), 3),
        ("max_tokens", np.uint8(9), 9),
        ("min_sentences", np.int32(2), 2),
        ("keep_neighbors", (np.int64(1), 2), (1, 2)),
    ],
    ids=str,
)
def test_numbers_of_other_libraries_become_those_of_python(name: str, given: Any, plain: Any) -> None:
    value = getattr(PruningPolicy(**{name: given}), name)
    assert (repr(value), type(value)) == (repr(plain), type(plain))


@pytest.mark.parametrize("wrong", [np.True_, np.float32("nan"), np.array(0.5), np.str_("0.5")], ids=repr)
def test_other_values_of_numpy_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="threshold must be a number"):
        PruningPolicy(threshold=wrong)


@pytest.mark.parametrize(
    ("wrong", "choices"),
    [
        ({"when_empty": "keep"}, "'drop', 'keep_one', 'keep_best', 'keep_all'"),
        ({"order": "best"}, "'input', 'relevance'"),
    ],
    ids=["when_empty", "order"],
)
def test_an_unknown_choice_is_answered_with_the_choices(wrong: dict[str, Any], choices: str) -> None:
    with pytest.raises(InvalidInputError, match=choices):
        PruningPolicy(**wrong)


def test_the_smallest_counts_are_accepted() -> None:
    policy = PruningPolicy(top_n=1, max_tokens=0, min_sentences=1)
    assert (policy.top_n, policy.max_tokens, policy.min_sentences) == (1, 0, 1)


def test_an_array_is_refused_like_any_other_wrong_value() -> None:
    """Arrays of numpy refuse to say whether they equal a name."""
    for name in [field.name for field in fields(PruningPolicy)]:
        with row(name):
            for value in (np.array([1, 2]), (np.array(["label", "title"]),)):
                with pytest.raises(InvalidInputError, match=f"{name} must be "):
                    PruningPolicy(**{name: value})


@pytest.mark.parametrize("ties", [["label"], ("friend",), (None, []), "label", ({},)], ids=str)
def test_ties_of_another_form_are_refused(ties: Any) -> None:
    with pytest.raises(InvalidInputError, match="ties must be a tuple of names"):
        PruningPolicy(ties=ties)
