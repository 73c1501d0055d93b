"""The ONNX nodes from waveform to log-mel: level, frames, DFT as a matrix product, mel bands, compression."""

import numpy as np

from guitarclf.audio import mel
from guitarclf.audio.mono import LEAST_DC, SILENT
from guitarclf.onnx.graph import Graph

DB_PER_NEPER = 10 / np.log(10)  # of power


def add_sound(graph: Graph, value: str, n_samples: int, normalize: str, settings: dict) -> str:
    """`[B, n_samples]` -> `[B, C, F, T]`, equal to heard, set_level and log_mel_channels but for float32 rounding.

    ``settings`` are the keywords of :func:`guitarclf.audio.mel.log_mel_channels`.
    """
    n_fft, hop_length = settings["n_fft"], settings["hop_length"]
    n_frames = 1 + n_samples // hop_length
    x = graph.node("Pad", _add_level(graph, _add_heard(graph, value), normalize), [0, n_fft // 2, 0, n_fft // 2])
    starts = hop_length * np.arange(n_frames)[:, None]
    power = _add_power(graph, x, starts, n_fft)
    names = ("sample_rate", "n_fft", "n_mels", "fmin", "fmax")
    bands = graph.node("MatMul", power, mel.mel_filters(*(settings[name] for name in names)))
    spectrogram = _add_compression(graph, graph.node("Transpose", bands, perm=[0, 2, 1]), settings)
    channels = [spectrogram]
    for name in settings["extra_channels"]:
        if name == "rms":
            channels.append(_add_rms(graph, x, starts, settings))
        elif name == "sounding":  # a waveform has no offset
            ones = np.ones((1, settings["n_mels"], n_frames), dtype=np.float32)
            channels.append(graph.node("Expand", ones, graph.node("Shape", spectrogram)))
        else:
            channels.append(graph.node("MatMul", spectrogram, mel.delta_matrix(n_frames)))
    channels = [graph.node("Unsqueeze", channel, [1]) for channel in channels]
    return graph.node("Concat", *channels, axis=1) if len(channels) > 1 else channels[0]


def _add_heard(graph: Graph, x: str) -> str:
    """Add what heard does to mono: remove DC up to the last sample that is not zero, and what is left of it."""
    magnitude = graph.node("Abs", x)
    is_sound = graph.node("Greater", graph.node("CumSum", magnitude, 1, reverse=1), np.float32(0))
    n_sound = graph.node("ReduceSum", graph.node("Where", is_sound, np.float32(1), np.float32(0)), [1], keepdims=1)
    mean = graph.node("Div", graph.node("ReduceSum", x, [1], keepdims=1), graph.node("Max", n_sound, np.float32(1)))
    centred = graph.node("Where", is_sound, graph.node("Sub", x, mean), np.float32(0))
    left = graph.node("ReduceMax", graph.node("Abs", centred), axes=[1], keepdims=1)
    peak = graph.node("ReduceMax", magnitude, axes=[1], keepdims=1)
    is_left = graph.node("Greater", left, graph.node("Mul", peak, np.float32(SILENT)))
    centred = graph.node("Where", is_left, centred, np.float32(0))
    least = graph.node("Mul", peak, np.float32(LEAST_DC))
    is_dc = graph.node("Greater", graph.node("Abs", graph.node("ReduceMean", x, axes=[1], keepdims=1)), least)
    return graph.node("Where", is_dc, centred, x)


def _add_level(graph: Graph, x: str, normalize: str) -> str:
    """Add what set_level does; silence is divided by 1."""
    if normalize == "none":
        return x
    if normalize == "peak":
        level = graph.node("ReduceMax", graph.node("Abs", x), axes=[1], keepdims=1)
    else:
        level = graph.node("Sqrt", graph.node("ReduceMean", graph.node("Mul", x, x), axes=[1], keepdims=1))
    is_sound = graph.node("Greater", level, np.float32(0))
    return graph.node("Div", x, graph.node("Where", is_sound, level, np.float32(1)))


def _add_power(graph: Graph, x: str, starts: np.ndarray, n_fft: int) -> str:
    """`[B, n_samples + n_fft]` -> `[B, T, bins]` power.

    The Hann window is symmetric and 0 at the first sample. So frames are folded in half: sums of mirrored samples
    give the real part, differences the imaginary part, with half the multiplications.
    """
    samples = np.arange(1, n_fft // 2 + 1)
    ahead, mirrored = (graph.node("Gather", x, starts + place, axis=1) for place in (samples, n_fft - samples))
    phase = 2 * np.pi * (np.outer(samples, np.arange(1 + n_fft // 2)) % n_fft) / n_fft
    window = mel.hann(n_fft)[samples] * np.where(samples == n_fft // 2, 0.5, 1)  # the middle is its own mirror
    real = graph.node("MatMul", graph.node("Add", ahead, mirrored), window[:, None] * np.cos(phase))
    imaginary = graph.node("MatMul", graph.node("Sub", ahead, mirrored), window[:, None] * np.sin(phase))
    return graph.node("Add", graph.node("Mul", real, real), graph.node("Mul", imaginary, imaginary))


def _add_decibels(graph: Graph, power: str) -> str:
    return graph.node("Mul", graph.node("Log", graph.node("Max", power, np.float32(mel.AMIN))), DB_PER_NEPER)


def _add_compression(graph: Graph, power: str, settings: dict) -> str:
    if settings["compression"] == "log1p":
        return graph.node("Log", graph.node("Add", graph.node("Mul", power, settings["log1p_alpha"]), np.float32(1)))
    decibels = _add_decibels(graph, power)
    if settings["top_db"] is None:
        return decibels
    loudest = graph.node("ReduceMax", decibels, axes=[1, 2], keepdims=1)
    return graph.node("Max", decibels, graph.node("Sub", loudest, np.float32(settings["top_db"])))


def _add_rms(graph: Graph, x: str, starts: np.ndarray, settings: dict) -> str:
    """`[B, n_samples + n_fft]` -> `[B, F, T]`, the root mean square of each frame in dB, the same in every band."""
    frames = graph.node("Gather", x, starts + np.arange(settings["n_fft"]), axis=1)
    mean = graph.node("ReduceMean", graph.node("Mul", frames, frames), axes=[2], keepdims=0)
    decibels = graph.node("Unsqueeze", _add_decibels(graph, mean), [1])
    return graph.node("Add", decibels, np.zeros((1, settings["n_mels"], 1), dtype=np.float32))
