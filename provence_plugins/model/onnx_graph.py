"""The inputs and outputs of an ONNX file, and its check before it is run.

A graph can hold loops without an end, operators of other libraries and weights in any file of the
disk. The check reads the file's fields in one pass, without the package onnx: a message of protobuf
is a sequence of numbered fields, and long ones begin with their length, so that they can be
skipped.
"""

from collections.abc import Iterator
from itertools import count
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple, Self

from provence_plugins.errors import CheckpointError, UnsafeCheckpointError
from provence_plugins.model.folder import require_file, show_error, show_value

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUTS = ("relevance", "keep")

# What an encoder and its heads are made of. Loops, random numbers, sequences, texts and the
# operators of other domains are not on the list.
_OPERATORS = frozenset(
    {"Abs", "Add", "And", "ArgMax", "ArgMin", "Attention", "Cast", "CastLike", "Ceil", "Clip", "Concat", "Constant"}
    | {"ConstantOfShape", "Conv", "Cos", "CumSum", "DequantizeLinear", "Div", "Dropout", "DynamicQuantizeLinear"}
    | {"Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "Gather", "GatherElements", "GatherND"}
    | {"Gelu", "Gemm", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "If", "IsInf", "IsNaN"}
    | {"LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax", "MatMul", "MatMulInteger"}
    | {"Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "NonZero", "Not", "OneHot", "Or", "Pad", "Pow"}
    | {"QLinearMatMul", "QuantizeLinear", "RMSNormalization", "Range", "Reciprocal", "ReduceL1", "ReduceL2"}
    | {"ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape"}
    | {"RotaryEmbedding", "Round", "ScatterElements", "ScatterND", "Shape", "Sigmoid", "Sign", "Sin", "Size", "Slice"}
    | {"Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Swish", "Tanh", "Tile", "Transpose", "Trilu"}
    | {"Unsqueeze", "Where", "Xor"}
)
_DOMAINS = ("", "ai.onnx")

# An exported DeBERTa chooses between two graphs, by shapes, where Transformers 4 was installed.
_OPERATOR_WITH_GRAPHS = "If"
_MAX_DEPTH = 4

# Reading so many fields takes seconds. The largest encoder in use has about a tenth of them.
_MAX_FIELDS = 1_000_000

# Numbers of the fields that are read, from onnx.proto.
_MODEL_GRAPH, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 20, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_SPARSE_TENSOR = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_SPARSE_TENSORS, _ATTRIBUTE_GRAPHS = (5, 10), (22, 23), (6, 11)
_SPARSE_PARTS = (1, 2)
_TENSOR_EXTERNAL_DATA = 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

# How a field is stored.
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BYTES = 10
_CONTINUES = 0x80


# A tuple, because a graph has thousands of messages, and a frozen dataclass takes three times as
# long to make.
class _Message(NamedTuple):
    """A range of bytes of the file that holds fields, and a counter of all fields that are read."""

    content: mmap
    start: int
    stop: int
    counter: Iterator[int]

    def messages(self, *numbers: int) -> "Iterator[tuple[int, Self]]":
        """Yield the messages of some fields, each with its number.

        Raises:
            ValueError: This message is damaged, or one of these fields is not a message.
        """
        for number, kind, start, stop in self.places():
            if number in numbers:
                if kind == _VARINT:
                    raise ValueError(f"the field {number} is a number")
                yield number, type(self)(self.content, start, stop, self.counter)

    def places(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield the number of each field, how it is stored, and where it starts and stops."""
        place = self.start
        while place < self.stop:
            tag, place = self._varint(place)
            number, kind = tag >> 3, tag & 7
            if number == 0:  # what a file that is filled up with zeros looks like
                raise ValueError("a field has the number 0")
            if next(self.counter) >= _MAX_FIELDS:
                raise ValueError(f"it has more than {_MAX_FIELDS:,} fields")
            if kind == _LENGTH:
                size, start = self._varint(place)
            elif kind == _VARINT:
                size, start = 0, self._varint(place)[1]
            elif kind in _FIXED_SIZES:
                size, start = _FIXED_SIZES[kind], place
            else:
                raise ValueError(f"a field has the unknown type {kind}")
            place = start + size
            if place > self.stop:
                raise ValueError("it is cut off")
            yield number, kind, start, place

    def text(self) -> str:
        """Return the bytes as text."""
        return self.content[self.start : self.stop].decode("utf-8")

    def _varint(self, place: int) -> tuple[int, int]:
        """Read a whole number of 7 bits per byte, and return it with the place after it."""
        # Nearly all numbers fit in one byte.
        if place < self.stop and self.content[place] < _CONTINUES:
            return self.content[place], place + 1
        number = 0
        for shift in range(_MAX_VARINT_BYTES):
            if place + shift >= self.stop:
                raise ValueError("it is cut off")
            byte = self.content[place + shift]
            number |= (byte & 0x7F) << (7 * shift)
            if byte < _CONTINUES:
                return number, place + shift + 1
        raise ValueError("a number is too long")


def require_plain_graph(path: Path) -> None:
    """Check that an ONNX file holds a graph of ordinary operators, and no data outside its folder.

    Raises:
        CheckpointError: The file is damaged.
        UnsafeCheckpointError: It holds another operator, a function, graphs nested deep, or data of
            a file that is not in the same folder.
    """
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            _check_model(_Message(content, 0, len(content), count()), path)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a readable ONNX file ({show_error(error)}). Export the model again."
        ) from error


def _check_model(model: _Message, path: Path) -> None:
    graphs = 0
    for number, value in model.messages(_MODEL_GRAPH, _MODEL_FUNCTIONS, _MODEL_TRAINING):
        if number != _MODEL_GRAPH:
            raise _refused(path, "functions or steps of training")
        graphs += 1
        _check_graph(value, path)
    if not graphs:
        raise ValueError("it holds no graph")


def _check_graph(graph: _Message, path: Path, depth: int = 0) -> None:
    if depth > _MAX_DEPTH:
        raise _refused(path, f"graphs nested more than {_MAX_DEPTH} deep")
    for number, value in graph.messages(_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_SPARSE_TENSOR):
        if number == _GRAPH_NODE:
            _check_node(value, path, depth)
        elif number == _GRAPH_TENSOR:
            _check_tensor(value, path)
        else:
            _check_sparse_tensor(value, path)


def _check_node(node: _Message, path: Path, depth: int) -> None:
    names = {_NODE_OPERATOR: "", _NODE_DOMAIN: ""}
    names |= {number: value.text() for number, value in node.messages(_NODE_OPERATOR, _NODE_DOMAIN)}
    operator, domain = names[_NODE_OPERATOR], names[_NODE_DOMAIN]
    if domain not in _DOMAINS or operator not in _OPERATORS:
        raise _refused(path, f"the operator {show_value(f'{domain}.{operator}'.lstrip('.'))}")
    for _, attribute in node.messages(_NODE_ATTRIBUTE):
        for _, graph in attribute.messages(*_ATTRIBUTE_GRAPHS):
            if operator != _OPERATOR_WITH_GRAPHS:
                raise _refused(path, f"a graph inside the operator {operator}")
            _check_graph(graph, path, depth + 1)
        _check_attribute(attribute, path)


def _check_attribute(attribute: _Message, path: Path) -> None:
    for number, value in attribute.messages(*_ATTRIBUTE_TENSORS, *_ATTRIBUTE_SPARSE_TENSORS):
        if number in _ATTRIBUTE_TENSORS:
            _check_tensor(value, path)
        else:
            _check_sparse_tensor(value, path)


def _check_sparse_tensor(tensor: _Message, path: Path) -> None:
    for _, value in tensor.messages(*_SPARSE_PARTS):
        _check_tensor(value, path)


def _check_tensor(tensor: _Message, path: Path) -> None:
    for _, entry in tensor.messages(_TENSOR_EXTERNAL_DATA):
        texts = {number: value.text() for number, value in entry.messages(_ENTRY_KEY, _ENTRY_VALUE)}
        if texts.get(_ENTRY_KEY) == "location":
            _require_neighbour(texts.get(_ENTRY_VALUE, ""), path)


def _require_neighbour(name: str, path: Path) -> None:
    if not name or Path(name).name != name or "\\" in name:
        raise UnsafeCheckpointError(
            f"{path} names the file {show_value(name)} for its weights; only names of files in the "
            f"same folder are read. Download the model again from a source that you trust."
        )
    require_file(path.parent, name)


def _refused(path: Path, content: str) -> UnsafeCheckpointError:
    return UnsafeCheckpointError(
        f"{path} holds {content}, which no pruner needs, so it is refused. Make the file with "
        f"'provence export', or download it from a source that you trust."
    )
