"""Sound from an input device, with a stand-in for sounddevice: machines that test have none."""

import sys

import pytest

from guitarclf.audio.devices import open_device
from guitarclf.errors import AudioReadError, ParameterError


def test_a_device_is_heard_at_its_own_rate_in_tenths_of_a_second(sounddevice):
    rate, blocks = open_device("2")
    assert rate == 48000
    assert sounddevice.InputStream.latest.asked == (48000, 4800, 2, 2)
    heard = [next(blocks) for _ in range(3)]
    assert [block[0, 0] for block in heard] == [0, 1, 2]
    blocks.close()
    assert sounddevice.InputStream.latest.is_closed


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
