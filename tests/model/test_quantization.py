"""A graph in int8 computes what the graph in float32 does, for small tokens beside large ones too."""

from pathlib import Path

import numpy as np
import pytest

from provence_plugins.model.onnx_graph import require_plain_graph
from provence_plugins.model.quantization import quantize_graph

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

TOKENS, WIDTH, ROWS = 6, 32, 40


def quantized(
    tmp_path: Path, operator: str, constant: np.ndarray, *, kind: int, shape: list[int]
) -> "ort.InferenceSession":
    """Return a session of a graph of one operator between an input and a constant, in int8."""
    helper, source, target = onnx.helper, tmp_path / "model.onnx", tmp_path / "model_int8.onnx"
    names = ["constant", "input"] if operator == "Gather" else ["input", "constant"]
    graph = helper.make_graph(
        [helper.make_node(operator, names, ["output"], name=operator)],
        "one",
        [helper.make_tensor_value_info("input", kind, shape)],
        [helper.make_tensor_value_info("output", helper.np_dtype_to_tensor_dtype(constant.dtype), None)],
        [onnx.numpy_helper.from_array(constant, "constant")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), source)
    quantize_graph(source, target)
    require_plain_graph(target)
    return ort.InferenceSession(target, providers=["CPUExecutionProvider"])


def test_a_token_with_large_values_does_not_coarsen_the_others(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    weight = random.normal(size=(WIDTH, WIDTH)).astype(np.float32)
    tokens = random.normal(size=(1, TOKENS, WIDTH)).astype(np.float32)
    tokens[0, 2] *= 1000
    session = quantized(tmp_path, "MatMul", weight, kind=onnx.TensorProto.FLOAT, shape=[1, TOKENS, WIDTH])
    [result] = session.run(None, {"input": tokens})
    exact = tokens @ weight
    error = np.abs(result - exact).max(axis=-1) / np.abs(exact).max(axis=-1)
    assert error.max() < 0.03


def test_a_token_of_zeros_stays_one(tmp_path: Path) -> None:
    weight = np.ones((WIDTH, WIDTH), np.float32)
    session = quantized(tmp_path, "MatMul", weight, kind=onnx.TensorProto.FLOAT, shape=[1, TOKENS, WIDTH])
    [result] = session.run(None, {"input": np.zeros((1, TOKENS, WIDTH), np.float32)})
    assert not result.any()


def test_a_row_with_large_values_does_not_coarsen_the_rest_of_its_table(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)
    table[7] *= 1000
    session = quantized(tmp_path, "Gather", table, kind=onnx.TensorProto.INT64, shape=[ROWS])
    [result] = session.run(None, {"input": np.arange(ROWS)})
    error = np.abs(result - table).max(axis=1) / np.abs(table).max(axis=1)
    assert error.max() < 0.005


def test_a_table_of_whole_numbers_stays_as_it_is(tmp_path: Path) -> None:
    table = np.arange(ROWS * WIDTH).reshape(ROWS, WIDTH) * 1000
    session = quantized(tmp_path, "Gather", table, kind=onnx.TensorProto.INT64, shape=[ROWS])
    [result] = session.run(None, {"input": np.arange(ROWS)})
    assert (result == table).all()


def test_a_table_that_is_looked_up_twice_is_stored_once(tmp_path: Path) -> None:
    helper, source, target = onnx.helper, tmp_path / "model.onnx", tmp_path / "model_int8.onnx"
    table = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)
    kinds = onnx.TensorProto
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", name], [f"{name}/row"], name=name, axis=0)
            for name in ("first", "second")
        ],
        "two",
        [helper.make_tensor_value_info(name, kinds.INT64, [1]) for name in ("first", "second")],
        [helper.make_tensor_value_info(f"{name}/row", kinds.FLOAT, None) for name in ("first", "second")],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), source)
    quantize_graph(source, target)
    session = ort.InferenceSession(target, providers=["CPUExecutionProvider"])
    first, second = session.run(None, {"first": np.array([3]), "second": np.array([5])})
    assert np.abs(np.concatenate([first, second]) - table[[3, 5]]).max() < 0.05
    names = [tensor.name for tensor in onnx.load(target).graph.initializer]
    assert len(names) == len(set(names)) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "model_int8.onnx"}
