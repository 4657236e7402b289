"""The training run: batches in, a model folder out, resumable at every evaluation."""

import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from tokenizers import Tokenizer
from tqdm import tqdm

from provence_plugins.data.examples import Example, first_questions, read_examples
from provence_plugins.data.files import find_files, find_model_folder
from provence_plugins.engine.planning import Planner
from provence_plugins.errors import CheckpointError, DataError, InvalidInputError, needs_extra
from provence_plugins.evaluation.judging import Judged, judge, model_method
from provence_plugins.evaluation.metrics.answers import mean_at_threshold, threshold_for_kept
from provence_plugins.model.families import longest_window
from provence_plugins.model.formats import NATIVE, NATIVE_TYPE
from provence_plugins.tokens.batches import pad_windows
from provence_plugins.tokens.encoding import TextEncoder
from provence_plugins.training.acceleration import compile_encoder, pays_autocast
from provence_plugins.training.attention import attend_plainly
from provence_plugins.training.card import write_card
from provence_plugins.training.objective import Objective
from provence_plugins.training.optimizer import make_optimizer, rate_at
from provence_plugins.training.sampling import (
    LENGTH_STEP,
    LabelledWindow,
    iter_batches_forever,
    labelled_windows,
)
from provence_plugins.training.scaling import fit_scaling, rescale
from provence_plugins.training.settings import TrainSettings, digest_of

with needs_extra("train"):
    import torch
    from transformers import AutoConfig

    from provence_plugins.model.export import save_folder
    from provence_plugins.model.network import ProvenceModel
    from provence_plugins.model.torch_backend import TorchBackend, choose_device

logger = logging.getLogger(__name__)

# Rows of the table that a trained model carries.
_CALIBRATED = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)


