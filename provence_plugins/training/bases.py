"""Open the model or encoder that a run starts from."""

from pathlib import Path
from typing import Any

from provence_plugins.data.files import find_folder, find_model_folder
from provence_plugins.engine.planning import Planner
from provence_plugins.errors import InvalidInputError, needs_extra
from provence_plugins.model.checkpoint import find_model
from provence_plugins.model.families import longest_window
from provence_plugins.model.folder import CONFIG, is_folder, read_json
from provence_plugins.model.formats import NATIVE, NATIVE_TYPE
from provence_plugins.model.model_config import COMPARISON_KEY, PASSAGE_COMPARISON_KEY
from provence_plugins.model.tokenizer_file import read_tokenizer
from provence_plugins.tokens.encoding import TextEncoder
from provence_plugins.training.settings import TrainSettings

with needs_extra("train"):
    import torch

    from provence_plugins.model.loading import add_fresh_heads, load_native
    from provence_plugins.model.network import ProvenceModel


def find_base(name: str) -> Path:
    """Return the folder of a base.

    Args:
        name: A folder, "package:name/folder", "bundled", the name of an installed model, or a repo
            id, which is downloaded.

    Raises:
        InvalidInputError: The package is not installed, or its folder holds no model.
        CheckpointNotFoundError: There is no such folder, and the hub cannot be reached or has no
            such model.
    """
    if is_folder(find_folder(name)):
        return find_model_folder(name)
    # Not opened: an encoder has no heads yet.
    return find_model_folder(str(find_model(name)))


def plan_for(base: Path, settings: TrainSettings) -> Planner:
    """Return the planner that cuts training windows as the finished model's engine will."""
    encoder = TextEncoder(read_tokenizer(base))
    return Planner(encoder, NATIVE.with_comparison(settings.comparison), settings.splitter, settings.window_tokens)


def open_network(base: Path, planner: Planner, settings: TrainSettings) -> ProvenceModel:
    """Return the network to train: a model of this package as it is, or an encoder with new heads.

    Raises:
        CheckpointError: The base is damaged, or of an unknown family.
        InvalidInputError: The windows of the settings are longer than the encoder reads, or the run
            is to be averaged with a base that has no heads.
    """
    facts: dict[str, Any] = {
        "separator_id": planner.encoder.template.between[0],
        "splitter": settings.splitter,
        COMPARISON_KEY: settings.comparison,
        PASSAGE_COMPARISON_KEY: settings.passage_comparison,
        "max_tokens": settings.window_tokens,
    }
    is_native = read_json(base, CONFIG).get("model_type") == NATIVE_TYPE
    if settings.base_share and not is_native:
        raise InvalidInputError(
            f"base_share is {settings.base_share:g}, but the base {settings.base!r} has no heads "
            f"to average with. Start from a model of this package, or leave base_share out."
        )
    if is_native:
        network = load_native(base)
        network.config.update(facts)
    else:
        network = add_fresh_heads(base, **facts)
    longest = longest_window(network.config.backbone_config.to_dict())
    if settings.window_tokens > longest:
        raise InvalidInputError(
            f"window_tokens must be at most {longest}, the longest window of the base "
            f"{settings.base!r}; got {settings.window_tokens}."
        )
    for module in network.backbone.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = settings.optimizer.dropout
    if settings.optimizer.freeze_embeddings:
        network.backbone.get_input_embeddings().requires_grad_(False)
    return network
