"""Settings of a training run; `training.recipes` reads them from TOML files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import check_class_keywords
from provence_plugins.model.formats import MOST_COMPARISON
from provence_plugins.text.sentences import SplitterName
from provence_plugins.training.setting_types import check_field_types

Autocast = Literal["auto", "bfloat16", "float32"]
Precision = Literal["int8", "float32"]


@check_class_keywords
@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Which examples a run reads, and how it cuts their passages.

    Attributes:
        train: Files of labelled JSON lines. Glob patterns are allowed; paths are relative to the
            working directory.
        labels: Files of silver labels that `provence label --labels-only` wrote. Only the pairs that
            they name are then trained on; `train` holds their texts and what people say of them.
        dev: Files as in `train`, for evaluation during the run and for choosing the default threshold.
        negatives: Number of mined negatives that each epoch draws for every positive.
        random_negatives: Number of passages of other questions, of any source, that each epoch
            draws for every positive. Mined negatives are all near the question; a relevance that
            ranks passages of any origin needs far ones too.
        crop_sentences: Minimum and maximum number of sentences in a cropped passage. Crops place
            the evidence anywhere, show more questions in the same time, and teach the model
            passages of many lengths.
        whole_share: Share of passages that are read whole.
        title_share: Share of passages whose title is shown to the model.
        joined_share: Share of positives that are put into one text with one to three of their mined
            negatives, before they are cropped or read whole; see `data.joining`.
        structured_share: Share of passages that are rewritten as lists, rows, turns, `key: value`
            lines or lines without punctuation; see `data.structuring`.
        search_share: Share of questions that are read as key words, as people type them into a
            search box; see `data.search_words`.
        source_exponent: How strongly the size of a source counts. A source of n examples is drawn
            in proportion to n to this power; the largest source is read once per epoch. 1 reads
            every example once, 0 draws all sources equally often.
        dev_limit: Maximum number of dev questions per source during the run.
        final_dev_limit: Maximum number of dev questions per source at the end; None takes all.
    """

    train: Sequence[str]
    dev: Sequence[str]
    labels: Sequence[str] = ()
    negatives: int = 1
    random_negatives: int = 0
    crop_sentences: Sequence[int] = (2, 8)
    whole_share: float = 0.25
    title_share: float = 0.5
    joined_share: float = 0.0
    structured_share: float = 0.0
    search_share: float = 0.0
    source_exponent: float = 1.0
    dev_limit: int = 25
    final_dev_limit: int | None = None

    def __post_init__(self) -> None:
        check_field_types(self)
        low, high = self.crop_sentences if len(self.crop_sentences) == 2 else (0, 0)
        _require(1 <= low <= high, "crop_sentences must be two numbers, 1 <= minimum <= maximum", self.crop_sentences)
        _require_least(self, 0, "negatives", "random_negatives")
        _require_least(self, 1, "dev_limit", "final_dev_limit")
        _require_shares(self, "whole_share", "title_share", "joined_share", "structured_share", "search_share")
        _require_shares(self, "source_exponent")


