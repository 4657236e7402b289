"""Conventions of each checkpoint format: what its models read, and what their numbers mean.

Rows follow published source code and model cards; `docs/published-models.md` says which of them are
certain.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from provence_plugins.model.families import RankingHead
from provence_plugins.text.sentences import SplitterName
from provence_plugins.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class InputConventions:
    """How a query and the sentences of a passage become model inputs.

    Attributes:
        title_suffix: Appended to a title, so that the model can distinguish it from the first
            sentence.
        full_stop: Text that is read after each sentence that ends without one. A tokenizer that
            drops line breaks shows a model rows, items and fields as one run of words; with this it
            sees where each of them ends.
        query: "verbatim", or "bare" for a query in lower case without ASCII punctuation.
        spaced: Sentences are read without surrounding white space, and each but the very first with
            one space before it. Otherwise each is read as it is, trailing white space included.
        single_separator: Only the first of the tokens between query and text is used (RoBERTa's
            template has two).
        special_tokens: Texts that spell a special token ("[SEP]") are read as that token.
        packing: "even" distributes sentences over as few windows as possible, "greedy" fills each
            window up.
        halved: A sentence is read in pieces of at most half a window, and pieces that decode to
            nothing are not read.
        cut_off: The end of a piece that does not fit after a long query is not read, as in the
            published code; otherwise it goes into another window. No row sets this: only `compat`,
            which stands in for that code, does.
    """

    title_suffix: str = ""
    full_stop: str = ""
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
        pooling: How a sentence's probability is computed: the mean over its "tokens"; the mean over
            the means of its "pieces"; or, by "votes", the highest threshold that more than that
            share of its tokens pass.
        window: Which relevance a passage of several windows has, that of the "best" or of the
            "first" window.
        relevance: Whether relevance is a "probability" or a raw "logit".
        comparison: How much a better sentence of the same passage counts against a sentence, at
            least 0; see `engine.pooling.compare_with_best`. A configuration of this package's own
            format gives it; published models know of no comparison.
    """

    pooling: Literal["tokens", "pieces", "votes"] = "tokens"
    window: Literal["best", "first"] = "best"
    relevance: Literal["probability", "logit"] = "probability"
    comparison: float = 0.0


@dataclass(frozen=True, slots=True)
class TensorNames:
    """What the tensors of a published checkpoint are called, and which encoder they belong to.

    Attributes:
        keep: Name of the keep head, a linear layer with two outputs per token, the second for
            "keep".
        model_type: Family of the encoder; None if the configuration names it in
            `base_model_config`.
        prefix: Prefix of every tensor of the encoder and its ranking head.
        ranking: The head on the whole text; None for the family's own in Transformers.
        states: Whether the keep head reads the encoder's "final" states or those "before_norm",
            before the last layer norm. For families without such a norm the two are the same.
        ignored: Prefixes of tensors that are not needed for inference.
    """

    keep: str
    model_type: str | None = None
    prefix: str = ""
    ranking: RankingHead | None = None
    states: Literal["final", "before_norm"] = "final"
    ignored: tuple[str, ...] = ()


# The two thresholds that the authors of Provence published, a cautious and a strong one. They were
# not measured as ours are, so no published model has a balanced one.
PUBLISHED_THRESHOLDS = Thresholds(0.1, careful=0.1, short=0.5)


