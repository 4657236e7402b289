"""Graphs that would run without an end, run other code or read other files are refused before they are run."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from provence_plugins.errors import BackendError, CheckpointError, UnsafeCheckpointError
from provence_plugins.model.backend import BackendOptions, check_scores
from provence_plugins.model.checkpoint import BUNDLED, open_checkpoint
from provence_plugins.model.onnx_backend import OnnxBackend, load
from provence_plugins.model.onnx_graph import OUTPUTS, require_plain_graph
from provence_plugins.tokens.batches import TokenBatch


@pytest.fixture
def graph(tiny_folder: Path) -> onnx.ModelProto:
    return onnx.load(tiny_folder / "model.onnx")


@pytest.fixture
def refusal(graph: onnx.ModelProto, tmp_path: Path) -> Callable[[], str]:
    """Saves the graph and returns the message with which it is refused, by the check and by the backend alike."""

    def refuse() -> str:
        path = tmp_path / "model.onnx"
        path.write_bytes(graph.SerializeToString())
        with pytest.raises(UnsafeCheckpointError) as caught:
            require_plain_graph(path)
        with pytest.raises(UnsafeCheckpointError):
            OnnxBackend(path, max_tokens=64)
        return str(caught.value)

    return refuse


@pytest.mark.parametrize("name", ["model.onnx", "model_int8.onnx"])
def test_exported_graphs_are_plain(tiny_folder: Path, name: str) -> None:
    require_plain_graph(tiny_folder / name)


def test_the_shipped_graph_is_plain() -> None:
    require_plain_graph(BUNDLED / "model_int8.onnx")


@pytest.mark.parametrize("operator", ["Loop", "Scan", "RandomNormal", "SequenceEmpty", "StringConcat", "", "x" * 9999])
def test_other_operators_are_refused_by_name(graph: onnx.ModelProto, refusal: Callable[[], str], operator: str) -> None:
    graph.graph.node.append(helper.make_node(operator, ["keep"], ["more"]))
    message = refusal()
    assert operator[:20] in message
    assert len(message) < 1000


def test_operators_of_other_domains_are_refused(graph: onnx.ModelProto, refusal: Callable[[], str]) -> None:
    graph.graph.node.append(helper.make_node("Add", ["keep", "keep"], ["more"], domain="com.microsoft"))
    assert "com.microsoft.Add" in refusal()


def branch(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "branch", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])


def test_a_choice_between_two_plain_graphs_is_allowed(graph: onnx.ModelProto, tmp_path: Path) -> None:
    plain = branch(helper.make_node("Identity", ["keep"], ["y"]))
    graph.graph.node.append(helper.make_node("If", ["yes"], ["y"], then_branch=plain, else_branch=plain))
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    require_plain_graph(tmp_path / "model.onnx")


def test_a_choice_between_other_graphs_is_refused(graph: onnx.ModelProto, refusal: Callable[[], str]) -> None:
    inner = branch(helper.make_node("Loop", ["", ""], ["y"], body=branch()))
    graph.graph.node.append(helper.make_node("If", ["yes"], ["y"], then_branch=inner, else_branch=inner))
    assert "Loop" in refusal()


def test_choices_nested_deep_are_refused(graph: onnx.ModelProto, refusal: Callable[[], str]) -> None:
    inner = branch()
    for _ in range(8):
        inner = branch(helper.make_node("If", ["yes"], ["y"], then_branch=inner))
    graph.graph.node.append(helper.make_node("If", ["yes"], ["y"], then_branch=inner))
    assert "nested" in refusal()


def test_a_graph_inside_an_ordinary_operator_is_refused(graph: onnx.ModelProto, refusal: Callable[[], str]) -> None:
    graph.graph.node[0].attribute.append(helper.make_attribute("body", helper.make_graph([], "inner", [], [])))
    assert "a graph inside the operator" in refusal()


def test_functions_are_refused(graph: onnx.ModelProto, refusal: Callable[[], str]) -> None:
    graph.functions.append(helper.make_function("ai.onnx", "Add", ["x"], ["y"], [], [helper.make_opsetid("", 17)]))
    assert "functions" in refusal()


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "sub/file", "..\\secret", "", "."])
@pytest.mark.parametrize("place", ["weights", "constant"])
def test_data_outside_the_folder_is_refused(
    graph: onnx.ModelProto, refusal: Callable[[], str], tmp_path: Path, place: str, location: str
) -> None:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "outside")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    if place == "weights":
        graph.graph.initializer.append(tensor)
    else:
        graph.graph.node.append(helper.make_node("Constant", [], ["outside"], value=tensor))
    (tmp_path / "secret").write_bytes(bytes(16))
    assert "names the file" in refusal()


def test_data_in_the_same_folder_is_read_unless_it_is_a_link_out(graph: onnx.ModelProto, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    onnx.save(graph, folder / "model.onnx", save_as_external_data=True, location="model.data", size_threshold=0)
    require_plain_graph(folder / "model.onnx")
    OnnxBackend(folder / "model.onnx", max_tokens=64)
    shutil.move(folder / "model.data", tmp_path / "secret")
    (folder / "model.data").symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafeCheckpointError, match="outside"):
        OnnxBackend(folder / "model.onnx", max_tokens=64)
    (folder / "model.data").unlink()
    with pytest.raises(CheckpointError, match=r"no model\.data"):
        OnnxBackend(folder / "model.onnx", max_tokens=64)


DAMAGED = {
    "empty": b"",
    "cut off": b"\x3a",
    "huge length": b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    "group": b"\x3b",
    "number in place of a graph": b"\x38\x01",
    "other format": b"ORTM" * 100,
    "long number": b"\x08" + b"\xff" * 99,
    "filled up with zeros": b"\x08\x01" + b"\0" * 20_000_000,
    "fields without end": b"\x08\x01" * 10_000_000,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_an_error_of_ours(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a readable ONNX file"):
        require_plain_graph(tmp_path / "model.onnx")


def batch() -> TokenBatch:
    ids = np.random.default_rng(3).integers(5, 80, (2, 12))
    ids[:, 4] = 3
    return TokenBatch(ids, np.ones_like(ids), np.zeros_like(ids))


IDENTITY = ("Identity", [], {})
FIRST_TOKEN = ("Slice", ["zero", "one", "one"], {})
TWICE = ("Concat", ["zero_float"], {"axis": 0})
ONE_MORE_AXIS = ("Unsqueeze", ["zero"], {})
BY_ZERO = ("Div", ["zero_float"], {})
DOUBLE = ("Cast", [], {"to": TensorProto.DOUBLE})
Step = tuple[str, list[str], dict[str, Any]]


def with_outputs(graph: onnx.ModelProto, folder: Path, keep: Step, relevance: Step) -> OnnxBackend:
    """The graph with each of its outputs passed through one more operator."""
    constants = {"one": np.array([1]), "zero": np.array([0]), "zero_float": np.zeros(1, np.float32)}
    graph.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    for node in graph.graph.node:
        node.output[:] = [f"own_{name}" if name in OUTPUTS else name for name in node.output]
        node.input[:] = [f"own_{name}" if name in OUTPUTS else name for name in node.input]
    for value in graph.graph.output:
        operator, inputs, attributes = keep if value.name == "keep" else relevance
        graph.graph.node.append(helper.make_node(operator, [f"own_{value.name}", *inputs], [value.name], **attributes))
        value.type.tensor_type.ClearField("shape")
        value.type.tensor_type.elem_type = attributes.get("to", TensorProto.FLOAT)
    path = folder / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    return OnnxBackend(path, max_tokens=64)


@pytest.mark.parametrize(
    ("keep", "relevance"),
    [(FIRST_TOKEN, IDENTITY), (ONE_MORE_AXIS, IDENTITY), (DOUBLE, IDENTITY), (IDENTITY, TWICE)],
    ids=["too short", "one more axis", "double", "relevance twice"],
)
def test_scores_of_another_form_are_refused_and_never_filled_up(
    graph: onnx.ModelProto, tmp_path: Path, keep: Step, relevance: Step
) -> None:
    backend = with_outputs(graph, tmp_path, keep, relevance)
    with pytest.raises(BackendError, match="returned scores of the shapes"):
        backend.forward(batch())


def test_infinite_relevance_is_an_error(graph: onnx.ModelProto, tmp_path: Path) -> None:
    backend = with_outputs(graph, tmp_path, IDENTITY, BY_ZERO)
    with pytest.raises(BackendError, match="infinite"):
        check_scores(backend.forward(batch()), batch())


def test_a_folder_with_an_endless_loop_is_refused_by_the_backend(
    graph: onnx.ModelProto, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    again = [
        helper.make_tensor_value_info("round", TensorProto.INT64, []),
        helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
    ]
    body = helper.make_graph([helper.make_node("Identity", ["go_on"], ["still"])], "body", again, [
        helper.make_tensor_value_info("still", TensorProto.BOOL, [])
    ])  # fmt: skip
    graph.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    graph.graph.node.append(helper.make_node("Loop", ["", "yes"], [], body=body))
    (folder / "model_int8.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(UnsafeCheckpointError, match="Loop"):
        load(open_checkpoint(folder), BackendOptions())
