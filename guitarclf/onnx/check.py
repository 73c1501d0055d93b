"""Refusal of ONNX models that are more than a plain graph of known operators, before a runtime sees them.

An ONNX model is a protocol buffer. Only its structure is walked here, field by field: no library is needed, and no
weights are copied. Field numbers are those of ``onnx.proto3``.
"""

from collections.abc import Iterator
from pathlib import Path

from guitarclf.errors import RunError

MAX_NODES = 100_000
VARINT, BYTES = 0, 2
SIZES = {1: 8, 5: 4}  # type -> bytes of a number of fixed size
DOMAINS = ("", "ai.onnx")
# MESSAGE_FIELD: the number of the field. Fields that are not here are skipped over.
MODEL_GRAPH, MODEL_OPSETS, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 8, 20, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE = 1, 5, 15
NODE_OP, NODE_ATTRIBUTE, NODE_DOMAIN = 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS, ATTRIBUTE_SPARSE = 5, 6, 10, 11, 22
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14
OPSET_DOMAIN = 1
SPARSE = "It has sparse tensors"
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


def check_onnx_bytes(content: bytes, path: str | Path = "the model") -> None:
    """Raise RunError, naming ``path``, unless a model is a plain graph of known operators with all its data inside."""
    try:
        problem = next(_problems(memoryview(content)), None)
    except ValueError as error:
        raise RunError(f"{path} must be an ONNX file. {error}. Export the model again.") from error
    if problem:
        raise RunError(f"{path} must be a plain graph of known operators. {problem}. Do not run it.")


def _problems(model: memoryview) -> Iterator[str]:
    """Yield what is wrong with a model; ValueError if it is none."""
    n_graphs = 0
    for number, value in _fields(model):
        if number in (MODEL_FUNCTIONS, MODEL_TRAINING):
            yield "It brings functions or training steps of its own"
        elif number == MODEL_OPSETS:
            domain = _text_of(_message(value), OPSET_DOMAIN)
            if domain not in DOMAINS:
                yield f"It needs operators of {domain[:60]!r}"
        elif number == MODEL_GRAPH:
            n_graphs += 1
            yield from _problems_of_graph(_message(value))
    if n_graphs != 1:
        raise ValueError(f"It has {n_graphs} graphs, and must have one")


def _problems_of_graph(graph: memoryview) -> Iterator[str]:
    n_nodes = 0
    for number, value in _fields(graph):
        if number == GRAPH_NODE:
            n_nodes += 1
            yield from _problems_of_node(_message(value))
        elif number == GRAPH_INITIALIZER:
            yield from _problems_of_tensor(_message(value))
        elif number == GRAPH_SPARSE:
            yield SPARSE
        if n_nodes > MAX_NODES:
            yield f"It has more than {MAX_NODES} nodes"
    if not n_nodes:
        raise ValueError("Its graph is empty")


def _problems_of_node(node: memoryview) -> Iterator[str]:
    operator, domain = _text_of(node, NODE_OP), _text_of(node, NODE_DOMAIN)
    if domain not in DOMAINS or operator not in OPERATORS:
        kind = "loops or branches" if operator in ("Loop", "If", "Scan", "SequenceMap") else "an operator not known"
        yield f"It has {kind}: {'.'.join(filter(None, (domain, operator)))[:80]!r}"
    attributes = (_message(value) for number, value in _fields(node) if number == NODE_ATTRIBUTE)
    for number, value in (field for attribute in attributes for field in _fields(attribute)):
        if number in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS):
            yield f"It has a graph within {operator}: loops or branches"
        elif number == ATTRIBUTE_SPARSE:
            yield SPARSE
        elif number in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
            yield from _problems_of_tensor(_message(value))


def _problems_of_tensor(tensor: memoryview) -> Iterator[str]:
    for number, value in _fields(tensor):
        if number == TENSOR_EXTERNAL or (number == TENSOR_LOCATION and value != 0):
            yield "It keeps data outside the file"


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value) of each field of a message; ValueError if it is no message."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        length = SIZES.get(kind)
        if kind == VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == BYTES:
            length, position = _varint(message, position)
        if length is None or number == 0 or position + length > len(message):
            raise ValueError(f"It is no protocol buffer: field {number} of type {kind} is cut short or unknown")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the number that begins at a position, and the position after it."""
    value = 0
    for place, byte in enumerate(message[position : position + 10]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, position + place + 1
    raise ValueError("It is no protocol buffer: a number has no end")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("It is no ONNX: a number stands where a message must be")
    return value


def _text_of(message: memoryview, field: int) -> str:
    """Return the text of a field, "" if it is not there; of several the last one, which is the one that counts."""
    text = b""
    for number, value in _fields(message):
        if number == field:
            text = bytes(_message(value))
    return text.decode("utf-8", "replace")
