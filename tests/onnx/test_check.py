"""ONNX files: a plain graph passes, anything that could reach outside itself does not."""

import pytest
from onnx_bytes import WEIGHTS, field, model, node, varint

from guitarclf.bundle.check import read_limited
from guitarclf.errors import RunError
from guitarclf.onnx.check import check_onnx_bytes

ELSEWHERE = field(5, field(8, "w") + field(13, field(1, "location") + field(2, "/etc/passwd")) + field(14, 1))


def test_a_plain_graph_passes():
    check_onnx_bytes(model(node("Conv"), node("GRU"), node("Softmax", field(5, field(3, 1))), WEIGHTS))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (model(node("Conv"), ELSEWHERE), "It keeps data outside the file"),
        (model(node("Constant", field(5, field(5, field(14, 1))))), "It keeps data outside the file"),
        (model(node("Loop", field(5, field(6, node("Add"))))), "It has loops or branches: 'Loop'"),
        (model(node("If")), "It has loops or branches: 'If'"),
        (model(node("Scan")), "It has loops or branches: 'Scan'"),
        (model(node("Add", field(5, field(6, node("Add"))))), "It has a graph within Add: loops or branches"),
        (model(node("PyOp")), "It has an operator not known: 'PyOp'"),
        (model(node("Conv", domain="com.evil")), "It has an operator not known: 'com.evil.Conv'"),
        (model(node("Conv"), opset="com.evil"), "It needs operators of 'com.evil'"),
        (model(node("Conv"), more=field(25, b"")), "It brings functions or training steps of its own"),
        (model(node("Conv"), field(15, b"")), "It has sparse tensors"),
        (model(), "Its graph is empty"),
        (field(1, 8), "It has 0 graphs, and must have one"),
        (model(node("Conv"), more=field(7, node("Add"))), "It has 2 graphs, and must have one"),
        (b"", "It has 0 graphs"),
        (b"\xff" * 20, "It is no protocol buffer: a number has no end"),
        (field(7, 3), "a number stands where a message must be"),
        (varint(7 << 3 | 2) + varint(10**9), "field 7 of type 2 is cut short or unknown"),
        (b"\x0b", "is cut short or unknown"),
    ],
)
def test_a_graph_that_could_do_more_is_refused(content, message):
    with pytest.raises(RunError, match=message) as caught:
        check_onnx_bytes(content, "model.onnx")
    assert "\n" not in str(caught.value)


def test_a_later_field_counts_as_it_does_for_a_runtime():
    twice = field(1, field(4, "Add") + field(4, "Loop"))
    with pytest.raises(RunError, match="loops or branches"):
        check_onnx_bytes(model(twice))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RunError, match=r"model\.onnx must be a file of the bundle\. There is no such file"):
        read_limited(tmp_path / "model.onnx", limit=2**20)
