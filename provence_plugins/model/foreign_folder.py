"""A check of folders that another library will load, such as the baselines of an evaluation.

This package's own loading passes on known keys only. Other libraries read a folder by themselves,
so what could make them download or run code is refused before.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provence_plugins.errors import CheckpointError, UnsafeCheckpointError
from provence_plugins.model.folder import PICKLES, TOKENIZER, locate, read_any_json, show_value

# Classes and quantizers of a repository, attention kernels, and adapters, which name the repository
# of their base.
_KEYS_OF_CODE = ("auto_map", "custom_pipelines", "quantization_config", "trust_remote_code")
_ATTENTION = "attn_implementation"
_KERNELS = ("use_kernels", "kernel_config", "kernel_mapping")
_PLAIN_ATTENTION = (None, "eager", "sdpa")
_ADAPTER = "adapter_config.json"

# sentence-transformers imports the class that each module names.
_MODULES = "modules.json"
_MODULE_PACKAGE = "sentence_transformers."


def require_no_code(folder: Path) -> None:
    """Check that no file of a folder makes stock libraries download or run code.

    Args:
        folder: The folder; nothing is checked if there is none, because the library has a message
            for that.

    Raises:
        UnsafeCheckpointError: A file names code, a repository or a kernel, or the only weights are
            pickles.
        CheckpointError: A file is damaged.
    """
    if not folder.is_dir():
        return
    _require_safetensors(folder)
    if locate(folder, _ADAPTER):
        raise _refused(folder, f"holds {_ADAPTER}, which names a repository to download")
    for path in sorted(folder.rglob("*.json")):
        if path.name in (TOKENIZER, _MODULES):
            continue
        for key, value in _entries(read_any_json(path.parent, path.name)):
            is_attention = key.endswith(_ATTENTION) and value not in _PLAIN_ATTENTION
            if is_attention or (value and key in (*_KEYS_OF_CODE, *_KERNELS)):
                raise _refused(folder, f"gives {key}={show_value(value)} in {path.name}, which names code to run")
    _require_known_modules(folder)


def _require_safetensors(folder: Path) -> None:
    for pattern in PICKLES:
        for path in folder.rglob(pattern):
            if not any(path.parent.glob("*.safetensors")):
                raise _refused(folder, f"has pickled weights without safetensors beside them, {show_value(path.name)}")


def _require_known_modules(folder: Path) -> None:
    if not locate(folder, _MODULES):
        return
    rows = read_any_json(folder, _MODULES)
    for row in rows if isinstance(rows, list) else [rows]:
        name = row.get("type") if isinstance(row, dict) else None
        if not isinstance(name, str) or not name.startswith(_MODULE_PACKAGE):
            raise _refused(folder, f"names the class {show_value(name)} in {_MODULES}")


def _entries(values: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key with its value, from nested lists and objects too."""
    waiting = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _refused(folder: Path, content: str) -> CheckpointError:
    return UnsafeCheckpointError(
        f"The folder {folder} {content}. This package runs no code of a model folder. Remove it, "
        f"if the model works without it, or choose another model."
    )
