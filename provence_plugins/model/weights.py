"""The tensors of a model folder: files and shapes, from the headers of safetensors."""

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from provence_plugins.errors import CheckpointError, UnsafeCheckpointError
from provence_plugins.model.folder import (
    WEIGHTS,
    WEIGHTS_INDEX,
    locate,
    read_json,
    require_file,
    show_error,
    show_value,
)

# The largest known encoder has about 800 tensors.
_MAX_TENSORS = 20_000


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor is stored.

    Attributes:
        path: Its safetensors file.
        shape: Its shape.
    """

    path: Path
    shape: tuple[int, ...]


def read_headers(folder: Path) -> dict[str, StoredTensor]:
    """Return the stored tensors of a folder by name; none if it has no safetensors.

    Raises:
        CheckpointError: A file is damaged or missing, or there are too many tensors.
        UnsafeCheckpointError: The index names a file outside the folder.
    """
    tensors: dict[str, StoredTensor] = {}
    for path in _files(folder):
        tensors |= _read_header(path)
        if len(tensors) > _MAX_TENSORS:
            raise CheckpointError(
                f"{folder} has more than {_MAX_TENSORS:,} tensors, which no encoder has. Download the model again."
            )
    return tensors


def _files(folder: Path) -> list[Path]:
    """Return the safetensors files of a folder; large weights come in several with an index."""
    if not locate(folder, WEIGHTS_INDEX):
        path = locate(folder, WEIGHTS)
        return [path] if path else []
    shards = read_json(folder, WEIGHTS_INDEX).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
        raise CheckpointError(
            f"{folder / WEIGHTS_INDEX} has no weight_map from tensors to files. Download or export the model again."
        )
    names = sorted(set(shards.values()))
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise UnsafeCheckpointError(
                f"{folder / WEIGHTS_INDEX} names the file {show_value(name)}; only names of "
                f"safetensors files in the same folder are read. Download the model again from a "
                f"source that you trust."
            )
    return [require_file(folder, name) for name in names]


def _read_header(path: Path) -> dict[str, StoredTensor]:
    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())[: _MAX_TENSORS + 1]
            return {name: StoredTensor(path, tuple(file.get_slice(name).get_shape())) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is damaged ({show_error(error)}). Download or export the model again."
        ) from error
