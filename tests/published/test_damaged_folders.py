"""Every file of a folder of every format is damaged at random: only errors of our own may come out, and none hangs."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provence_plugins.errors import ProvenceError
from provence_plugins.model.backend import BackendOptions, check_scores, load_backend
from provence_plugins.model.backends import BACKENDS
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.tokens.batches import pad_windows
from provence_plugins.tokens.windows import plan_head, plan_windows

FORMATS = ("native", "provence", "xprovence", "open-modernbert-mean", "open-bert")

# What a value of JSON is replaced by. Names that would reach for a network would show as an error of another package.
_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 7, 2**31, 2**63, 10**400, 0.5, 1e308, float("nan"), float("inf"), "", "x", "owner/kernel",
    "../secret", "\x1b[31m", "\ud800", [], [[]], {}, {"a": 1}, [None] * 50,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of nested JSON lie; of a long list or object only the first and last ones."""
    yield path
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for key in keys[:20] + keys[20:][-5:]:
        yield from places(value[key], (*path, key))


def change_json(content: bytes, dice: random.Random) -> bytes:
    values = json.loads(content)
    *way, last = dice.choice([place for place in places(values) if place])
    inner = values
    for key in way:
        inner = inner[key]
    if dice.random() < 0.2:
        del inner[last]
    else:
        inner[last] = dice.choice(_ODD)
    return json.dumps(values).encode()


def change_bytes(content: bytes, dice: random.Random) -> bytes:
    # Headers and structure lie at the beginning; weights, which make up most of a file, are only numbers.
    near = min(len(content), 4000) if dice.random() < 0.7 else len(content)
    place = dice.randrange(near)
    match dice.randrange(4):
        case 0:
            return content[:place]
        case 1:
            return content[:place] + bytes([dice.randrange(256)]) + content[place + 1 :]
        case 2:
            return content[:place] + content[place + dice.randrange(1, 40) :]
        case _:
            return content[:place] + dice.randbytes(dice.randrange(1, 40)) + content[place:]


@pytest.fixture(scope="session")
def healthy(
    make_exported: Callable[[str], Path], tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """A complete folder of a format, with safetensors, ONNX and a card; made once."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            source = tiny_folder if name == "native" else make_exported(name)
            made[name] = Path(shutil.copytree(source, tmp_path_factory.mktemp("healthy") / name))
            (made[name] / "README.md").write_text("---\nlicense: mit\n---\n# Model\n")
        return made[name]

    return make


def use(folder: Path) -> None:
    """Open a folder and score a window with each backend, as a pruner would."""
    checkpoint = open_checkpoint(folder)
    template = checkpoint.encoder.template
    query, text = checkpoint.encoder.encode(["where is paris", "Paris is a city \u4f60 in France."])
    longest = min(checkpoint.max_tokens, 60)
    windows = plan_windows(plan_head(query, [], template, max_tokens=longest), [text], template)
    batch = pad_windows(windows, pad_id=template.pad_id)
    for name in BACKENDS:
        backend = load_backend(checkpoint, name, BackendOptions(device="cpu", threads=1 if name == "onnx" else None))
        scores = check_scores(backend.forward(batch), batch)
        assert np.isfinite(scores.relevance).all()


def damage(source: Path, target: Path, seed: int) -> None:
    dice = random.Random(seed)
    shutil.copytree(source, target)
    path = dice.choice(sorted(target.iterdir()))
    content = path.read_bytes()
    is_json = path.suffix == ".json" and dice.random() < 0.7
    path.write_bytes(change_json(content, dice) if is_json else change_bytes(content, dice))


def check(source: Path, seed: int) -> None:
    with TemporaryDirectory() as name, suppress(ProvenceError):
        damage(source, Path(name) / "model", seed)
        use(Path(name) / "model")


@pytest.mark.parametrize("name", FORMATS)
def test_a_healthy_folder_is_used(healthy: Callable[[str], Path], name: str) -> None:
    use(healthy(name))


@pytest.mark.filterwarnings("ignore")  # of numbers that a damaged model makes up
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_a_damaged_folder_raises_an_error_of_ours_or_works(
    healthy: Callable[[str], Path], name: str, seed: int
) -> None:
    check(healthy(name), seed)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=800, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_many_damaged_folders_raise_errors_of_ours_or_work(
    healthy: Callable[[str], Path], name: str, seed: int
) -> None:
    check(healthy(name), seed)
