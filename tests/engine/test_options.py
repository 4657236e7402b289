"""What a pruner can be told, and what it refuses."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rows import row

from provence_plugins import Pruner, PruningPolicy, SharedScorer
from provence_plugins.engine.options import PrunerOptions
from provence_plugins.errors import InvalidInputError
from provence_plugins.model.backend import load_backend
from provence_plugins.model.checkpoint import open_checkpoint

QUERY, TEXT = (
    "what is the capital of france",
    "paris is the capital of france. the river is in the city. cheese is what.",
)


def test_none_means_the_default_for_every_option(tiny_folder: Path) -> None:
    nothing: Any = dict.fromkeys(PrunerOptions.__annotations__)
    with Pruner(tiny_folder) as plain, Pruner(tiny_folder, **nothing) as told:
        assert repr(told) == repr(plain)
        assert told.prune(QUERY, [TEXT]) == plain.prune(QUERY, [TEXT])
        assert told.cache_stats == plain.cache_stats


def test_a_threshold_is_the_pruners_own_policy(tiny_folder: Path) -> None:
    with Pruner(tiny_folder, threshold=0.9) as pruner:
        assert pruner.policy == PruningPolicy(threshold=0.9)
        assert pruner.prune(QUERY, [TEXT]).threshold == 0.9
        assert pruner.prune(QUERY, [TEXT], PruningPolicy(threshold=0)).threshold == 0
        assert "threshold=0.9" in repr(pruner)


def test_a_name_that_the_model_does_not_store_is_refused_before_anything_is_scored(tiny_folder: Path) -> None:
    with pytest.raises(InvalidInputError, match="threshold='short' needs a model that stores"):
        Pruner(tiny_folder, threshold="short")
    with Pruner(tiny_folder) as pruner, pytest.raises(InvalidInputError, match="this one stores none"):
        pruner.prune(QUERY, [TEXT], PruningPolicy(threshold="careful"))


def test_the_bundled_model_stores_every_name() -> None:
    with Pruner(threshold="short") as pruner:
        assert pruner.prune(QUERY, [TEXT]).threshold == pruner.thresholds.short
        careful, balanced, short = pruner.thresholds.named.values()
        assert 0 < careful < balanced < short < 0.5
        assert careful < pruner.default_threshold < short


def test_a_comparison_lowers_all_sentences_but_the_best_and_zero_shows_what_the_model_gave(tiny_folder: Path) -> None:
    def probabilities(**options: Any) -> list[float]:
        with Pruner(tiny_folder, **options) as pruner:
            result = pruner.prune(QUERY, [TEXT], PruningPolicy(threshold=0))
        return [sentence.probability for sentence in result.passages[0].sentences]

    plain, compared = probabilities(comparison=0), probabilities(comparison=2.0)
    assert plain == probabilities()
    best = plain.index(max(plain))
    assert compared[best] == plain[best]
    assert all(
        after < before for place, (after, before) in enumerate(zip(compared, plain, strict=True)) if place != best
    )


@pytest.mark.parametrize("weight", [-0.1, 10.5, float("nan")])
def test_a_comparison_out_of_range_is_refused(tiny_folder: Path, weight: float) -> None:
    with pytest.raises(InvalidInputError, match=f"comparison must be between 0 and 10; got {weight}"):
        Pruner(tiny_folder, comparison=weight)


def test_a_threshold_beside_a_policy_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"policy=PruningPolicy\(threshold=0\.9"):
        Pruner(tiny_folder, threshold=0.9, policy=PruningPolicy(top_n=3))


def test_an_invalid_threshold_is_refused_before_the_model_is_opened() -> None:
    with pytest.raises(InvalidInputError, match="threshold must be a number from 0 to 1"):
        Pruner("no/such/folder", threshold=2)


@pytest.mark.parametrize("tokens", [0, 10, -1])
def test_a_batch_that_cannot_hold_a_window_is_refused(tiny_folder: Path, tokens: int) -> None:
    with pytest.raises(InvalidInputError, match=f"max_batch_tokens must be at least 64.*got {tokens}"):
        Pruner(tiny_folder, max_batch_tokens=tokens)


@pytest.mark.parametrize("tokens", [0, 65])
def test_a_window_that_the_encoder_cannot_read_is_refused(tiny_folder: Path, tokens: int) -> None:
    with pytest.raises(InvalidInputError, match=rf"window_tokens must be between 1 and 64 .*got {tokens}"):
        Pruner(tiny_folder, window_tokens=tokens)


@pytest.mark.parametrize(
    "option",
    [{"device": "cpu"}, {"dtype": "float32"}, {"threads": 1}, {"attention": "eager"}, {"compiled": True}],
    ids=str,
)
def test_options_that_a_backend_object_would_ignore_are_refused(tiny_folder: Path, option: Any) -> None:
    backend = load_backend(open_checkpoint(tiny_folder))
    with pytest.raises(InvalidInputError, match="have no effect on a backend object"):
        Pruner(tiny_folder, backend=backend, **option)


def test_an_option_of_another_type_is_refused_by_name(tiny_folder: Path) -> None:
    for name in ["device", "dtype", "threads", "attention", "window_tokens", "comparison", "revision", "scorer"]:
        for value in [b"x", [1], object(), True, 1j]:
            with row(name, value), pytest.raises(InvalidInputError, match=f"{name} must be "):
                Pruner(tiny_folder, **{name: value})


@pytest.mark.parametrize("name", ["threads", "window_tokens", "max_batch_tokens", "cache_tokens"])
def test_a_number_that_is_given_as_a_string_is_refused(tiny_folder: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match=f"{name} must be an integer or None; got '64'"):
        Pruner(tiny_folder, **{name: "64"})  # type: ignore[arg-type]


@pytest.mark.parametrize("model", [3, b"folder", ["a", "b"]], ids=str)
def test_a_model_that_is_not_a_path_is_refused(model: Any) -> None:
    with pytest.raises(InvalidInputError, match="model must be a folder or a repo id"):
        Pruner(model)


@pytest.mark.parametrize("backend", [3, len, {}, object()], ids=lambda backend: type(backend).__name__)
def test_an_object_that_is_not_a_backend_is_refused(tiny_folder: Path, backend: Any) -> None:
    with pytest.raises(InvalidInputError, match="backend must be one of 'onnx', 'torch', or an object with"):
        Pruner(tiny_folder, backend=backend)


@pytest.mark.parametrize("value", ["yes", 1, 0, "", []], ids=repr)
def test_a_switch_of_another_type_is_refused(tiny_folder: Path, value: Any) -> None:
    with pytest.raises(InvalidInputError, match="compiled must be True or False; got"):
        Pruner(tiny_folder, compiled=value)


@pytest.mark.parametrize("code", ["xx", "EN", "de-DE", "", "auto "])
def test_a_language_that_does_not_exist_is_refused(tiny_folder: Path, code: str) -> None:
    with pytest.raises(InvalidInputError, match=f'language must be "auto" or an ISO 639 code.*got {code!r}'):
        Pruner(tiny_folder, language=code)


@pytest.mark.parametrize("splitter", ["", 0, [], False], ids=repr)
def test_a_splitter_that_is_empty_is_not_the_default(tiny_folder: Path, splitter: Any) -> None:
    with pytest.raises(InvalidInputError, match="splitter must be one of"):
        Pruner(tiny_folder, splitter=splitter)


@pytest.mark.parametrize("device", ["", ",", "cpu,"])
def test_a_device_without_a_name_is_refused(tiny_folder: Path, device: str) -> None:
    with pytest.raises(InvalidInputError, match="device must be the name of a device"):
        Pruner(tiny_folder, device=device)


@pytest.mark.parametrize("option", [{"attention": "eager"}, {"compiled": True}], ids=str)
def test_options_of_torch_are_refused_by_onnx(tiny_folder: Path, option: Any) -> None:
    with pytest.raises(InvalidInputError, match="have no effect on the onnx backend"):
        Pruner(tiny_folder, backend="onnx", **option)


@pytest.mark.parametrize("scorer", [str, lambda model: None], ids=["str", "nothing"])
def test_a_scorer_that_scores_nothing_is_refused(tiny_folder: Path, scorer: Any) -> None:
    with pytest.raises(InvalidInputError, match="scorer must be a class or function that returns an object with sc"):
        Pruner(tiny_folder, scorer=scorer)


@pytest.mark.parametrize(
    "options",
    [{"gather_seconds": "x"}, {"gather_seconds": float("nan")}, {"max_pending_tokens": 1.5}, {"max_pending_tokens": 0}],
    ids=str,
)
def test_a_shared_scorer_refuses_an_invalid_limit_by_name(tiny_folder: Path, options: Any) -> None:
    [name] = options
    with pytest.raises(InvalidInputError, match=f"{name} must be "):
        Pruner(tiny_folder, scorer=partial(SharedScorer, **options))