@dataclass(slots=True)
class Progress:
    """How far a run has come; written into every checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


def train(settings: TrainSettings, *, resume: bool = False, show_progress: bool = True) -> Path:
    """Fine-tune an encoder into a pruner.

    Args:
        settings: The run.
        resume: Go on from the checkpoint in the output folder; with none there, begin.
        show_progress: Draw a progress bar.

    Returns:
        The model folder, `model/` in the output folder. `log.jsonl` beside it has one line per evaluation.

    Raises:
        InvalidInputError: The output folder already holds a run and `resume` is False, or a setting cannot be.
        DataError: A line of data is malformed, or there is none.
        CheckpointError: The checkpoint to resume cannot be read, or belongs to settings that differ in more than the
            length of the run, its evaluation and its card, or the base has other weights by now.
    """
    run = TrainingRun(settings)
    if run.checkpoint.is_file():
        if not resume:
            raise InvalidInputError(f"{run.output} already holds a run. Resume it, or give another output folder.")
        run.restore()
    run.fit(show_progress=show_progress)
    return run.finish()


class TrainingRun:
    """One run: its network, its data and how far it has come."""

    def __init__(self, settings: TrainSettings) -> None:
        torch.manual_seed(settings.seed)
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        self.settings = settings
        self.output = Path(settings.output)
        self.output.mkdir(parents=True, exist_ok=True)
        self.checkpoint = self.output / "checkpoint.pt"
        self.base = find_model_folder(settings.base)
        self.base_digest = digest_of(self.base)
        self.planner = _planner(self.base, settings)
        self.train_examples = _read(settings.data.train)
        self.dev_examples = _read(settings.data.dev)
        self.device = choose_device(settings.device)
        self.network = _network(self.base, self.planner, settings).to(self.device)  # type: ignore[arg-type]  # the stub of Transformers loses the signature
        if self.device.type == "cpu":
            attend_plainly(self.network.backbone)
        if settings.optimizer.compile:
            compile_encoder(self.network.backbone, self.device)
        wanted = settings.optimizer.autocast
        self.autocast = pays_autocast(self.device) if wanted == "auto" else wanted == "bfloat16"
        hidden_size = self.network.config.backbone_config.hidden_size
        self.objective = Objective(settings, hidden_size, self.device, self.autocast)
        self.optimizer = make_optimizer(self.network, settings.optimizer, self.objective)
        self.progress = Progress()

    def fit(self, *, show_progress: bool) -> None:
        """Train until the tokens of the settings are read."""
        wanted = self.settings.optimizer.tokens
        bar = tqdm(total=wanted, initial=self.progress.tokens, unit="tok", unit_scale=True, disable=not show_progress)
        self.network.train()
        began = time.monotonic() - self.progress.seconds
        losses: list[tuple[float, float]] = []
        with bar:
            for items in self._batches():
                if self.progress.tokens >= wanted:
                    break
                losses.append(self._step(items))
                read = sum(len(item.window.ids) for item in items)
                self.progress.step += 1
                self.progress.tokens += read
                self.progress.seconds = time.monotonic() - began
                bar.update(read)
                if self.progress.step % self.settings.evaluate_every == 0:
                    self._note(losses)
                    losses = []
        if losses:
            self._note(losses)

    def finish(self) -> Path:
        """Mix the base in, scale keep scores, choose the default threshold on dev; write the folder and its card."""
        self._mix_base_in()
        examples = first_questions(self.dev_examples, self.settings.data.final_dev_limit)
        self._scale(examples)
        judged = self._judge(examples)
        config = self.network.config
        # Rounded down, for rounding up would lose the answer that lies at the threshold itself.
        lowest = threshold_for_kept(judged.scored, self.settings.target_kept)
        config.default_threshold = math.floor(lowest * 10_000) / 10_000
        rows = [mean_at_threshold(judged.scored, share) for share in (config.default_threshold, *_CALIBRATED)]
        config.calibration = [
            {name: round(value, 4) for name, value in asdict(row).items()}
            for row in sorted(rows, key=lambda row: row.threshold)
        ]
        folder = self.output / "model"
        save_folder(self.network, folder, tokenizer_from=self.base)
        write_card(folder, self.settings, judged, rows, asdict(self.progress))
        return folder

    def restore(self) -> None:
        """Take network, optimizer and progress from the checkpoint.

        Raises:
            CheckpointError: It cannot be read, or belongs to other settings.
        """
        try:
            state = torch.load(self.checkpoint, weights_only=True)
        except Exception as error:  # torch.load raises many kinds for a damaged file
            raise CheckpointError(f"{self.checkpoint} cannot be read ({error}). Start the run anew.") from error
        if state["settings"] != _fingerprint(self.settings):
            raise CheckpointError(f"{self.checkpoint} belongs to other settings. Start in another output folder.")
        if state["base"] != self.base_digest:
            raise CheckpointError(
                f"{self.base} holds other weights than when {self.checkpoint} was written. Put the former ones back, "
                f"or start in another output folder."
            )
        self.network.load_state_dict(state["network"])
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        logger.info("resumed at step %d", self.progress.step)

    def _batches(self) -> Iterator[list[LabelledWindow]]:
        data, batch_tokens = self.settings.data, self.settings.optimizer.batch_tokens
        stream = iter_batches_forever(
            self.train_examples, self.planner, data, batch_tokens=batch_tokens, seed=self.settings.seed
        )
        return islice(stream, self.progress.step, None)

    def _step(self, items: Sequence[LabelledWindow]) -> tuple[float, float]:
        settings = self.settings.optimizer
        rate = rate_at(self.progress.tokens / settings.tokens, settings)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        pad_id = self.planner.encoder.template.pad_id
        batch = pad_windows([item.window for item in items], pad_id=pad_id, multiple=LENGTH_STEP)
        inputs = [torch.from_numpy(array).to(self.device) for array in (batch.ids, batch.mask, batch.type_ids)]
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
            output = self.network(*inputs)
        losses = self.objective(output, items)
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.max_gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(losses.keep), float(losses.ranking)

    def _note(self, losses: Sequence[tuple[float, float]]) -> None:
        report = self._judge(first_questions(self.dev_examples, self.settings.data.dev_limit)).report()
        keep, ranking = (sum(column) / len(losses) for column in zip(*losses, strict=True))
        line = {**asdict(self.progress), "keep_loss": keep, "ranking_loss": ranking, **asdict(report)}
        with (self.output / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        logger.info("%s", line)
        unfinished = self.checkpoint.with_suffix(".partial")
        torch.save(
            {
                "settings": _fingerprint(self.settings),
                "base": self.base_digest,
                "network": self.network.state_dict(),
                "objective": self.objective.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "progress": asdict(self.progress),
            },
            unfinished,
        )
        unfinished.replace(self.checkpoint)

    def _mix_base_in(self) -> None:
        share = self.settings.base_share
        if share:
            base = _network(self.base, self.planner, self.settings).state_dict()
            with torch.no_grad():
                for name, weight in self.network.state_dict().items():
                    weight.lerp_(base[name].to(weight), share)

    def _scale(self, examples: Sequence[Example]) -> None:
        whole, random = replace(self.settings.data, whole_share=1.0, title_share=1.0), Random(self.settings.seed)
        items = [item for example in examples for item in labelled_windows(example, self.planner, whole, random)]
        self.network.train(False)
        scaling = fit_scaling(self.network, items, pad_id=self.planner.encoder.template.pad_id)
        logger.info("keep scores are scaled: %s", scaling)
        rescale(self.network.keep_head, scaling)

    def _judge(self, examples: Sequence[Example]) -> Judged:
        backend = TorchBackend(self.network)
        return judge(examples, model_method(self.planner, backend), splitter=self.settings.splitter)


def _planner(base: Path, settings: TrainSettings) -> Planner:
    encoder = TextEncoder(Tokenizer.from_file(str(base / "tokenizer.json")))
    return Planner(encoder, NATIVE, settings.splitter, settings.max_tokens)


def _network(base: Path, planner: Planner, settings: TrainSettings) -> ProvenceModel:
    facts: dict[str, Any] = {
        "separator_id": planner.encoder.template.between[0],
        "splitter": settings.splitter,
        "max_tokens": settings.max_tokens,
    }
    is_ours = AutoConfig.from_pretrained(base).model_type == NATIVE_TYPE
    if settings.base_share and not is_ours:
        raise InvalidInputError(
            f"base_share is {settings.base_share:g} and the base {settings.base!r} has no heads to average with. Start "
            f"from a model of this package, or leave base_share out."
        )
    if is_ours:
        network = ProvenceModel.from_pretrained(base, dtype=torch.float32, **facts)
    else:
        network = ProvenceModel.from_backbone(base, **facts)
    longest = longest_window(network.config.backbone_config.to_dict())
    if settings.max_tokens > longest:
        raise InvalidInputError(f"max_tokens is {settings.max_tokens}; the base reads windows of up to {longest}.")
    for module in network.backbone.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = settings.optimizer.dropout
    if settings.optimizer.freeze_embeddings:
        network.backbone.get_input_embeddings().requires_grad_(False)
    return network


def _read(patterns: Sequence[str]) -> list[Example]:
    examples = [example for path in find_files(patterns) for example in read_examples(path)]
    if not examples:
        raise DataError(f"There is not one example in {', '.join(patterns)}.")
    return examples


def _fingerprint(settings: TrainSettings) -> str:
    """What must be the same for a run to go on: all that the next step depends on but its place in the run."""
    values = asdict(settings)
    values["data"] = {name: value for name, value in values["data"].items() if "dev" not in name}
    del values["optimizer"]["tokens"]
    for name in ("evaluate_every", "base_share", "target_kept", "card"):
        del values[name]
    return json.dumps(values, sort_keys=True, default=list)
