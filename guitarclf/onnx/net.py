"""The ONNX nodes of a trained CRNN: log-mel -> probabilities under the shares of its loss, and how sure it is."""

import numpy as np
from torch import nn

from guitarclf.errors import RunError
from guitarclf.models.crnn import CRNN
from guitarclf.models.note_head import UNHEARD, NoteHead
from guitarclf.onnx.graph import TENSOR_TYPES, Graph

FLOAT = TENSOR_TYPES[np.dtype(np.float32)]


def add_net(graph: Graph, module: CRNN, value: str, n_frames: int) -> tuple[str, str | None]:
    """`[B, C, F, n_frames]` log-mel -> `[B, n_classes]` probabilities in the order of LABELS, and of a note `[B]`.

    Adds what a CRNN does outside training, its temperature and the softmax included. The second is None without a
    note head.
    """
    sounding = None
    scaling = _arrays(module.standardize)
    x = graph.node("Div", graph.node("Sub", value, scaling["mean"]), scaling["scale"])
    if module.mask_after_offset:
        n_sounding = _add_n_sounding(graph, module, value)
        x = graph.node("Gather", x, np.arange(module.n_heard), axis=1)
    for block in module.blocks.children():
        x = _add_layers(graph, block, x)
    n_steps = n_frames // module.frames_per_step
    x = graph.node("Transpose", x, perm=[3, 0, 1, 2])  # [B, C, F, T] -> [T, B, C, F]
    x = graph.node("Reshape", x, [n_steps, -1, module.rnn.input_size])
    if module.mask_after_offset:
        places = np.arange(n_steps, dtype=np.float32)[:, None, None]
        sounds = graph.node("Cast", graph.node("Less", places, n_sounding), to=FLOAT)  # [T, B, 1]
        frames, _ = _add_gru(graph, module.rnn, graph.node("Mul", x, sounds), n_steps)
        sounding = graph.node("Less", places, n_sounding)  # [T, B, 1]
        pooled = _add_pooling_of_sounding(graph, module, frames, places, n_sounding)
    else:
        frames, state = _add_gru(graph, module.rnn, x, n_steps)
        pooled = _add_pooling(graph, module, frames, state)
    x = _add_layers(graph, module.head, pooled)
    proba = graph.node("Softmax", graph.node("Div", x, _arrays(module.calibrate)["temperature"]), axis=-1)
    is_note = None if module.note_head is None else _add_note_head(graph, module.note_head, pooled, frames, sounding)
    return proba, is_note


def _add_note_head(graph: Graph, head: NoteHead, pooled: str, frames: str, sounding: str | None) -> str:
    """`[B, H]` and frames `[T, B, H]`, of which only the ``sounding`` `[T, B, 1]` count -> `[B]` probabilities."""
    scores, heard = _add_scores(graph, head.attention, frames), frames
    if sounding is not None:
        scores, heard = (graph.node("Where", sounding, value, np.float32(UNHEARD)) for value in (scores, heard))
    weighted = graph.node("Mul", graph.node("Softmax", scores, axis=0), frames)
    weighted = graph.node("ReduceSum", weighted, [0], keepdims=0)
    highest = graph.node("ReduceMax", heard, axes=[0], keepdims=0)
    logit = _add_layers(graph, head.layers, graph.node("Concat", pooled, weighted, highest, axis=1))
    return graph.node("Sigmoid", graph.node("Squeeze", logit, [1]))


def _add_layers(graph: Graph, layers: nn.Module, x: str) -> str:
    """Add the layers of a Sequential, one after the other."""
    for layer in layers.children():
        x = _add_layer(graph, layer, x)
    return x


