"""The nodes of a trained CRNN: log-mel -> probabilities under the shares of its loss."""

import numpy as np
from torch import nn

from guitarclf.errors import RunError
from guitarclf.models.crnn import UNHEARD
from guitarclf.onnx.graph import TENSOR_TYPES, Graph

FLOAT = TENSOR_TYPES[np.dtype(np.float32)]


def add_net(graph: Graph, module, value: str, shape: tuple[int, int, int]) -> str:
    """Add the nodes of a CRNN as it is outside training, its temperature and the softmax included.

    Parameters
    ----------
    graph : Graph
    module : guitarclf.models.crnn.CRNN
    value : str
        The log-mel, `[B, C, F, T]`.
    shape : (n_channels, n_mels, n_frames)

    Returns
    -------
    value : str
        Probabilities in the order of LABELS, `[B, n_classes]`.
    """
    x = graph.node("Sub", value, array(module.standardize.mean))
    x = graph.node("Div", x, array(module.standardize.scale))
    n_channels, n_bands, n_frames = shape
    n_sounding = None
    if module.mask_after_offset:
        n_sounding = _add_n_sounding(graph, module, value, n_channels - 1)
        x = graph.node("Gather", x, np.arange(module.n_heard), axis=1)
    for block in module.blocks:
        x, n_bands, n_frames = _add_block(graph, block, x, n_bands, n_frames)
    x = graph.node("Transpose", x, perm=[3, 0, 1, 2])  # [B, C, F, T] -> [T, B, C, F]
    x = graph.node("Reshape", x, [n_frames, -1, module.rnn.input_size])
    if n_sounding is None:
        x = _add_pooling(graph, module, *_add_gru(graph, module.rnn, x, n_frames))
    else:
        places = np.arange(n_frames, dtype=np.float32)[:, None, None]
        sounds = graph.node("Cast", graph.node("Less", places, n_sounding), to=FLOAT)  # [T, B, 1]
        frames, _ = _add_gru(graph, module.rnn, graph.node("Mul", x, sounds), n_frames)
        x = _add_pooling_of_sounding(graph, module, frames, places, n_sounding)
    for layer in module.head:
        x = _add_layer(graph, layer, x)
    x = graph.node("Div", x, array(module.calibrate.temperature))
    return graph.node("Softmax", x, axis=-1)


def _add_n_sounding(graph: Graph, module, value: str, channel: int) -> str:
    """The input `[B, C, F, T]` -> how many of the GRU's frames sound, `[B, 1]`."""
    mask = graph.node("Gather", graph.node("Gather", value, [channel], axis=1), [0], axis=2)  # [B, 1, 1, T]
    step = [1, module.frames_per_step]
    heard = graph.node("MaxPool", mask, kernel_shape=step, strides=step)
    heard = graph.node("Cast", graph.node("Greater", heard, np.float32(0)), to=FLOAT)
    return graph.node("Max", graph.node("ReduceSum", heard, [2, 3], keepdims=0), np.float32(1))


def array(tensor) -> np.ndarray:
    """Return a tensor's values on the CPU."""
    return tensor.detach().cpu().numpy()


def _add_block(graph: Graph, block, x: str, n_bands: int, n_frames: int) -> tuple[str, int, int]:
    for layer in block:
        x = _add_layer(graph, layer, x)
        if isinstance(layer, nn.MaxPool2d):
            n_bands, n_frames = n_bands // layer.kernel_size[0], n_frames // layer.kernel_size[1]
    return x, n_bands, n_frames


def _add_layer(graph: Graph, layer, x: str) -> str:
    """Add one layer of a Sequential."""
    if isinstance(layer, nn.Dropout):
        return x
    if isinstance(layer, nn.ReLU):
        return graph.node("Relu", x)
    if isinstance(layer, nn.MaxPool2d):
        return graph.node("MaxPool", x, kernel_shape=list(layer.kernel_size), strides=list(layer.kernel_size))
    if isinstance(layer, nn.Conv2d):
        biases = [] if layer.bias is None else [array(layer.bias)]
        pads = [*layer.padding, *layer.padding]
        return graph.node("Conv", x, array(layer.weight), *biases, kernel_shape=list(layer.kernel_size), pads=pads)
    if isinstance(layer, nn.BatchNorm2d):
        values = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
        return graph.node("BatchNormalization", x, *map(array, values), epsilon=float(layer.eps))
    if isinstance(layer, nn.Linear):
        return graph.node("Gemm", x, array(layer.weight), array(layer.bias), transB=1)
    raise RunError(
        f"A net to export must be made of layers that the exporter knows. Got {type(layer).__name__}. "
        "Teach it to guitarclf/onnx/net.py, or use the torch engine."
    )


