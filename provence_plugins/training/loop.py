"""Run a training: batches in, a model folder out, resumable at every evaluation."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from provence_plugins.data.examples import first_questions
from provence_plugins.data.files import find_files
from provence_plugins.errors import CheckpointError, InvalidInputError, needs_extra
from provence_plugins.evaluation.judging import judge_examples
from provence_plugins.evaluation.methods.model import model_method
from provence_plugins.evaluation.metrics.catalogue import METRICS
from provence_plugins.tokens.batches import pad_windows
from provence_plugins.training.acceleration import (
    bound_kernel_cache,
    compile_encoder,
    is_bfloat16_faster,
    send,
    suit_gpu,
    use_full_masks,
    use_plain_attention,
)
from provence_plugins.training.bases import find_base, open_network, plan_for
from provence_plugins.training.batches import LENGTH_STEP, TrainingBatch, iter_batches_forever
from provence_plugins.training.fingerprints import digest_files, digest_of, fingerprint, is_same_run
from provence_plugins.training.finishing import finish_model
from provence_plugins.training.objective import Objective
from provence_plugins.training.optimizer import make_optimizer, rate_at
from provence_plugins.training.progress import Progress, RunLog, StepLosses, as_note, describe
from provence_plugins.training.reading import read_dev_examples, read_train_examples
from provence_plugins.training.sampling import LabelledWindow
from provence_plugins.training.settings import TrainSettings

with needs_extra("train"):
    import torch
    from torch import Tensor

    from provence_plugins.model.torch_backend import TorchBackend, choose_device

logger = logging.getLogger(__name__)


def train(settings: TrainSettings, *, resume: bool = False, show_progress: bool = True) -> Path:
    """Fine-tune an encoder into a pruner.

    Args:
        settings: The run.
        resume: Continue from the checkpoint in the output folder, or begin if there is none.
        show_progress: Draw a progress bar.

    Returns:
        The model folder, `model/` in the output folder. `log.jsonl` beside it has one line per
        evaluation.

    Raises:
        InvalidInputError: The output folder already holds a run and `resume` is False, or a setting
            is invalid.
        DataError: A line of data is malformed, there is none, or no dev example can be pruned.
        CheckpointError: The checkpoint to resume cannot be read, or belongs to settings that differ
            in more than the length of the run, its evaluation and its card, or the base has other
            weights or the training data other content by now.
    """
    run = TrainingRun(settings)
    if run.checkpoint.is_file():
        if not resume:
            raise InvalidInputError(f"{run.output} already holds a run. Resume it, or give another output folder.")
        run.restore()
    try:
        run.fit(show_progress=show_progress)
    except KeyboardInterrupt:
        logger.warning("%s", run.describe_interruption())
        raise
    return run.finish()


class TrainingRun:
    """One run: its network, its data and its progress."""

    def __init__(self, settings: TrainSettings) -> None:
        bound_kernel_cache()
        torch.manual_seed(settings.seed)
        self.device = choose_device(settings.device)
        if self.device.type == "cuda":
            suit_gpu()
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        self.settings = settings
        self.output = Path(settings.output)
        self.output.mkdir(parents=True, exist_ok=True)
        self.checkpoint = self.output / "checkpoint.pt"
        self.base = find_base(settings.base)
        self.base_digest = digest_of(self.base)
        self.planner = plan_for(self.base, settings)
        self.data_digest = digest_files(find_files([*settings.data.train, *settings.data.labels]))
        self.train_examples = read_train_examples(settings.data)
        self.dev_examples = read_dev_examples(settings.data, settings.splitter)
        self.network = open_network(self.base, self.planner, settings)
        self.network.to(self.device)  # type: ignore[arg-type]  # the stub of Transformers loses the signature
        if self.device.type == "cpu":
            use_plain_attention(self.network.backbone)
        else:
            use_full_masks(self.network.backbone)
        if settings.optimizer.compile:
            compile_encoder(self.network.backbone, self.device)
        self.autocast = settings.optimizer.autocast == "bfloat16"
        if settings.optimizer.autocast == "auto":
            self.autocast = is_bfloat16_faster(self.device)
        hidden_size = self.network.config.backbone_config.hidden_size
        self.objective = Objective(settings, hidden_size, self.device, self.autocast)
        self.optimizer = make_optimizer(self.network, settings.optimizer, self.objective)
        self.progress = Progress()
        self.log = RunLog(self.output)

    @property
    def share(self) -> float:
        """Share of the run that is done, from 0 to 1."""
        return self.progress.share_of(self.settings.optimizer)

    def fit(self, *, show_progress: bool) -> None:
        """Train until the length of the settings is reached."""
        bar = tqdm(total=100, initial=round(100 * self.share), unit="%", disable=not show_progress)
        self.network.train()
        began = time.monotonic() - self.progress.seconds
        losses: list[Tensor] = []
        with bar:
            for batches in self._batches_of_steps():
                if self.share >= 1.0:
                    break
                losses.append(self._step(batches))
                self.progress.step += 1
                self.progress.tokens += sum(len(item.window.ids) for batch in batches for item in batch.items)
                self.progress.epochs = batches[-1].epochs
                self.progress.seconds = time.monotonic() - began
                bar.update(round(100 * self.share) - bar.n)
                if self.progress.step % self.settings.log_every == 0:
                    recent = _mean(losses[-self.settings.log_every :])
                    logger.info("%s", describe(self.progress, self.share, recent))
                if self.progress.step % self.settings.evaluate_every == 0:
                    self._evaluate(losses)
                    losses = []
        if losses:
            self._evaluate(losses)
        self.log.draw()

    def finish(self) -> Path:
        """Write the model folder, with its scaling, default threshold, ONNX file and card."""
        examples = first_questions(self.dev_examples, self.settings.data.final_dev_limit)
        return finish_model(self.network, self.planner, self.settings, examples, self.progress)

    def describe_interruption(self) -> str:
        """Return what is kept of an interrupted run, and how to continue it."""
        if not self.checkpoint.is_file():
            return (
                f"Interrupted before the first checkpoint. {self.output} holds nothing to resume. Start the run again."
            )
        return f"Interrupted at step {self.progress.step}. Resume the run to continue from {self.checkpoint}."

    def restore(self) -> None:
        """Take network, optimizer and progress from the checkpoint.

        Raises:
            CheckpointError: It cannot be read, or belongs to other settings.
        """
        try:
            state = torch.load(self.checkpoint, weights_only=True)
        except Exception as error:  # torch.load raises many kinds for a damaged file
            raise CheckpointError(
                f"{self.checkpoint} cannot be read ({error}). Start the run again in another output folder."
            ) from error
        if not is_same_run(state["settings"], self.settings):
            raise CheckpointError(f"{self.checkpoint} belongs to other settings. Start in another output folder.")
        if state["base"] != self.base_digest:
            raise CheckpointError(
                f"{self.base} holds other weights than when {self.checkpoint} was written. "
                f"Restore the former ones, or start in another output folder."
            )
        # Earlier versions kept no digest of the data.
        if state.get("data", self.data_digest) != self.data_digest:
            raise CheckpointError(
                f"The training data or labels have other content than when {self.checkpoint} was written. "
                f"Restore the former files, or start in another output folder."
            )
        self.network.load_state_dict(state["network"])
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        logger.info("resumed at step %d", self.progress.step)

    def _batches_of_steps(self) -> Iterator[list[TrainingBatch]]:
        settings = self.settings
        stream = iter_batches_forever(
            self.train_examples,
            self.planner,
            settings.data,
            batch_tokens=settings.optimizer.batch_tokens,
            seed=settings.seed,
            workers=settings.workers,
        )
        size = settings.optimizer.gradient_accumulation_steps
        rest = islice(stream, self.progress.step * size, None)
        return iter(lambda: list(islice(rest, size)), [])

    def _step(self, batches: Sequence[TrainingBatch]) -> Tensor:
        """Take a step, and return the losses of the keep and the relevance head, which a GPU may still compute."""
        settings = self.settings.optimizer
        rate = rate_at(self.share, settings)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        losses = [self._add_gradients(batch.items, 1 / len(batches)) for batch in batches]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.max_gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return torch.stack(losses).mean(0)

    def _add_gradients(self, items: Sequence[LabelledWindow], share: float) -> Tensor:
        pad_id = self.planner.encoder.template.pad_id
        batch = pad_windows([item.window for item in items], pad_id=pad_id, multiple=LENGTH_STEP)
        inputs = [send(torch.from_numpy(array), self.device) for array in (batch.ids, batch.mask, batch.type_ids)]
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
            output = self.network(*inputs)
        losses = self.objective(output, items)
        (losses.total * share).backward()
        return torch.stack([losses.keep, losses.ranking])

    def _evaluate(self, losses: Sequence[Tensor]) -> None:
        examples = first_questions(self.dev_examples, self.settings.data.dev_limit)
        method = model_method(self.planner, TorchBackend(self.network))
        judged = judge_examples(
            examples,
            method,
            self.settings.splitter,
            probabilities=True,
            passage_comparison=self.settings.passage_comparison,
        )
        note = as_note(self.progress, _mean(losses), judged)
        self.log.append(note)
        shown = [
            f"{metric.title} {metric.show(note[metric.name])}"
            for metric in METRICS
            if metric.compared and note[metric.name] is not None
        ]
        logger.info("step %d, dev: %s", self.progress.step, ", ".join(shown))
        self._save_checkpoint()

    def _save_checkpoint(self) -> None:
        unfinished = self.checkpoint.with_suffix(".partial")
        torch.save(
            {
                "settings": fingerprint(self.settings),
                "base": self.base_digest,
                "data": self.data_digest,
                "network": self.network.state_dict(),
                "objective": self.objective.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "progress": asdict(self.progress),
            },
            unfinished,
        )
        unfinished.replace(self.checkpoint)


def _mean(losses: Sequence[Tensor]) -> StepLosses:
    return StepLosses(*torch.stack(list(losses)).mean(0).tolist())
