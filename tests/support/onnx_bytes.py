"""Pieces of ONNX files, written by hand: what a checker must tell apart."""


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number: int, value) -> bytes:
    """Return one field of a protocol buffer: a number, or text or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(operator, *attributes, domain=""):
    return field(1, field(1, "x") + field(2, "y") + field(4, operator) + b"".join(attributes) + field(7, domain))


def model(*parts, opset="", more=b""):
    graph = b"".join(parts) + field(2, "net") + field(11, field(1, "x")) + field(12, field(1, "y"))
    return field(1, 8) + field(8, field(1, opset) + field(2, 17)) + more + field(7, graph)


WEIGHTS = field(5, field(1, 3) + field(2, 1) + field(8, "w") + field(9, bytes(12)))
