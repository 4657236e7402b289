"""The files of a model folder: their names, limits of their sizes, and checks."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from reprlib import Repr
from types import MappingProxyType
from typing import Any

from provence_plugins.errors import CheckpointError, CheckpointNotFoundError, UnsafeCheckpointError
from provence_plugins.text.visible import show_on_one_line

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
CARD = "README.md"
ONNX_FILES: Mapping[str, str] = MappingProxyType({"int8": "model_int8.onnx", "float32": "model.onnx"})

# Everything that is ever read from a hub repository; pickles and code are not on the list.
FILES_READ = (CONFIG, TOKENIZER, TOKENIZER_CONFIG, SPECIAL_TOKENS, CARD, WEIGHTS_INDEX, "*.safetensors", "*.onnx")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")

# The largest tokenizer.json in use, with 260,000 tokens, has 33 MB. Parsed JSON takes about ten
# times its size.
_MAX_JSON_BYTES = 64_000_000

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


def show_value(value: object) -> str:
    """Return a short `repr` of a value from a file, without control characters."""
    return _SHORT.repr(value)


def show_error(error: BaseException) -> str:
    """Return the message of another package's exception on one line, shortened."""
    return show_on_one_line(str(error) or type(error).__name__)[:300]


def is_folder(path: Path) -> bool:
    """Return whether a path leads to a folder; one that is too long or must not be read leads nowhere."""
    try:
        return path.is_dir()
    except OSError:
        return False


def expand_home(path: str | Path) -> Path:
    """Return a path with the home folder in place of "~"; of a user who does not exist, as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def locate(folder: Path, name: str) -> Path | None:
    """Return the path of a file in a folder, or None if there is no such file.

    Raises:
        UnsafeCheckpointError: The name or a symbolic link leads out of the folder. Links into the
            hub's cache, from a folder inside that cache, are allowed.
    """
    path = folder / name
    try:
        target, home = path.resolve(strict=True), folder.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # missing, a loop of links, or a name that no file can have
        return None
    if not any(target.is_relative_to(root) for root in (home, *_blob_folders(home))):
        raise UnsafeCheckpointError(
            f"{show_value(name)} of the folder {folder} leads to a file outside of it, which is "
            f"refused. Put a copy of the file into the folder."
        )
    return path if target.is_file() else None


def require_file(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder.

    Raises:
        CheckpointNotFoundError: There is no such file.
        UnsafeCheckpointError: It lies outside the folder.
    """
    path = locate(folder, name)
    if path is None:
        raise CheckpointNotFoundError(
            f"The folder {folder} has no {show_on_one_line(name)}, so the model in it is "
            f"incomplete. Download or export it again."
        )
    return path


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON object from a file of the folder.

    Raises:
        CheckpointNotFoundError: There is no such file.
        CheckpointError: It is too large, or does not hold a JSON object.
    """
    values = read_any_json(folder, name)
    if not isinstance(values, dict):
        raise CheckpointError(
            f"{folder / name} holds a {type(values).__name__} instead of an object. Download or export the model again."
        )
    return values


def read_any_json(folder: Path, name: str) -> Any:
    """Read JSON from a file of the folder, whatever its type.

    Raises:
        CheckpointNotFoundError: There is no such file.
        CheckpointError: It is too large, or does not hold JSON.
    """
    path = require_file(folder, name)
    try:
        size = path.stat().st_size
        if size > _MAX_JSON_BYTES:
            raise CheckpointError(
                f"{path} has {size:,} bytes; at most {_MAX_JSON_BYTES:,} are read. Download the model again."
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # a ValueError is also what wrong encodings and JSON raise
        raise CheckpointError(
            f"{path} is not readable JSON ({show_error(error)}). Download or export the model again."
        ) from error


# Any: values of a configuration.
def update_config(folder: Path, values: Mapping[str, Any]) -> None:
    """Replace some values of a folder's `config.json`; an interruption leaves the former file.

    Raises:
        CheckpointNotFoundError: There is no such file.
        CheckpointError: It does not hold a JSON object.
    """
    config = {**read_json(folder, CONFIG), **values}
    with tempfile.TemporaryDirectory(dir=folder, prefix=".config-") as name:
        staged = Path(name, CONFIG)
        write_json(staged, config)
        staged.replace(folder / CONFIG)


# Any: values of a configuration.
def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON object with sorted keys, so that files can be compared line by line."""
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def require_weights(folder: Path) -> None:
    """Check that a folder holds weights of a kind that this package reads.

    Raises:
        UnsafeCheckpointError: The only weights are pickles.
        CheckpointNotFoundError: There are no weights.
    """
    if any(locate(folder, name) for name in (WEIGHTS, WEIGHTS_INDEX, *ONNX_FILES.values())):
        return
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        raise UnsafeCheckpointError(
            f"{folder} has no safetensors, only {show_on_one_line(', '.join(pickles))}. Pickled "
            f"weights can run code when they are read, so they are refused. Save the model with "
            f"safetensors."
        )
    raise CheckpointNotFoundError(
        f"{folder} has no weights. Expected {WEIGHTS} or one of {', '.join(ONNX_FILES.values())}. "
        f"Download or export the model again."
    )


def _blob_folders(home: Path) -> list[Path]:
    """Return where the hub's cache keeps the files that a snapshot in it links to."""
    snapshots = home.parent
    if snapshots.name != "snapshots" or not snapshots.parent.name.startswith("models--"):
        return []
    repository = snapshots.parent
    return [(repository / "blobs").resolve(), (repository.parent / "blobs").resolve()]