def _arrays(module: nn.Module) -> dict[str, np.ndarray]:
    """Return the weights and buffers of a module by name, on the CPU."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}


def _add_n_sounding(graph: Graph, module: CRNN, value: str) -> str:
    """`[B, C, F, T]` log-mel -> `[B, 1]`, the GRU frames of each note that lie before its offset (at least 1)."""
    mask = graph.node("Gather", graph.node("Gather", value, [module.n_heard], axis=1), [0], axis=2)  # [B, 1, 1, T]
    step = [1, module.frames_per_step]
    heard = graph.node("MaxPool", mask, kernel_shape=step, strides=step)
    heard = graph.node("Cast", graph.node("Greater", heard, np.float32(0)), to=FLOAT)
    return graph.node("Max", graph.node("ReduceSum", heard, [2, 3], keepdims=0), np.float32(1))


def _add_layer(graph: Graph, layer: nn.Module, x: str) -> str:
    """Add what a layer of a block or of the head does outside training."""
    arrays = _arrays(layer)
    if isinstance(layer, nn.Dropout):
        return x
    if isinstance(layer, nn.ReLU):
        return graph.node("Relu", x)
    if isinstance(layer, nn.MaxPool2d):
        step = np.broadcast_to(layer.kernel_size, 2).tolist()
        return graph.node("MaxPool", x, kernel_shape=step, strides=step)
    if isinstance(layer, nn.Conv2d):
        pads = [*layer.padding, *layer.padding]
        return graph.node("Conv", x, *arrays.values(), kernel_shape=list(layer.kernel_size), pads=pads)
    if isinstance(layer, nn.BatchNorm2d):
        values = (arrays[name] for name in ("weight", "bias", "running_mean", "running_var"))
        return graph.node("BatchNormalization", x, *values, epsilon=float(layer.eps))
    if isinstance(layer, nn.Linear):
        return graph.node("Gemm", x, arrays["weight"], arrays["bias"], transB=1)
    raise RunError(
        f"A net to export must be made of layers that the exporter knows. Got {type(layer).__name__}. "
        "Teach it to guitarclf/onnx/net.py, or use the torch engine."
    )


def _add_gru(graph: Graph, gru: nn.GRU, x: str, n_frames: int) -> tuple[str, str]:
    """`[T, B, I]` -> all frames `[T, B, directions * H]` and the last layer's final state `[directions, B, H]`."""
    suffixes = ("", "_reverse") if gru.bidirectional else ("",)
    arrays = _arrays(gru)
    for layer in range(gru.num_layers):
        gates = {
            kind: [_gates(arrays[f"{kind}_l{layer}{suffix}"]) for suffix in suffixes]
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        frames, state = graph.outputs_of(
            "GRU",
            2,
            x,
            np.stack(gates["weight_ih"]),
            np.stack(gates["weight_hh"]),
            np.concatenate([gates["bias_ih"], gates["bias_hh"]], axis=1),
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


def _add_pooling(graph: Graph, module: CRNN, frames: str, state: str) -> str:
    """Frames `[T, B, H]` and final state `[directions, B, h]` of the GRU -> `[B, H]`."""
    if module.pooling == "final":
        return graph.node("Reshape", graph.node("Transpose", state, perm=[1, 0, 2]), [-1, module.n_features])
    if module.pooling == "mean":
        return graph.node("ReduceMean", frames, axes=[0], keepdims=0)
    weights = graph.node("Softmax", _add_scores(graph, module.attention, frames), axis=0)
    return graph.node("ReduceSum", graph.node("Mul", weights, frames), [0], keepdims=0)


def _add_scores(graph: Graph, attention: nn.Linear, frames: str) -> str:
    """`[T, B, H]` -> `[T, B, 1]`, the scores that attention gives the frames."""
    arrays = _arrays(attention)
    return graph.node("Add", graph.node("MatMul", frames, arrays["weight"].T), arrays["bias"])


def _add_pooling_of_sounding(graph: Graph, module: CRNN, frames: str, places: np.ndarray, n_sounding: str) -> str:
    """`[T, B, H]` -> `[B, H]`, from the first ``n_sounding`` `[B, 1]` frames; ``places`` `[T, 1, 1]` are 0 to T - 1."""
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
    scores = graph.node("Where", sounds, _add_scores(graph, module.attention, frames), np.float32(UNHEARD))
    return graph.node("ReduceSum", graph.node("Mul", graph.node("Softmax", scores, axis=0), frames), [0], keepdims=0)
