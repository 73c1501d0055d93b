"""Graph: an ONNX model, written node by node.

An ONNX file is one protocol buffer message (https://protobuf.dev/programming-guides/encoding/); the numbers of fields
and types are those of onnx.proto. By hand, because every training writes a model.onnx: it would need the package onnx,
and torch's exporter needs two packages and five seconds a model.
"""

import struct
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

IR_VERSION, OPSET = 8, 17
TENSOR_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}
Shape = tuple[int | None, ...]
Attribute = float | int | str | Iterable[int]
FLOAT_ATTRIBUTE, INT_ATTRIBUTE, STRING_ATTRIBUTE, INTS_ATTRIBUTE = 1, 2, 3, 7


class Graph:
    """An ONNX graph under construction; in a shape, None stands for the batch."""

    def __init__(self, name: str):
        self._fields = [_bytes(2, name.encode())]  # of a GraphProto
        self._n_names = 0

    def input(self, name: str, shape: Shape) -> str:
        """Add a float32 input and return its name."""
        self._fields.append(_bytes(11, _value_info(name, shape)))
        return name

    def output(self, value: str, name: str, shape: Shape) -> None:
        """Make a float32 value an output of the graph under a name."""
        self._fields.append(_bytes(1, _node("Identity", [value], [name], {})))
        self._fields.append(_bytes(12, _value_info(name, shape)))

    def constant(self, array: ArrayLike) -> str:
        """Add an array as a constant, int64 if it holds integers, else float32, and return its name."""
        array = np.asarray(array)
        array = np.ascontiguousarray(array, np.int64 if np.issubdtype(array.dtype, np.integer) else np.float32)
        name = self._new_name("constant")
        fields = [_number(1, size) for size in array.shape]
        fields += [_number(2, TENSOR_TYPES[array.dtype]), _bytes(8, name.encode()), _bytes(9, array.tobytes())]
        self._fields.append(_bytes(5, b"".join(fields)))
        return name

    def node(self, operator: str, *inputs: str | ArrayLike, **attributes: Attribute) -> str:
        """Add a node and return the name of its output; arrays and numbers among its inputs become constants."""
        return self.outputs_of(operator, 1, *inputs, **attributes)[0]

    def outputs_of(self, operator: str, n_outputs: int, *inputs: str | ArrayLike, **attributes: Attribute) -> list[str]:
        """Add a node as :meth:`node` does, and return the names of its outputs."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        outputs = [self._new_name(operator) for _ in range(n_outputs)]
        self._fields.append(_bytes(1, _node(operator, names, outputs, attributes)))
        return outputs

    def to_bytes(self, metadata: dict[str, str], *, producer_version: str, model_version: int) -> bytes:
        """Return the model as the bytes of an ONNX file."""
        model = [_number(1, IR_VERSION), _bytes(2, b"guitarclf"), _bytes(3, producer_version.encode())]
        model += [_number(5, model_version), _bytes(7, b"".join(self._fields))]
        model += [_bytes(8, _bytes(1, b"") + _number(2, OPSET))]
        model += [_bytes(14, _bytes(1, key.encode()) + _bytes(2, value.encode())) for key, value in metadata.items()]
        return b"".join(model)

    def _new_name(self, kind: str) -> str:
        self._n_names += 1
        return f"{kind.lower()}_{self._n_names}"


def _node(operator: str, inputs: list[str], outputs: list[str], attributes: dict[str, Attribute]) -> bytes:
    fields = [_bytes(1, name.encode()) for name in inputs] + [_bytes(2, name.encode()) for name in outputs]
    fields += [_bytes(3, outputs[0].encode()), _bytes(4, operator.encode())]
    fields += [_bytes(5, _attribute(name, value)) for name, value in attributes.items()]
    return b"".join(fields)


def _attribute(name: str, value: Attribute) -> bytes:
    named = _bytes(1, name.encode())
    if isinstance(value, float):
        return named + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, FLOAT_ATTRIBUTE)
    if isinstance(value, int):
        return named + _number(3, value) + _number(20, INT_ATTRIBUTE)
    if isinstance(value, str):
        return named + _bytes(4, value.encode()) + _number(20, STRING_ATTRIBUTE)
    return named + b"".join(_number(8, item) for item in value) + _number(20, INTS_ATTRIBUTE)


def _value_info(name: str, shape: Shape) -> bytes:
    sizes = [_bytes(2, b"batch") if size is None else _number(1, size) for size in shape]
    tensor = _number(1, TENSOR_TYPES[np.dtype(np.float32)]) + _bytes(2, b"".join(_bytes(1, size) for size in sizes))
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _number(field: int, value: int) -> bytes:
    """Return a field that holds a whole number; a negative one takes ten bytes, as two's complement."""
    return _varint(field << 3) + _varint(value % 2**64)


def _bytes(field: int, content: bytes) -> bytes:
    """Return a field that holds bytes, text or another message."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
