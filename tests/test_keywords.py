"""Unknown keywords are refused, known ones are shown."""

import inspect
from typing import Any

import pytest

from provence_plugins import Passage, Pruner, PruneRequest, PruningPolicy, Sentence, SharedScorer, Span
from provence_plugins.data.examples import Example
from provence_plugins.engine.options import PrunerOptions
from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import check_keywords, check_number, takes_keywords_of
from provence_plugins.serving.settings import ServeSettings


@check_keywords
def bake(flour: str, *, sugar: int = 1, butter: int | None = None) -> tuple[str, int, int | None]:
    return flour, sugar, butter


@takes_keywords_of(bake)
def bake_twice(flour: str, *, oven: str = "hot", **options: Any) -> list[tuple[str, int, int | None]]:
    return [bake(flour, **options)] * 2


def test_known_keywords_arrive() -> None:
    assert bake("rye", sugar=2) == bake(flour="rye", sugar=2) == ("rye", 2, None)
    assert bake_twice("rye", butter=3, oven="cold") == [("rye", 1, 3)] * 2


@pytest.mark.parametrize("function", [bake, bake_twice])
def test_an_unknown_keyword_is_refused_and_the_nearest_is_named(function: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"Unknown keyword 'suger'\. Did you mean 'sugar'\?"):
        function("rye", suger=1)


def test_the_known_keywords_are_listed_if_none_is_near() -> None:
    with pytest.raises(InvalidInputError, match="Known keywords: butter, flour, sugar"):
        bake("rye", xyz=1)


def test_a_function_that_passes_options_on_shows_them() -> None:
    assert str(inspect.signature(bake_twice).replace(return_annotation=inspect.Signature.empty)) == (
        "(flour: str, *, oven: str = 'hot', sugar: int = 1, butter: int | None = None)"
    )


@pytest.mark.parametrize("door", [Pruner, Pruner.from_pretrained], ids=["Pruner", "from_pretrained"])
def test_a_notebook_shows_every_option_of_a_pruner_with_its_default(door: Any) -> None:
    shown = inspect.signature(door).parameters
    assert set(shown) == {"model", *PrunerOptions.__annotations__}
    assert shown["cache_tokens"].default == 0
    assert all(p.default is not p.empty for name, p in shown.items() if name != "model")


@pytest.mark.parametrize("door", [Pruner, Pruner.from_pretrained], ids=["Pruner", "from_pretrained"])
@pytest.mark.parametrize(
    ("given", "nearest"), [("devise", "device"), ("treshold", "threshold"), ("max_tokens", "max_batch_tokens")]
)
def test_a_pruner_refuses_an_unknown_option_and_names_the_nearest(door: Any, given: str, nearest: str) -> None:
    with pytest.raises(InvalidInputError, match=f"Did you mean '{nearest}'"):
        door("some/model", **{given: 1})


def test_a_known_keyword_is_never_self() -> None:
    with pytest.raises(InvalidInputError) as caught:
        Pruner(xyz=1)  # type: ignore[call-arg]
    assert "self" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "given", "nearest"),
    [
        (PruningPolicy, "treshold", "threshold"),
        (Passage, "titel", "title"),
        (Span, "begin", "end"),
        (Sentence, "headings", "heading"),
        (PruneRequest, "passage", "passages"),
        (SharedScorer, "max_pending_token", "max_pending_tokens"),
        (Example, "answer", "answers"),
        (ServeSettings, "max_passage", "max_passages"),
    ],
)
def test_what_callers_make_refuses_an_unknown_keyword_and_names_the_nearest(
    kind: Any, given: str, nearest: str
) -> None:
    with pytest.raises(InvalidInputError, match=f"Unknown keyword '{given}'. Did you mean '{nearest}'"):
        kind(**{given: 1})


def test_a_class_that_checks_its_keywords_still_shows_them() -> None:
    assert list(inspect.signature(PruningPolicy).parameters)[:2] == ["threshold", "top_n"]
    assert list(inspect.signature(PruneRequest).parameters) == ["query", "passages"]
    assert Sentence(start=0, end=2, kind="heading") == Sentence(0, 2, "heading")
    assert PruneRequest("q", passages=[])._replace(query="r") == PruneRequest(query="r", passages=[])


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "x", None, True])
def test_a_number_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError, match="speed must be a finite number of at least 0, or 'fast'; got"):
        check_number("speed", value, least=0, otherwise=", or 'fast'")


def test_a_minimum_that_must_be_exceeded_is_refused() -> None:
    check_number("speed", 0, least=0)
    with pytest.raises(InvalidInputError, match="speed must be a finite number above 0; got 0"):
        check_number("speed", 0, least=0, above=True)