def _add_gru(graph: Graph, gru: nn.GRU, x: str, n_frames: int) -> tuple[str, str]:
    """`[T, B, I]` -> every frame `[T, B, directions * H]` and the last layer's state `[directions, B, H]`."""
    suffixes = ("", "_reverse") if gru.bidirectional else ("",)
    weights = {name: array(value) for name, value in gru.named_parameters()}
    for layer in range(gru.num_layers):
        kernel = [_gates(weights[f"weight_ih_l{layer}{suffix}"]) for suffix in suffixes]
        recurrent = [_gates(weights[f"weight_hh_l{layer}{suffix}"]) for suffix in suffixes]
        biases = [
            np.concatenate([_gates(weights[f"bias_{kind}_l{layer}{suffix}"]) for kind in ("ih", "hh")])
            for suffix in suffixes
        ]
        frames, state = graph.node(
            "GRU",
            x,
            np.stack(kernel),
            np.stack(recurrent),
            np.stack(biases),
            n_outputs=2,
            hidden_size=gru.hidden_size,
            direction="bidirectional" if gru.bidirectional else "forward",
            linear_before_reset=1,
        )
        x = graph.node("Transpose", frames, perm=[0, 2, 1, 3])  # [T, directions, B, H] -> [T, B, directions, H]
        x = graph.node("Reshape", x, [n_frames, -1, len(suffixes) * gru.hidden_size])
    return x, state


def _gates(weight: np.ndarray) -> np.ndarray:
    """Return torch's rows (reset, update, new) in the order of ONNX (update, reset, new)."""
    reset, update, new = np.split(weight, 3)
    return np.concatenate([update, reset, new])


def _add_pooling(graph: Graph, module, frames: str, state: str) -> str:
    """`[T, B, H]` and `[directions, B, h]` -> `[B, H]`."""
    n_features = module.rnn.hidden_size * (2 if module.rnn.bidirectional else 1)
    if module.pooling == "final":
        return graph.node("Reshape", graph.node("Transpose", state, perm=[1, 0, 2]), [-1, n_features])
    if module.pooling == "mean":
        return graph.node("ReduceMean", frames, axes=[0], keepdims=0)
    weights = graph.node("MatMul", frames, array(module.attention.weight).T)
    weights = graph.node("Softmax", graph.node("Add", weights, array(module.attention.bias)), axis=0)  # [T, B, 1]
    return graph.node("ReduceSum", graph.node("Mul", weights, frames), [0], keepdims=0)


def _add_pooling_of_sounding(graph: Graph, module, frames: str, places: np.ndarray, n_sounding: str) -> str:
    """As _add_pooling, of the first ``n_sounding`` `[B, 1]` frames alone; ``places`` `[T, 1, 1]` are 0 to T - 1."""
    if module.pooling == "final":
        n_hidden, n_features = module.rnn.hidden_size, module.n_features
        last = graph.node("Cast", graph.node("Equal", places, graph.node("Sub", n_sounding, np.float32(1))), to=FLOAT)
        last = graph.node("ReduceSum", graph.node("Mul", frames, last), [0], keepdims=0)  # [B, H]
        if not module.rnn.bidirectional:
            return last
        first = graph.node("ReduceSum", graph.node("Gather", frames, [0], axis=0), [0], keepdims=0)
        forwards = graph.node("Gather", last, np.arange(n_hidden), axis=1)
        backwards = graph.node("Gather", first, np.arange(n_hidden, n_features), axis=1)
        return graph.node("Concat", forwards, backwards, axis=1)
    sounds = graph.node("Less", places, n_sounding)  # [T, B, 1]
    if module.pooling == "mean":
        heard = graph.node("Mul", frames, graph.node("Cast", sounds, to=FLOAT))
        return graph.node("Div", graph.node("ReduceSum", heard, [0], keepdims=0), n_sounding)
    scores = graph.node("MatMul", frames, array(module.attention.weight).T)
    scores = graph.node("Add", scores, array(module.attention.bias))
    weights = graph.node("Softmax", graph.node("Where", sounds, scores, np.float32(UNHEARD)), axis=0)
    return graph.node("ReduceSum", graph.node("Mul", weights, frames), [0], keepdims=0)
