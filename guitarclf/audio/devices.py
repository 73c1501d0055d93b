"""Sound from an input of this machine, by sounddevice (extra ``live``)."""

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np

from guitarclf.errors import AudioReadError, ParameterError

BLOCK_SEC = 0.1  # of sound that comes at once


def open_device(name: str | None = None) -> tuple[int, Iterator[np.ndarray]]:
    """Return the rate of an input device in Hz, and its sound as it comes: float32 `[n_samples, n_channels]`.

    Parameters
    ----------
    name : str, optional
        Its number or a part of its name, as ``python -m sounddevice`` lists them. None is the system's default.

    Raises
    ------
    ParameterError
        If sounddevice is not installed.
    AudioReadError
        If there is no such device or it cannot be opened; while it is listened to, if sound was lost.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the library PortAudio is missing
        raise ParameterError(
            "Listening to a device needs the package sounddevice and the library PortAudio. "
            f"{error}. Install guitarclf[live], or pipe: arecord ... | guitarclf annotate - --raw s16le,44100,1"
        ) from error
    device = int(name) if name is not None and name.isdecimal() else name
    try:
        found = sounddevice.query_devices(device, "input")
        rate, channels = int(found["default_samplerate"]), min(2, found["max_input_channels"])
        heard: queue.SimpleQueue = queue.SimpleQueue()
        stream = sounddevice.InputStream(
            samplerate=rate,
            blocksize=round(BLOCK_SEC * rate),
            device=device,
            channels=channels,
            dtype="float32",
            callback=lambda samples, frames, time, status: heard.put((samples.copy(), status)),
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        told = "the default input" if name is None else repr(name)
        raise AudioReadError(
            f"An input device must be one that can be opened. Got {told}. {error}. `python -m sounddevice` lists them."
        ) from error
    return rate, _blocks(stream, heard)


def _blocks(stream: Any, heard: queue.SimpleQueue) -> Iterator[np.ndarray]:
    """Yield what the thread of a stream puts into a queue."""
    with stream:
        while True:
            samples, status = heard.get()
            if status:
                raise AudioReadError(f"The input device must be heard without gaps. {status}. Close other programs.")
            yield samples
