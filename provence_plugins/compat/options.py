"""The options of the published `process`: their names, their defaults, and how each is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import index
from typing import Any, Literal, SupportsIndex

from provence_plugins.compat.interfaces import Interface, InterfaceName, choose_interface
from provence_plugins.engine.published_calls import PublishedScoring
from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import check_switch, show_value
from provence_plugins.text.open_provence import english_spans, japanese_spans
from provence_plugins.text.sentences import SentenceSplitter, SplitterName
from provence_plugins.thresholds import THRESHOLD_NAMES, Threshold, Thresholds

TextSplitter = Callable[[str], list[str]]
"""A published splitter: it takes a text and returns the texts of its sentences."""

_WINDOWS: dict[bool | None, Literal["best", "first"] | None] = {None: None, True: "best", False: "first"}
_SWITCHES = (
    "always_select_title",
    "reorder",
    "use_best_reranker_score",
    "zero_score_when_empty",
    "strip_sentences",
    "respect_sentence_boundaries",
    "return_sentence_metrics",
    "return_sentence_texts",
)
_LANGUAGES: dict[str, SentenceSplitter] = {"en": english_spans, "ja": japanese_spans}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """The keywords of `process` in addition to question, context and title.

    All from `batch_size` on have no effect: batches follow a budget of tokens, and nothing is
    printed.

    Attributes:
        interface: Whose shapes and defaults hold: "provence" (naver) or "open-provence". [default:
            that of the model's publisher; naver's for a model of this package]
        threshold: A sentence is kept when its probability is above this number, or above the
            model's threshold of this name. [default: the model's own]
        always_select_title: Keep the title whenever another sentence is kept. [default: True for
            naver, False for OpenProvence]
        reorder: Order the contexts of a question by relevance, and return the first `top_k`.
        top_k: Maximum number of contexts after reordering. [default: 5 for naver, all for
            OpenProvence]
        sentence_splitter: From a text to the texts of its sentences, or a mapping from `language`
            to such functions.
        language: "auto", "en" or "ja". [default: the model's own splitter]
        use_best_reranker_score: Score a context of several windows by its best window; False scores
            it by its first. [default: the rule of the model's publisher]
        zero_score_when_empty: Score 0 if nothing is kept. [default: False for naver, True for
            OpenProvence]
        strip_sentences: Read and return sentences without the white space around them.
        respect_sentence_boundaries: Cut only sentences that are longer than a window.
        return_sentence_metrics: Return `sentence_probabilities`.
        return_sentence_texts: Return `kept_sentences` and `removed_sentences`.
    """

    interface: InterfaceName | None = None
    threshold: Threshold | None = None
    always_select_title: bool | None = None
    reorder: bool = False
    top_k: int | None = None
    sentence_splitter: TextSplitter | Mapping[str, TextSplitter] | None = None
    language: str | None = None
    use_best_reranker_score: bool | None = None
    zero_score_when_empty: bool | None = None
    strip_sentences: bool = False
    respect_sentence_boundaries: bool = False
    return_sentence_metrics: bool = False
    return_sentence_texts: bool = False
    batch_size: int | None = None
    enable_warnings: bool | None = None
    show_progress: bool | None = None
    show_inference_progress: bool | None = None
    debug_messages: object = None
    preprocess_workers: int | None = None
    preprocess_batch_size: int | None = None
    torch_dataloader_kwargs: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in _SWITCHES:
            value = getattr(self, name)
            if value is not None:
                check_switch(name, value)

    @property
    def scoring(self) -> PublishedScoring:
        """How the windows of a context are scored."""
        window = _WINDOWS[self.use_best_reranker_score]
        return PublishedScoring(window, whole_sentences=self.respect_sentence_boundaries)

    def choose_rules(self, format_name: str) -> Interface:
        """Return the interface, with the options of this call in place of its defaults.

        Args:
            format_name: Name of the checkpoint's format.
        """
        given = {
            "always_select_title": self.always_select_title,
            "zero_score_when_empty": self.zero_score_when_empty,
            "top_k": _read_top_k(self.top_k),
        }
        # Any: values of different types.
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return replace(choose_interface(self.interface, format_name), **changes)

    def list_fields(self, rules: Interface) -> list[str]:
        """Return the names of the fields of the result."""
        names = [*rules.fields]
        if self.return_sentence_metrics:
            names.append("sentence_probabilities")
        if self.return_sentence_texts:
            names += ["kept_sentences", "removed_sentences"]
        return names

    def choose_threshold(self, thresholds: Thresholds) -> float:
        """Return the number that the probability of a kept sentence is above.

        Args:
            thresholds: Those of the model.
        """
        given = self.threshold
        if given is None or given in THRESHOLD_NAMES:
            return thresholds.resolve(given)
        try:
            # The published code takes numbers of any type, numpy's too, and of any range.
            return float(given)
        except (TypeError, ValueError) as error:
            names = ", ".join(map(repr, THRESHOLD_NAMES))
            raise InvalidInputError(
                f"threshold must be a number, one of the names {names}, or None for the model's "
                f"own; got {show_value(given)}."
            ) from error

    def choose_splitter(
        self,
        otherwise: SplitterName | SentenceSplitter,
    ) -> SplitterName | SentenceSplitter:
        """Return the splitter that finds the sentences of a text.

        Args:
            otherwise: The model's own splitter.
        """
        given, language = self.sentence_splitter, self.language
        if isinstance(given, Mapping):
            if language is None or language not in given:
                raise InvalidInputError(
                    f"sentence_splitter has no entry for language={language!r}; it has {sorted(given)}."
                )
            given = given[language]
        if callable(given):
            return _find_texts_of(given)
        if given is not None:
            raise InvalidInputError(
                f"sentence_splitter must be a function from a text to the texts of its sentences, "
                f"a mapping from languages to such functions, or None; got {show_value(given)}."
            )
        if language in (None, "auto"):
            return otherwise
        if language not in _LANGUAGES:
            raise InvalidInputError(
                f"language must be 'auto', 'en' or 'ja'; got {language!r}. For other languages "
                f"pass a sentence_splitter."
            )
        return _LANGUAGES[language]


def _find_texts_of(splitter: TextSplitter) -> SentenceSplitter:
    """Return a published splitter as one that gives spans; texts that do not occur are left out."""

    def find(text: str) -> list[tuple[int, int]]:
        ranges, position = [], 0
        for sentence in splitter(text):
            start = text.find(sentence, position)
            if sentence and start >= 0:
                position = start + len(sentence)
                ranges.append((start, position))
        return ranges

    return find


def _read_top_k(given: object) -> int | None:
    if given is None:
        return None
    if not isinstance(given, SupportsIndex):
        raise InvalidInputError(f"top_k must be an integer, or None for the default; got {show_value(given)}.")
    return index(given)
