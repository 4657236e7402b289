"""Conventions of each checkpoint layout: what its models expect to read, and what they say.

Rows follow published source code and model cards; `docs/published-models.md` says which of them are certain.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from provence_plugins.model.families import RankingHead
from provence_plugins.text.sentences import SplitterName


@dataclass(frozen=True, slots=True)
class Reading:
    """How a query and the sentences of a passage become model inputs.

    Attributes:
        title_suffix: Put behind a title, so that the model can tell it from the first sentence.
        query: "verbatim", or "bare" for a query in lower case without ASCII punctuation.
        spaced: Sentences are read without the white space around them, and each but the first of all with one blank
            in front. Otherwise each is read as it stands, the white space behind it included.
        single_separator: Only the first of the tokens that part query and text is used (RoBERTa's template has two).
        special_tokens: Texts that spell a special token ("[SEP]") are read as that token.
        packing: "even" spreads sentences over as few windows as possible, "greedy" fills each to the brim.
        halved: A sentence is read in pieces of at most half a window, and pieces that decode to nothing are not read.
        cut_off: What of a piece does not fit beside a long query is not read, as published code has it; otherwise it
            goes into a further window. No row has this: only `compat`, which stands in for that code, asks for it.
    """

    title_suffix: str = ""
    query: Literal["verbatim", "bare"] = "verbatim"
    spaced: bool = False
    single_separator: bool = False
    special_tokens: bool = False
    packing: Literal["even", "greedy"] = "greedy"
    halved: bool = False
    cut_off: bool = False


@dataclass(frozen=True, slots=True)
class Scoring:
    """How the model's numbers become those of sentences and passages.

    Attributes:
        pooling: What a sentence's probability is: the mean over its "tokens"; the mean over the means of its "pieces";
            or, by "votes", the threshold up to which it stays when more than that share of its tokens must pass it.
        window: Whose relevance a passage of several windows has, that of the "best" or of the "first".
        relevance: Whether relevance is a "probability" or a raw "logit".
    """

    pooling: Literal["tokens", "pieces", "votes"] = "tokens"
    window: Literal["best", "first"] = "best"
    relevance: Literal["probability", "logit"] = "probability"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the tensors of a published checkpoint lie, and which encoder they belong to.

    Attributes:
        keep: Name of the keep head, a linear layer with two outputs per token of which the second means "keep".
        model_type: Family of the encoder; None when the configuration names it in `base_model_config`.
        prefix: In front of every tensor of the encoder with its ranking head.
        ranking: The head on the whole text; None for the family's own in Transformers.
        states: Whether the keep head reads the encoder's "final" states or those "before_norm", in front of the last
            layer norm. Families without such a norm have the same in both places.
        ignored: Beginnings of tensor names that play no part in inference.
    """

    keep: str
    model_type: str | None = None
    prefix: str = ""
    ranking: RankingHead | None = None
    states: Literal["final", "before_norm"] = "final"
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """One checkpoint layout.

    Attributes:
        name: What the layout is called in messages.
        markers: Beginnings of tensor names that together give it away.
        reading: How texts become model inputs.
        scoring: How the model's numbers are read.
        splitter: Sentence splitter, unless the configuration names one.
        default_threshold: Keep threshold, unless the configuration gives one.
        threshold_keys: Keys of the configuration that may give the threshold.
        max_tokens: Longest window, unless the configuration gives one; never more than the encoder reads.
        max_tokens_key: Key of the configuration that gives the longest window.
        version: The format version that this code reads; None for a layout that has none.
        layout: Where the tensors of a published checkpoint lie; None for this package's own.
    """

    name: str
    markers: tuple[str, ...]
    reading: Reading
    scoring: Scoring = field(default_factory=Scoring)
    splitter: SplitterName = "sentencex"
    default_threshold: float = 0.1
    threshold_keys: tuple[str, ...] = ()
    max_tokens: int = 512
    max_tokens_key: str | None = None
    version: int | None = None
    layout: Layout | None = None

    def fits(self, tensors: Collection[str]) -> bool:
        """Whether these are the tensor names of such a checkpoint."""
        return all(any(name.startswith(marker) for name in tensors) for marker in self.markers)


# `model_type` of this package's own folders.
NATIVE_TYPE = "provence"

NATIVE = Format(
    "native",
    markers=("backbone.", "relevance_head.", "keep_head."),
    reading=Reading(title_suffix=":", packing="even"),
    threshold_keys=("default_threshold",),
    max_tokens_key="max_tokens",
    version=1,
)

_BERGEN_READING = Reading(spaced=True, single_separator=True, special_tokens=True)
_BERGEN_SCORING = Scoring(pooling="votes", window="first", relevance="logit")

PROVENCE = Format(
    "provence",
    markers=("token_classifier.", "deberta."),
    reading=Reading(query="bare", spaced=True, single_separator=True, special_tokens=True),
    scoring=_BERGEN_SCORING,
    splitter="nltk",
    layout=Layout(
        keep="token_classifier",
        model_type="deberta-v2",
        ranking=RankingHead("pooler.dense", "classifier", "gelu", activation_key="pooler_hidden_act"),
    ),
)

XPROVENCE = Format(
    "xprovence",
    markers=("token_classifier.", "roberta."),
    reading=_BERGEN_READING,
    scoring=_BERGEN_SCORING,
    layout=Layout(
        keep="token_classifier",
        model_type="xlm-roberta",
        ranking=RankingHead("roberta.pooler.dense", "classifier", "tanh"),
    ),
)

OPEN_PROVENCE = Format(
    "open-provence",
    markers=("pruning_head.classifier.",),
    reading=Reading(title_suffix="\n", special_tokens=True, halved=True),
    scoring=Scoring(pooling="pieces"),
    splitter="open-provence",
    threshold_keys=("default_threadshold", "default_threshold"),
    max_tokens_key="max_length",
    layout=Layout(
        keep="pruning_head.classifier",
        prefix="ranking_model.",
        states="before_norm",
        ignored=("pruning_head.pooling_weights.",),
    ),
)

FORMATS = (NATIVE, PROVENCE, XPROVENCE, OPEN_PROVENCE)


def format_by_config(config: dict[str, Any]) -> Format | None:
    """The layout that a configuration names; a hint only, for folders without safetensors."""
    model_type = str(config.get("model_type"))
    architecture = str((config.get("architectures") or [""])[0])
    if model_type == NATIVE_TYPE:
        return NATIVE
    if model_type == "open_provence" or architecture.startswith("OpenProvence"):
        return OPEN_PROVENCE
    if architecture.startswith(("XProvence", "XLMRobertaForCompressionAndRanking")):
        return XPROVENCE
    if architecture.startswith(("Provence", "DebertaV2ForCompressionAndRanking")):
        return PROVENCE
    return None