@check_class_keywords
@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSettings:
    """Length of the run, learning rates and loss weights.

    Attributes:
        tokens: Length of the run in tokens that the model reads, padding not counted. Give this or
            `epochs`.
        epochs: Length of the run in epochs; fractions are allowed. Give this or `tokens`.
        batch_tokens: Maximum number of tokens in a batch, padding included.
        gradient_accumulation_steps: Number of batches whose gradients are averaged for one step of
            the optimizer. On a CPU, three batches of 3,072 tokens are read faster than one of
            9,216.
        learning_rate: Peak learning rate of the encoder's last layer.
        layer_decay: Factor between the learning rates of neighbouring layers, from the last layer
            down. Below 1 the lower layers, which hold most of what the encoder learned before,
            change least.
        head_learning_rate: Peak learning rate of the two heads, which start untrained.
        warmup: Share of the run during which the learning rate rises; after it the rate falls
            linearly.
        final_rate: Share of the peak learning rate at the end of the run.
        weight_decay: Weight decay of AdamW.
        max_gradient_norm: Gradients are clipped to this norm.
        ranking_weight: Weight λ of the ranking loss, added to the keep loss (Provence, arXiv
            2501.16214, section 3).
        token_weight: Weight of the loss on the keep probabilities of tokens.
        sentence_weight: Weight of the loss on their means over sentences.
        contrast_weight: Weight of the loss on how the sentences of a passage compare with each
            other.
        mark_weight: Weight of the loss of a third head that finds the annotated tokens. The head is
            discarded at the end; see `training.losses.mark_loss`.
        silver_weight: Share of a teacher's probability in the label of a sentence that people
            labelled too, 0 to 1. Sentences that only a teacher labelled take its probability; see
            `provence label`.
        dropout: Dropout of the encoder; 0 is much faster on a CPU.
        freeze_embeddings: Do not train the token embeddings, which are half of a small model's
            weights and change little.
        autocast: Precision of the encoder: "bfloat16", "float32", or "auto" for the faster one on
            this machine.
        compile: Compile the encoder with torch, which needs a C++ compiler and costs a minute at
            the start.
    """

    tokens: int | None = None
    epochs: float | None = None
    batch_tokens: int = 1536
    gradient_accumulation_steps: int = 1
    learning_rate: float = 2e-4
    layer_decay: float = 1.0
    head_learning_rate: float = 5e-4
    warmup: float = 0.02
    final_rate: float = 0.02
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    ranking_weight: float = 0.3
    token_weight: float = 1.0
    sentence_weight: float = 0.5
    contrast_weight: float = 0.0
    mark_weight: float = 0.0
    silver_weight: float = 0.5
    dropout: float = 0.0
    freeze_embeddings: bool = True
    autocast: Autocast = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        check_field_types(self)
        lengths = {"tokens": self.tokens, "epochs": self.epochs}
        given = {name: value for name, value in lengths.items() if value is not None}
        _require(len(given) == 1, "give the length of the run as either tokens or epochs", given or "neither")
        for name, value in given.items():
            _require(value > 0, f"{name} must be above 0", value)
        _require(0 < self.layer_decay <= 1, "layer_decay must be above 0 and at most 1", self.layer_decay)
        _require_least(self, 0, "ranking_weight", "token_weight", "sentence_weight", "contrast_weight", "mark_weight")
        _require_least(self, 0, "learning_rate", "head_learning_rate", "weight_decay", "max_gradient_norm")
        _require_least(self, 1, "batch_tokens", "gradient_accumulation_steps")
        _require_shares(self, "silver_weight", "final_rate")
        for name in ("warmup", "dropout"):
            _require(0 <= getattr(self, name) < 1, f"{name} must be at least 0 and below 1", getattr(self, name))


@check_class_keywords
@dataclass(frozen=True, slots=True, kw_only=True)
class SoftLabelSettings:
    """How a sentence encoder softens the labels; see `training.soft_labels`.

    Attributes:
        encoder: A sentence encoder with mean pooling: a folder, "package:name/folder" or a repo id.
        confidence: Log-odds of a label by itself, for or against.
        weight: Log-odds that a cosine similarity of 1 between question and sentence adds.
        neutral: Cosine similarity that adds nothing.
        answers_only: Soften only windows that hold an answer. In the others everything is to be
            removed, however similar to the question, and the encoder does half of the work.
        similarity_share: Share of the encoder in the relevance of a window that a teacher scored, 0
            to 1. The target is then a mean of two log-odds, the teacher's raw score and those of
            the similarity; 0 leaves the teacher's.
        passage_weight: Log-odds that a cosine similarity of 1 between question and whole passage
            adds to the relevance of every window without a teacher's score, whether it answers or
            not. 0 softens relevance as sentences are softened, by the most similar one.
    """

    encoder: str
    confidence: float = 3.0
    weight: float = 5.0
    neutral: float = 0.4
    answers_only: bool = False
    similarity_share: float = 0.0
    passage_weight: float = 0.0

    def __post_init__(self) -> None:
        check_field_types(self)
        _require_shares(self, "similarity_share")


