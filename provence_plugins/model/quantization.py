"""Quantize an ONNX graph: products of matrices and tables of embeddings become int8.

ONNX Runtime quantizes the left side of a product while the graph runs, with one scale for all
tokens. A few tokens of an encoder have values ten times as large as the others, which are then left
with a tenth of the steps. So each token is divided by its largest value before a product and
multiplied by it afterwards (quantization by token, arXiv 2206.01861), and each row of a table gets
a scale of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from provence_plugins.errors import needs_extra

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

_LARGEST_INT8 = 127

# A token of zeros is divided by this.
_SMALLEST_SCALE = 1e-6
_SMALLEST_SCALE_NAME = "smallest_scale"


def quantize_graph(source: Path, target: Path) -> None:
    """Write a graph in float32 as one in int8.

    Args:
        source: The ONNX file in float32.
        target: The ONNX file to write.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """
    with needs_extra("export"):
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.quantization.shape_inference import quant_pre_process
    prepared = target.with_suffix(".prepared")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    model = onnx.load(prepared)
    prepared.unlink()
    _scale_tokens(model.graph)
    _quantize_tables(model.graph)
    quantize_dynamic(
        model,
        target,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        # Seven bits never overflow the 16-bit sums of processors without VNNI, so all processors
        # agree.
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )


def _scale_tokens(graph: "GraphProto") -> None:
    """Divide each token by its largest value before products with weights, and undo it after."""
    from onnx import numpy_helper

    weights = {tensor.name for tensor in graph.initializer}
    smallest = np.array(_SMALLEST_SCALE, np.float32)
    graph.initializer.append(numpy_helper.from_array(smallest, _SMALLEST_SCALE_NAME))
    scaled: set[str] = set()
    nodes: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            # Query, key and value read the same tokens, which are divided once.
            if node.input[0] not in scaled:
                nodes.extend(_token_division(node.input[0]))
                scaled.add(node.input[0])
            nodes.extend(_scaled_product(node))
        else:
            nodes.append(node)
    _replace_nodes(graph, nodes)


def _token_division(tokens: str) -> "Iterator[NodeProto]":
    from onnx.helper import make_node

    yield make_node("Abs", [tokens], [f"{tokens}/size"], f"{tokens}/Abs")
    yield make_node("ReduceMax", [f"{tokens}/size"], [f"{tokens}/largest"], f"{tokens}/ReduceMax", axes=[-1])
    yield make_node("Max", [f"{tokens}/largest", _SMALLEST_SCALE_NAME], [f"{tokens}/scale"], f"{tokens}/Max")
    yield make_node("Div", [tokens, f"{tokens}/scale"], [f"{tokens}/scaled"], f"{tokens}/Div")


def _scaled_product(product: "NodeProto") -> "Iterator[NodeProto]":
    from onnx.helper import make_node

    (tokens, weight), [output] = product.input, product.output
    yield make_node("MatMul", [f"{tokens}/scaled", weight], [f"{output}/scaled"], product.name)
    yield make_node("Mul", [f"{output}/scaled", f"{tokens}/scale"], [output], f"{product.name}/Mul")


def _quantize_tables(graph: "GraphProto") -> None:
    """Store each table of embeddings as int8, with a scale for each row."""
    from onnx import TensorProto

    # Tables of whole numbers, such as positions, stay as they are.
    floats = [tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT]
    tables = {tensor.name: tensor for tensor in floats if len(tensor.dims) == 2}
    looked_up: set[str] = set()
    nodes: list[NodeProto] = []
    for node in graph.node:
        name = node.input[0] if node.op_type == "Gather" else ""
        # Its one attribute is the axis; columns have no scale of their own.
        if name in tables and all(attribute.i == 0 for attribute in node.attribute):
            looked_up.add(name)
            nodes.extend(_row_lookup(node, tables[name]))
        else:
            nodes.append(node)
    for name in sorted(looked_up):
        graph.initializer.extend(_quantize_rows(tables[name]))
    still_read = {name for node in nodes for name in node.input}
    for name in looked_up - still_read:
        graph.initializer.remove(tables[name])
    _replace_nodes(graph, nodes)


def _quantize_rows(table: "TensorProto") -> "Iterator[TensorProto]":
    """Yield a table in int8, and the scale of each of its rows."""
    from onnx import numpy_helper

    values = numpy_helper.to_array(table)
    largest = np.abs(values).max(axis=1, keepdims=True)
    scale = np.maximum(largest / _LARGEST_INT8, _SMALLEST_SCALE).astype(np.float32)
    yield numpy_helper.from_array(np.round(values / scale).astype(np.int8), f"{table.name}/int8")
    yield numpy_helper.from_array(scale, f"{table.name}/scale")


def _row_lookup(lookup: "NodeProto", table: "TensorProto") -> "Iterator[NodeProto]":
    from onnx import TensorProto
    from onnx.helper import make_node

    (_, rows), [output] = lookup.input, lookup.output
    yield make_node("Gather", [f"{table.name}/int8", rows], [f"{output}/int8"], lookup.name)
    yield make_node("Gather", [f"{table.name}/scale", rows], [f"{output}/scale"], f"{lookup.name}/Scale")
    yield make_node("Cast", [f"{output}/int8"], [f"{output}/float"], f"{lookup.name}/Cast", to=TensorProto.FLOAT)
    yield make_node("Mul", [f"{output}/float", f"{output}/scale"], [output], f"{lookup.name}/Mul")


def _replace_nodes(graph: "GraphProto", nodes: "list[NodeProto]") -> None:
    # Nodes that stay are owned by the graph, and clearing it would empty them.
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
