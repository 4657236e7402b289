import json
import shutil
import sys
from dataclasses import fields
from importlib import metadata
from pathlib import Path

import pytest
from huggingface_hub import constants

from provence_plugins import __version__
from provence_plugins.cli.diagnosis import Diagnosis, diagnose
from provence_plugins.integrations.versions import FRAMEWORKS
from provence_plugins.model.backends import BACKENDS


@pytest.fixture(scope="module")
def healthy(tiny_folder: Path) -> Diagnosis:
    return diagnose(str(tiny_folder))


def test_a_model_that_prunes_is_ready(healthy: Diagnosis) -> None:
    assert healthy.ready
    assert healthy.problem is None


def test_versions_are_those_that_are_installed(healthy: Diagnosis) -> None:
    assert healthy.versions["provence-plugins"] == __version__
    for package in ("numpy", "onnxruntime", "tokenizers", "sentencex", "torch"):
        assert healthy.versions[package] == metadata.version(package)


def test_the_packages_of_every_backend_and_framework_are_listed(healthy: Diagnosis) -> None:
    needed = {package for row in BACKENDS.values() for package in row.packages}
    frameworks = {framework.distribution for framework in FRAMEWORKS.values()}
    assert needed | frameworks <= healthy.versions.keys()


def test_a_torch_that_cannot_be_loaded_is_reported(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for module in ("torch_backend", "loading", "network"):
        monkeypatch.delitem(sys.modules, f"provence_plugins.model.{module}", raising=False)
    diagnosis = diagnose(str(tiny_folder))
    assert diagnosis.ready
    assert diagnosis.devices == ["cpu"]
    assert "torch is installed but cannot be loaded" in caplog.text


def test_the_cpu_is_a_device_and_there_is_a_processor(healthy: Diagnosis) -> None:
    assert healthy.devices[0] == "cpu"
    assert healthy.processors >= 1


def test_the_model_is_described(healthy: Diagnosis, tiny_folder: Path) -> None:
    model = healthy.model
    assert model is not None
    assert (model.name, model.format, model.format_version) == (str(tiny_folder), "native", 1)
    assert (model.threshold, model.window_tokens, model.backends) == (0.1, 64, list(BACKENDS))
    assert model.files["model.onnx"] == (tiny_folder / "model.onnx").stat().st_size


def test_a_backend_without_its_files_is_not_offered(tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    model = diagnose(str(folder)).model
    assert model is not None
    assert model.backends == [name for name, row in BACKENDS.items() if row.weights == "onnx"]


def test_a_model_that_is_not_there_is_a_problem_and_not_an_error() -> None:
    diagnosis = diagnose("nowhere")
    assert not diagnosis.ready
    assert diagnosis.model is None
    assert "nowhere" in (diagnosis.problem or "")


def test_a_model_that_opens_but_does_not_run_is_described_and_not_ready(tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    for path in folder.glob("*.onnx"):
        path.write_bytes(b"damaged")
    diagnosis = diagnose(str(folder))
    assert diagnosis.model is not None
    assert not diagnosis.ready


def test_a_hub_id_that_is_not_on_disk_is_not_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    before = constants.HF_HUB_OFFLINE
    assert not diagnose("nobody/has-this-model").ready
    assert before == constants.HF_HUB_OFFLINE


def test_the_dict_holds_every_fact_for_json(healthy: Diagnosis) -> None:
    values = json.loads(json.dumps(healthy.to_dict()))
    assert values["ready"] is True
    assert values.keys() == {"ready", *(field.name for field in fields(Diagnosis))}
