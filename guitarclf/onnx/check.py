"""Refuse an ONNX file that is more than a plain graph of known operators, before a runtime sees it.

An ONNX file is a protocol buffer. Only its structure is walked here, field by field: no library is needed,
nothing is decoded that could be large, and no weights are copied. Field numbers are those of ``onnx.proto3``.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from guitarclf.errors import RunError

MAX_BYTES = 2**30
MAX_NODES = 100_000
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
DOMAINS = ("", "ai.onnx")
# Message -> field number -> what it is. Fields that are not here are skipped over.
MODEL_GRAPH, MODEL_OPSETS, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 8, 20, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE = 1, 5, 15
NODE_OP, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS, ATTRIBUTE_SPARSE = 5, 6, 10, 11, 22
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14
OPSET_DOMAIN = 1
# fmt: off
OPERATORS = frozenset(
    {
        "Abs", "Add", "And", "ArgMax", "ArgMin", "AveragePool", "BatchNormalization", "Cast", "CastLike",
        "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv", "Cos", "CumSum", "DFT", "Div",
        "Dropout", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "GRU", "Gather",
        "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "Greater",
        "GreaterOrEqual", "HannWindow", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization", "LSTM",
        "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax", "MatMul", "Max",
        "MaxPool", "Mean", "MelWeightMatrix", "Min", "Mish", "Mul", "Neg", "Not", "Or", "PRelu", "Pad", "Pow",
        "RNN", "Range", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
        "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Round", "STFT",
        "ScatterElements", "ScatterND", "Selu", "Shape", "Sigmoid", "Sign", "Sin", "Size", "Slice", "Softmax",
        "Softplus", "Softsign", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile", "TopK", "Transpose",
        "Trilu", "Unsqueeze", "Where", "Xor"
    }
)
# fmt: on


def check_onnx(path) -> None:
    """Raise RunError unless a file is an ONNX graph without external data, unknown operators, loops or branches."""
    path = Path(path)
    try:
        if not path.is_file():
            raise RunError(f"{path} must be an ONNX file. There is no such file. Export the model again.")
        if os.path.getsize(path) > MAX_BYTES:
            raise RunError(f"{path} must have at most {MAX_BYTES // 2**20} MB. It has {os.path.getsize(path)} bytes.")
        content = path.read_bytes()
    except OSError as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"{path} must be readable. {error.strerror}. Check its permissions.") from error
    check_onnx_bytes(content, path)


def check_onnx_bytes(content: bytes, path="the model") -> None:
    """As :func:`check_onnx`, of bytes that were read; ``path`` is for the message."""
    try:
        problem = _check_model(memoryview(content))
    except ValueError as error:
        raise RunError(f"{path} must be an ONNX file. {error}. Export the model again.") from error
    if problem:
        raise RunError(f"{path} must be a plain graph of known operators. {problem}. Do not run it.")


def _check_model(model: memoryview) -> str | None:
    n_graphs = 0
    for number, value in _fields(model):
        if number in (MODEL_FUNCTIONS, MODEL_TRAINING):
            return "It brings functions or training steps of its own"
        if number == MODEL_OPSETS:
            domain = _text_of(value, OPSET_DOMAIN)
            if domain not in DOMAINS:
                return f"It needs operators of {domain[:60]!r}"
        if number == MODEL_GRAPH:
            n_graphs += 1
            problem = _check_graph(_message(value))
            if problem:
                return problem
    if n_graphs != 1:
        raise ValueError(f"It has {n_graphs} graphs, and must have one")
    return None


def _check_graph(graph: memoryview) -> str | None:
    n_nodes = 0
    for number, value in _fields(graph):
        problem = None
        if number == GRAPH_NODE:
            n_nodes += 1
            problem = _check_node(_message(value))
        elif number == GRAPH_INITIALIZER:
            problem = _check_tensor(_message(value))
        elif number == GRAPH_SPARSE:
            problem = "It has sparse tensors"
        if problem or n_nodes > MAX_NODES:
            return problem or f"It has more than {MAX_NODES} nodes"
    if not n_nodes:
        raise ValueError("Its graph is empty")
    return None


def _check_node(node: memoryview) -> str | None:
    operator, domain = _text_of(node, NODE_OP), _text_of(node, NODE_DOMAIN)
    if domain not in DOMAINS or operator not in OPERATORS:
        kind = "loops or branches" if operator in ("Loop", "If", "Scan", "SequenceMap") else "an operator not known"
        return f"It has {kind}: {'.'.join(filter(None, (domain, operator)))[:80]!r}"
    for number, value in _fields(node):
        if number != NODE_ATTRIBUTE:
            continue
        for kind, content in _fields(_message(value)):
            if kind in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS):
                return f"It has a graph within {operator}: loops or branches"
            if kind == ATTRIBUTE_SPARSE:
                return "It has sparse tensors"
            if kind in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
                problem = _check_tensor(_message(content))
                if problem:
                    return problem
    return None


def _check_tensor(tensor: memoryview) -> str | None:
    for number, value in _fields(tensor):
        if number == TENSOR_EXTERNAL or (number == TENSOR_LOCATION and value != 0):
            return "It keeps data outside the file"
    return None


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value) of a message; ValueError where it is none."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, position = _varint(message, position)
        else:
            length = {FIXED64: 8, FIXED32: 4}.get(kind)
            if kind == BYTES:
                length, position = _varint(message, position)
            if length is None or number == 0 or position + length > len(message):
                raise ValueError(f"It is no protocol buffer: field {number} of type {kind} is cut short or unknown")
            value = message[position : position + length]
            position += length
        yield number, value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("It is no protocol buffer: a number has no end")


def _message(value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("It is no ONNX: a number stands where a message must be")
    return value


def _text_of(message, field: int) -> str:
    """Return the last text of a field, which is the one that counts; "" where there is none."""
    text = b""
    for number, value in _fields(_message(message)):
        if number == field:
            text = bytes(_message(value))
    return text.decode("utf-8", "replace")
