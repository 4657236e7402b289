"""Turn the end of a run into a model folder: average, scale, export, measure, describe."""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random

from provence_plugins.data.examples import Example
from provence_plugins.engine.planning import Planner
from provence_plugins.errors import needs_extra
from provence_plugins.evaluation.judging import judge_examples
from provence_plugins.evaluation.methods.model import model_method
from provence_plugins.evaluation.metrics.scored_examples import JudgedExamples
from provence_plugins.evaluation.thresholds import measure_thresholds
from provence_plugins.model.backend import BackendOptions, load_backend
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.model.folder import ONNX_FILES
from provence_plugins.tokens.batches import TokenBatch, pad_windows
from provence_plugins.tokens.windows import Window
from provence_plugins.training.bases import find_base, open_network
from provence_plugins.training.card import write_card
from provence_plugins.training.progress import Progress
from provence_plugins.training.sampling import LabelledWindow, labelled_windows
from provence_plugins.training.scaling import fit_scaling, rescale
from provence_plugins.training.settings import TrainSettings

with needs_extra("train"):
    import torch

    from provence_plugins.model.export import export_onnx
    from provence_plugins.model.network import ProvenceModel
    from provence_plugins.model.saving import save_folder

logger = logging.getLogger(__name__)

# Passages of dev that decide how weights are rounded, and how many are read together.
_PROBED, _ROWS = 48, 6


def finish_model(
    network: ProvenceModel,
    planner: Planner,
    settings: TrainSettings,
    examples: Sequence[Example],
    progress: Progress,
) -> Path:
    """Write the finished model folder.

    Args:
        network: The network at the end of the run; its weights are averaged with the base and
            scaled in place.
        planner: The planner of the run.
        settings: The run.
        examples: Dev examples that decide on scaling, thresholds and the metrics of the card.
        progress: The position of the run, for the card.

    Returns:
        The folder `model/` in the output folder. It holds safetensors and the ONNX file of
        `settings.precision`.
    """
    base, output = find_base(settings.base), Path(settings.output)
    if settings.base_share:
        _average(network, open_network(base, planner, settings), settings.base_share)
    _scale(network, planner, settings, examples)
    with tempfile.TemporaryDirectory(dir=output, prefix=".finishing-") as staged:
        candidate = Path(staged)
        save_folder(network, candidate, tokenizer_from=base)
        probes = list(_probes(planner, settings, examples))
        export_onnx(network, candidate, precisions=[settings.precision], probes=probes)
        judged = _judge_exported(candidate, planner, settings, examples)
        measured = measure_thresholds(judged, default_recall=settings.target_recall)
        for key, value in measured.to_config().items():
            setattr(network.config, key, value)
        folder = output / "model"
        save_folder(network, folder, tokenizer_from=base)
        name = ONNX_FILES[settings.precision]
        shutil.move(candidate / name, folder / name)
    write_card(folder, settings, judged, measured, asdict(progress))
    return folder


def _average(network: ProvenceModel, base: ProvenceModel, share: float) -> None:
    stored = base.state_dict()
    with torch.no_grad():
        for name, weight in network.state_dict().items():
            weight.lerp_(stored[name].to(weight), share)


def _scale(
    network: ProvenceModel,
    planner: Planner,
    settings: TrainSettings,
    examples: Sequence[Example],
) -> None:
    whole, random = replace(settings.data, whole_share=1.0, title_share=1.0), Random(settings.seed)
    items: list[LabelledWindow] = []
    for example in examples:
        items += labelled_windows(example, planner, whole, random)
    network.train(False)
    scaling = fit_scaling(network, items, pad_id=planner.encoder.template.pad_id)
    logger.info("keep scores are scaled by %.3f and shifted by %.3f", scaling.factor, scaling.shift)
    rescale(network.keep_head, scaling)


def _probes(planner: Planner, settings: TrainSettings, examples: Sequence[Example]) -> Iterator[TokenBatch]:
    """Yield some windows of dev, by which the weights of the exported file are rounded."""
    random = Random(settings.seed)
    windows: list[Window] = []
    for example in random.sample(examples, min(_PROBED, len(examples))):
        windows += [item.window for item in labelled_windows(example, planner, settings.data, random)]
    windows.sort(key=lambda window: len(window.ids))
    for first in range(0, len(windows), _ROWS):
        yield pad_windows(windows[first : first + _ROWS], pad_id=planner.encoder.template.pad_id)


def _judge_exported(
    folder: Path, planner: Planner, settings: TrainSettings, examples: Sequence[Example]
) -> JudgedExamples:
    options = BackendOptions(dtype=settings.precision, threads=settings.threads)
    backend = load_backend(open_checkpoint(folder), "onnx", options)
    return judge_examples(
        examples,
        model_method(planner, backend),
        settings.splitter,
        probabilities=True,
        passage_comparison=settings.passage_comparison,
    )
