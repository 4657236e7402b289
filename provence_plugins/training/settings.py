"""Every knob of a training run, read from one TOML file."""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from provence_plugins.errors import InvalidInputError
from provence_plugins.text.sentences import SplitterName

Autocast = Literal["auto", "bfloat16", "float32"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """What is read and how it is cut.

    Attributes:
        train: Files of labelled JSON lines, glob patterns allowed, relative to where the command runs.
        dev: The same, for evaluation while training and for choosing the default threshold.
        negatives: Mined negatives drawn anew in each epoch for every positive.
        crop_sentences: Fewest and most sentences of a cropped passage. Crops hold evidence at any place, train more
            questions in the same time, and teach the model passages of many lengths.
        whole_share: Share of passages that are read whole.
        title_share: Share of passages whose title is shown to the model.
        source_exponent: A source of n examples brings n to this power in proportion to the largest one, which comes
            once an epoch: 1 takes everything once, 0 takes as much of each source.
        dev_limit: Most dev questions taken from each source while training.
        final_dev_limit: Most dev questions taken from each source at the end; None takes all.
    """

    train: Sequence[str]
    dev: Sequence[str]
    negatives: int = 1
    crop_sentences: Sequence[int] = (2, 8)
    whole_share: float = 0.25
    title_share: float = 0.5
    source_exponent: float = 1.0
    dev_limit: int = 25
    final_dev_limit: int | None = None

    def __post_init__(self) -> None:
        for name in ("train", "dev"):
            patterns = getattr(self, name)
            _require(isinstance(patterns, list | tuple), f"{name} needs a list of files", patterns)
        low, high = self.crop_sentences if len(self.crop_sentences) == 2 else (0, 0)
        _require(1 <= low <= high, "crop_sentences needs two numbers, 1 <= fewest <= most", self.crop_sentences)
        _require(self.negatives >= 0, "negatives needs a number from 0 up", self.negatives)
        _require(0 <= self.source_exponent <= 1, "source_exponent needs a number from 0 to 1", self.source_exponent)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSettings:
    """How the weights move.

    Attributes:
        tokens: Length of the run, in tokens that the model reads.
        batch_tokens: Most tokens of a batch, padding included.
        learning_rate: Peak rate of the encoder's last layer.
        layer_decay: The rate of each layer is this share of the next one's, so that the lower ones, which know most of
            what the encoder learned before, move least.
        head_learning_rate: Peak rate of the two heads, which start from nothing.
        warmup: Share of the run in which the rate rises; it then falls in a straight line.
        final_rate: What is left of the peak rate at the end.
        weight_decay: AdamW's.
        max_gradient_norm: Gradients are clipped to this length.
        ranking_weight: Weight λ of the ranking loss beside the keep loss (Provence, arXiv 2501.16214, section 3).
        sentence_weight: Weight of the loss on sentence means beside the loss on tokens.
        contrast_weight: Weight of the loss on how the sentences of a passage compare with each other.
        mark_weight: Weight of the loss of a third head, thrown away at the end, that finds the very tokens people
            marked; see `training.losses.mark_loss`.
        dropout: Dropout of the encoder; 0 is faster by far on a CPU.
        freeze_embeddings: Leave the token embeddings as they are: half of a small model's weights, and slow to move.
        autocast: "bfloat16", "float32", or "auto" for what multiplies faster on this machine.
        compile: Let torch compile the encoder, which needs a C++ compiler: a minute at the start, a faster run after.
    """

    tokens: int
    batch_tokens: int = 1536
    learning_rate: float = 2e-4
    layer_decay: float = 1.0
    head_learning_rate: float = 5e-4
    warmup: float = 0.02
    final_rate: float = 0.02
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    ranking_weight: float = 0.3
    sentence_weight: float = 0.5
    contrast_weight: float = 0.0
    mark_weight: float = 0.0
    dropout: float = 0.0
    freeze_embeddings: bool = True
    autocast: Autocast = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        _require(self.tokens > 0, "tokens needs a number from 1 up", self.tokens)
        _require(0 < self.layer_decay <= 1, "layer_decay needs a share above 0", self.layer_decay)
        for name in ("ranking_weight", "sentence_weight", "contrast_weight", "mark_weight"):
            _require(getattr(self, name) >= 0, f"{name} needs a number from 0 up", getattr(self, name))
        _require(0 <= self.warmup < 1, "warmup needs a share below 1", self.warmup)
        _require(self.autocast in get_args(Autocast), f"autocast needs one of {get_args(Autocast)}", self.autocast)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftLabelSettings:
    """How a sentence encoder softens the labels; see `training.soft_labels`.

    Attributes:
        encoder: Folder of a sentence encoder whose token states are averaged, or "package:name/folder".
        confidence: Log-odds that a label brings by itself, for or against.
        weight: Log-odds that a cosine of 1 between question and sentence adds.
        neutral: Cosine that adds nothing.
        answers_only: Soften only windows that hold an answer. In the others all is to be removed, however like the
            question it is, and the encoder is spared half of its work.
    """

    encoder: str
    confidence: float = 3.0
    weight: float = 5.0
    neutral: float = 0.4
    answers_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """One training run.

    Attributes:
        base: Folder of the encoder to start from, or "package:name/folder" for one that lies in an installed package.
            A folder that an earlier run wrote is trained on, heads and all.
        output: Folder that receives the model, its card, the log and the checkpoints.
        data: What is read.
        optimizer: How the weights move.
        soft_labels: Knowledge of a sentence encoder that the labels are mixed with; None takes them as they are.
        seed: Of every random choice.
        splitter: Sentence splitter, also recorded in the model.
        max_tokens: Longest window, also recorded in the model.
        base_share: Share of the base's weights in the finished model, which is the weighted mean of base and training's
            end: what the base knew and training forgot comes back (arXiv 2109.01903). The base must then be a model of
            this package.
        target_kept: The default threshold is the highest at which this share of dev answers survives.
        evaluate_every: Steps between two evaluations on dev; a checkpoint is written each time.
        device: "cpu", "cuda", "cuda:1", "mps"; None takes the first GPU, or the CPU where there is none.
        threads: Threads of torch; None leaves its own choice.
        card: Facts for the model card: `license`, `base_model`, `datasets` and the like.
    """

    base: str
    output: str
    data: DataSettings
    optimizer: OptimizerSettings
    soft_labels: SoftLabelSettings | None = None
    seed: int = 13
    splitter: SplitterName = "sentencex"
    max_tokens: int = 384
    base_share: float = 0.0
    target_kept: float = 0.97
    evaluate_every: int = 250
    device: str | None = None
    threads: int | None = None
    card: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(0 <= self.base_share < 1, "base_share needs a share from 0 up, below 1", self.base_share)
        _require(0 < self.target_kept <= 1, "target_kept needs a share above 0", self.target_kept)
        _require(self.evaluate_every > 0, "evaluate_every needs a number from 1 up", self.evaluate_every)
        _require(
            self.max_tokens <= self.optimizer.batch_tokens,
            f"batch_tokens must hold a window of max_tokens={self.max_tokens}",
            self.optimizer.batch_tokens,
        )


def read_settings(path: Path) -> TrainSettings:
    """Read a training configuration.

    Raises:
        InvalidInputError: The file is missing or no TOML, or a key is missing or unknown.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInputError(f"{path} is no readable TOML configuration: {error}.") from error
    data = _build(DataSettings, values.pop("data", {}), f"{path} [data]")
    optimizer = _build(OptimizerSettings, values.pop("optimizer", {}), f"{path} [optimizer]")
    if "soft_labels" in values:
        values["soft_labels"] = _build(SoftLabelSettings, values["soft_labels"], f"{path} [soft_labels]")
    settings: TrainSettings = _build(TrainSettings, {**values, "data": data, "optimizer": optimizer}, str(path))
    return settings


def _require(holds: bool, rule: str, given: object) -> None:
    if not holds:
        raise InvalidInputError(f"{rule}, got {given!r}.")


def _build(kind: Any, values: dict[str, Any], where: str) -> Any:
    if not isinstance(values, dict):
        raise InvalidInputError(f"{where} must be a table, got {values!r}.")
    unknown = set(values) - {entry.name for entry in fields(kind)}
    if unknown:
        known = ", ".join(entry.name for entry in fields(kind))
        raise InvalidInputError(f"{where}: unknown keys {', '.join(sorted(unknown))}. Known keys: {known}.")
    try:
        return kind(**values)
    except (TypeError, InvalidInputError) as error:
        raise InvalidInputError(f"{where}: {str(error).removesuffix('.')}.") from error


def digest_of(base: Path) -> str:
    """What tells the weights of a base from others: they are mixed in at the end, long after they were first read."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in ("*.safetensors", "*.bin") for path in base.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()
