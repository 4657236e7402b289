"""One tree of exceptions, drawn at the top of its module, for every failure that is foreseen."""

import asyncio
import re
import sys
from collections.abc import Iterator

import pytest
import sentencex

from provence_plugins import DirectScorer, Pruner, SharedScorer, errors
from provence_plugins.engine.scoring import ScorerFactory
from provence_plugins.errors import (
    BackendError,
    ClosedError,
    MissingExtraError,
    ProvenceError,
    SplitterError,
    needs_extra,
    translate_panics,
)
from provence_plugins.integrations.langchain import ProvenceCompressor
from provence_plugins.model.backend import BatchScores
from provence_plugins.testing import WordBackend
from provence_plugins.text.sentences import split_sentences
from provence_plugins.tokens.batches import TokenBatch


def panic(text: str) -> Iterator[tuple[int, int]]:
    """Have a Rust extension panic in earnest: it slices behind a white space of three bytes."""
    sentencex.segment("en", "B\u3000.B")
    raise AssertionError("the extension takes this text now; find another that it panics on")


class PanickingBackend(WordBackend):
    def forward(self, batch: TokenBatch) -> BatchScores:
        panic("")
        raise AssertionError


def test_a_panic_in_a_splitter_is_a_splitter_error() -> None:
    with pytest.raises(SplitterError, match="panicked while splitting"):
        split_sentences("One.", panic)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, ValueError])
def test_other_exceptions_stay_what_they_are(error: type[BaseException]) -> None:
    with pytest.raises(error), translate_panics(BackendError, "testing"):
        raise error


@pytest.mark.parametrize("scorer", [DirectScorer, SharedScorer], ids=["direct", "shared"])
def test_a_panic_anywhere_is_an_engine_failure_that_adapters_can_keep(scorer: ScorerFactory) -> None:
    from langchain_core.documents import Document

    documents = [Document("The castle has towers. Sheep graze.")]
    for pruner, error in (
        (Pruner(backend=WordBackend(), splitter=panic, scorer=scorer), SplitterError),
        (Pruner(backend=PanickingBackend(), scorer=scorer), BackendError),
    ):
        with pruner:
            with pytest.raises(error):
                pruner.prune("castle", ["The castle has towers."])
            with pytest.raises(error):
                asyncio.run(pruner.aprune("castle", ["The castle has towers."]))
            keeping = ProvenceCompressor(model=pruner, on_error="keep")
            assert [document.page_content for document in keeping.compress_documents(documents, "castle")] == [
                documents[0].page_content
            ]
            kept = asyncio.run(keeping.acompress_documents(documents, "castle"))
            assert [document.page_content for document in kept] == [documents[0].page_content]


def test_there_is_one_closed_error() -> None:
    assert "was closed" in str(ClosedError())


def exceptions() -> set[type[ProvenceError]]:
    found: set[type[ProvenceError]] = set()
    waiting: list[type[ProvenceError]] = [ProvenceError]
    while waiting:
        waiting += waiting.pop().__subclasses__()
        found |= set(waiting)
    return found | {ProvenceError}


def test_all_exceptions_are_one_tree_in_one_module() -> None:
    defined = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert defined == {error for error in exceptions() if error.__module__ == errors.__name__}


def test_the_drawing_shows_every_exception_under_its_parent() -> None:
    parents: list[str] = []
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([│├└─ ]*)(\w+Error)\b", line)
        if match:
            depth = len(match[1]) // 4
            parents[depth:] = [match[2]]
            drawn[match[2]] = parents[depth - 1] if depth else "Exception"
    defined = {error for error in exceptions() if error.__module__ == errors.__name__}
    assert drawn == {error.__name__: error.__bases__[0].__name__ for error in defined}


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with (
        pytest.raises(
            MissingExtraError,
            match=r'The package pandas is not installed\. Install it with: pip install "provence-plugins\[x\]"',
        ),
        needs_extra("x"),
    ):
        import pandas  # noqa: F401


def test_an_import_error_of_our_own_is_not_translated() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module") as caught, needs_extra("x"):
        import provence_plugins.no_such_module  # type: ignore[import-not-found]  # noqa: F401
    assert not isinstance(caught.value, MissingExtraError)
