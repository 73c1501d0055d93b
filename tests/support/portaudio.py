"""A stand-in for sounddevice: machines that test have no input device."""

from types import ModuleType

import numpy as np

N_BLOCKS = 3


class PortAudioError(Exception):
    """What sounddevice raises."""


class InputStream:
    """A stream that brings N_BLOCKS blocks when it is opened, the last with a status, and then waits."""

    status = ""

    def __init__(self, *, samplerate, blocksize, device, channels, dtype, callback):
        assert dtype == "float32"
        self.asked, self.callback = (samplerate, blocksize, device, channels), callback
        type(self).latest = self

    def sound(self, number: int) -> np.ndarray | float:
        """Return the samples of a block, `[n_samples, n_channels]`, or what all of them are."""
        return number

    def __enter__(self):
        block = np.zeros((self.asked[1], self.asked[3]), dtype=np.float32)
        for number in range(N_BLOCKS):
            block[:] = self.sound(number)  # the same array again, as PortAudio's buffer is
            self.callback(block, len(block), None, self.status if number == N_BLOCKS - 1 else "")
        return self

    def __exit__(self, *exception):
        self.is_closed = True


def stand_in() -> ModuleType:
    """Return a module that is used as sounddevice is, with a class of streams of its own; no device is called none."""
    module = ModuleType("sounddevice")
    module.PortAudioError, module.InputStream = PortAudioError, type("Stream", (InputStream,), {})

    def query_devices(device, kind):
        assert kind == "input"
        if device == "none":
            raise ValueError("No input device matching 'none'")
        return {"default_samplerate": 48000.0, "max_input_channels": 8}

    module.query_devices = query_devices
    return module