@dataclass(frozen=True, slots=True)
class Format:
    """One checkpoint format.

    Attributes:
        name: What messages call it.
        markers: Prefixes of tensor names that together identify it.
        inputs: How texts become model inputs.
        scoring: How the model's numbers are read.
        splitter: Sentence splitter, unless the configuration names one.
        thresholds: The default keep threshold, unless the configuration gives one, and those with a
            name.
        threshold_keys: Keys of the configuration that can give the default.
        max_tokens: Longest window, unless the configuration gives one; never more than the encoder
            reads.
        max_tokens_key: Key of the configuration that gives the longest window.
        version: The format version that this code reads; None for a format without versions.
        tensors: Names of the tensors of a published checkpoint; None for this package's own format.
        model_types: What `model_type` is in the configuration of such a checkpoint.
        architectures: Prefixes of the class that the configuration of such a checkpoint names.
    """

    name: str
    markers: tuple[str, ...]
    inputs: InputConventions
    scoring: Scoring = field(default_factory=Scoring)
    splitter: SplitterName = "sentencex"
    thresholds: Thresholds = PUBLISHED_THRESHOLDS
    threshold_keys: tuple[str, ...] = ()
    max_tokens: int = 512
    max_tokens_key: str | None = None
    version: int | None = None
    tensors: TensorNames | None = None
    model_types: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()

    @property
    def is_native(self) -> bool:
        """Whether this is the package's own format."""
        return self.tensors is None

    def with_comparison(self, weight: float) -> "Format":
        """Return the same conventions with another `Scoring.comparison`."""
        return replace(self, scoring=replace(self.scoring, comparison=weight))

    def fits(self, names: Collection[str]) -> bool:
        """Return whether these are the tensor names of such a checkpoint."""
        return all(any(name.startswith(marker) for name in names) for marker in self.markers)


MOST_COMPARISON = 10.0
"""Largest `Scoring.comparison`; beyond it only the best sentence of a passage could be kept."""

# `model_type` of this package's own folders.
NATIVE_TYPE = "provence"

NATIVE = Format(
    "native",
    markers=("backbone.", "relevance_head.", "keep_head."),
    inputs=InputConventions(title_suffix=":", full_stop=".", packing="even"),
    thresholds=Thresholds(0.1),
    threshold_keys=("default_threshold",),
    max_tokens_key="max_tokens",
    version=1,
    model_types=(NATIVE_TYPE,),
)

_BERGEN_INPUTS = InputConventions(spaced=True, single_separator=True, special_tokens=True)
_BERGEN_SCORING = Scoring(pooling="votes", window="first", relevance="logit")

PROVENCE = Format(
    "provence",
    markers=("token_classifier.", "deberta."),
    inputs=InputConventions(query="bare", spaced=True, single_separator=True, special_tokens=True),
    scoring=_BERGEN_SCORING,
    splitter="nltk",
    tensors=TensorNames(
        keep="token_classifier",
        model_type="deberta-v2",
        ranking=RankingHead("pooler.dense", "classifier", "gelu", activation_key="pooler_hidden_act"),
    ),
    architectures=("Provence", "DebertaV2ForCompressionAndRanking"),
)

XPROVENCE = Format(
    "xprovence",
    markers=("token_classifier.", "roberta."),
    inputs=_BERGEN_INPUTS,
    scoring=_BERGEN_SCORING,
    tensors=TensorNames(
        keep="token_classifier",
        model_type="xlm-roberta",
        ranking=RankingHead("roberta.pooler.dense", "classifier", "tanh"),
    ),
    architectures=("XProvence", "XLMRobertaForCompressionAndRanking"),
)

OPEN_PROVENCE = Format(
    "open-provence",
    markers=("pruning_head.classifier.",),
    inputs=InputConventions(title_suffix="\n", special_tokens=True, halved=True),
    scoring=Scoring(pooling="pieces"),
    splitter="open-provence",
    threshold_keys=("default_threadshold", "default_threshold"),
    max_tokens_key="max_length",
    tensors=TensorNames(
        keep="pruning_head.classifier",
        prefix="ranking_model.",
        states="before_norm",
        ignored=("pruning_head.pooling_weights.",),
    ),
    model_types=("open_provence",),
    architectures=("OpenProvence",),
)

FORMATS = (NATIVE, PROVENCE, XPROVENCE, OPEN_PROVENCE)


def format_by_config(config: Mapping[str, Any]) -> Format | None:
    """Return the format that a configuration names, for folders without safetensors."""
    names = config.get("architectures")
    architecture = str(names[0]) if isinstance(names, list) and names else ""
    by_type = [row for row in FORMATS if config.get("model_type") in row.model_types]
    by_class = [row for row in FORMATS if row.architectures and architecture.startswith(row.architectures)]
    return next(iter(by_type + by_class), None)