@check_class_keywords
@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """One training run.

    Attributes:
        base: What to start from: the folder of an encoder or of a model that an earlier run wrote,
            "package:name/folder" for a folder inside an installed package, a repo id, or "bundled"
            for the model that ships with this package. The heads of a model of this package are
            trained further.
        output: Folder that receives the model, its card, the log, the curves and the checkpoint.
        data: Which examples are read.
        optimizer: Length of the run, learning rates and loss weights.
        soft_labels: How a sentence encoder softens the labels; None trains on the labels as they
            are.
        seed: Seed of every random choice.
        splitter: Sentence splitter, also recorded in the model.
        window_tokens: Maximum length of a window in tokens, also recorded in the model.
        base_share: Share of the base's weights in the finished model. The model is then the
            weighted mean of the base and of the end of the run, which brings back what training
            forgot (arXiv 2109.01903). The base must be a model of this package.
        comparison: How much a better sentence of the same passage counts against a sentence when
            the finished model decides; see `engine.pooling.compare_with_best`. Training itself does
            not depend on it.
        passage_comparison: How much a surer passage of the same question counts against a passage when
            the finished model decides; see `engine.pooling.compare_passages`.
        target_recall: The default threshold is the highest one that keeps this share of the dev
            answers. With 0.97 it is the one that is called "balanced".
        precision: Precision of the ONNX file that the run writes, "int8" or "float32". The
            thresholds are measured with this file, because it decides later.
        evaluate_every: Number of steps between two evaluations on dev; each writes a checkpoint.
        log_every: Number of steps between two lines of the log with the losses and the speed.
        device: "cpu", "cuda", "cuda:1", "mps"; None takes the first GPU, or the CPU if there is
            none.
        threads: Number of threads that torch uses; None is one beside a GPU, and torch's own choice
            on a CPU.
        workers: Number of processes that cut passages and make batches ahead, beside the training;
            0 makes them in between. A GPU waits for its batches without some, one for each core.
            Their number changes no batch.
        card: Facts for the model card: `license`, `base_model`, `datasets` and so on.
    """

    base: str
    output: str
    data: DataSettings
    optimizer: OptimizerSettings
    soft_labels: SoftLabelSettings | None = None
    seed: int = 13
    splitter: SplitterName = "sentencex"
    window_tokens: int = 384
    base_share: float = 0.0
    comparison: float = 0.5
    passage_comparison: float = 0.25
    target_recall: float = 0.97
    precision: Precision = "int8"
    evaluate_every: int = 250
    log_every: int = 50
    device: str | None = None
    threads: int | None = None
    workers: int = 0
    card: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_field_types(self)
        _require(0 <= self.base_share < 1, "base_share must be at least 0 and below 1", self.base_share)
        most = MOST_COMPARISON
        for name in ("comparison", "passage_comparison"):
            value = getattr(self, name)
            _require(0 <= value <= most, f"{name} must be between 0 and {most:g}", value)
        _require(0 < self.target_recall <= 1, "target_recall must be above 0 and at most 1", self.target_recall)
        _require_least(self, 1, "window_tokens", "evaluate_every", "log_every", "threads")
        _require_least(self, 0, "workers")
        _require(
            self.window_tokens <= self.optimizer.batch_tokens,
            f"batch_tokens must be at least window_tokens={self.window_tokens}",
            self.optimizer.batch_tokens,
        )


def _require_least(settings: object, least: int, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        _require(value is None or value >= least, f"{name} must be at least {least}", value)


def _require_shares(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        _require(0 <= value <= 1, f"{name} must be between 0 and 1", value)


def _require(holds: bool, rule: str, given: object) -> None:
    if not holds:
        raise InvalidInputError(f"{rule}; got {given!r}.")
