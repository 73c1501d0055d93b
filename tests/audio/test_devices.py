"""Sound from an input device, with a stand-in for sounddevice: machines that test have none."""

import sys
from types import ModuleType

import numpy as np
import pytest

from guitarclf.audio.devices import open_device
from guitarclf.errors import AudioReadError, ParameterError


class PortAudioError(Exception):
    """What sounddevice raises."""


class InputStream:
    """A stream that brings three blocks when it is opened, the last with a status."""

    status = ""

    def __init__(self, *, samplerate, blocksize, device, channels, dtype, callback):
        assert dtype == "float32"
        self.asked, self.callback = (samplerate, blocksize, device, channels), callback
        InputStream.latest = self

    def __enter__(self):
        block = np.zeros((self.asked[1], self.asked[3]), dtype=np.float32)
        for number in range(3):
            block[:] = number  # the same array again, as PortAudio's buffer is
            self.callback(block, len(block), None, self.status if number == 2 else "")
        return self

    def __exit__(self, *exception):
        self.is_closed = True


@pytest.fixture
def sounddevice(monkeypatch):
    module = ModuleType("sounddevice")
    module.PortAudioError, module.InputStream = PortAudioError, type("Stream", (InputStream,), {})

    def query_devices(device, kind):
        assert kind == "input"
        if device == "none":
            raise ValueError("No input device matching 'none'")
        return {"default_samplerate": 48000.0, "max_input_channels": 8}

    module.query_devices = query_devices
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def test_a_device_is_heard_at_its_own_rate_in_tenths_of_a_second(sounddevice):
    rate, blocks = open_device("2")
    assert rate == 48000
    assert InputStream.latest.asked == (48000, 4800, 2, 2)
    heard = [next(blocks) for _ in range(3)]
    assert [block[0, 0] for block in heard] == [0, 1, 2]
    blocks.close()
    assert InputStream.latest.is_closed


def test_sound_that_was_lost_is_an_error(sounddevice):
    sounddevice.InputStream.status = "input overflow"
    _, blocks = open_device()
    with pytest.raises(AudioReadError, match=r"without gaps\. input overflow"):
        list(blocks)


def test_a_device_that_is_not_there_is_an_error(sounddevice):
    with pytest.raises(AudioReadError, match=r"Got 'none'\. No input device matching"):
        open_device("none")


def test_without_sounddevice_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ParameterError, match=r"Install guitarclf\[live\], or pipe"):
        open_device()
