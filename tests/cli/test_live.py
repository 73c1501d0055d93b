"""guitarclf annotate of a stream that Ctrl-C ends: in order the first time, at once the second."""

import io
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from notes import RATE, decaying_sine
from portaudio import N_BLOCKS

from guitarclf.cli import main
from guitarclf.cli.live import Interruption
from guitarclf.timeline.stream import Listener

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
ONSETS = (0.5, 1.1, 1.9)
RAW = ("annotate", "-", "--raw", f"s16le,{RATE},1")


@pytest.fixture(autouse=True)
def ctrl_c():
    """Let Ctrl-C interrupt: where tests run in the background of a shell it is ignored, also by what they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def lick() -> bytes:
    """Return 2.9 s of three notes, the last of which has not been over for long enough to be answered."""
    sound = np.zeros(round(2.9 * RATE), dtype=np.float32)
    for number, onset in enumerate(ONSETS):
        start = round(onset * RATE)
        sound[start : start + RATE // 2] += decaying_sine(196.0 * 1.3**number, 0.5, sample_rate=RATE, decay=0.08)
    return (sound * 2**15).astype("<i2").tobytes()


def require_all_events(output: str) -> None:
    """Assert that a table has all notes of the lick."""
    np.testing.assert_allclose(pd.read_csv(io.StringIO(output))["onset_sec"], ONSETS, atol=0.02)


def test_ctrl_c_while_a_pipe_is_waited_for_ends_it_in_order():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-m", "guitarclf", *RAW], **pipes) as process:
        process.stdin.write(lick())
        process.stdin.flush()
        heard = [process.stdout.readline() for _ in range(3)]  # the header, and the two whose windows are over
        process.send_signal(signal.SIGINT)
        try:
            rest, told = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 0, told
    require_all_events(b"".join([*heard, rest]).decode())
    assert told == b"3 events\n"


def test_ctrl_c_while_an_event_is_classified_loses_none(monkeypatch):
    really, calls = Listener._heard, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return really(*arguments)

    monkeypatch.setattr(Listener, "_heard", interrupted)
    silence = bytes(20 * RATE)  # it is not listened to
    told = CliRunner().invoke(main, RAW, input=lick() + silence)
    assert told.exit_code == 0, told.output
    require_all_events(told.stdout)
    assert pd.read_csv(io.StringIO(told.stdout))["offset_sec"].max() < 2.3  # where the stream ended


def test_an_input_device_is_heard_until_ctrl_c(sounddevice):
    note = np.zeros(14400, dtype=np.float32)  # three blocks
    note[2400:9600] = decaying_sine(220.0, 0.15, sample_rate=48000, decay=0.05)

    def sound(stream, number):
        if number == N_BLOCKS - 1:  # while the next one, which does not come, is waited for
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        return np.split(note, N_BLOCKS)[number][:, None]

    sounddevice.InputStream.sound = sound
    told = CliRunner().invoke(main, ["annotate", "--input-device", "default"])
    assert told.exit_code == 0, told.output
    row = pd.read_csv(io.StringIO(told.stdout)).iloc[0]
    assert row["onset_sec"] == pytest.approx(0.05, abs=0.02)
    assert row["offset_sec"] == pytest.approx(0.3)
    assert told.stderr == "listening at 48000 Hz; Ctrl-C ends it\n1 event\n"
    assert sounddevice.InputStream.latest.is_closed


def test_a_device_that_lost_sound_is_told_after_what_was_heard(sounddevice):
    sounddevice.InputStream.status = "input overflow"
    sounds = (0.0, decaying_sine(220.0, 0.1, sample_rate=48000)[:, None], 0.0)
    sounddevice.InputStream.sound = lambda stream, number: sounds[number]
    told = CliRunner().invoke(main, ["annotate", "--input-device", "1"])
    assert told.exit_code == 1
    assert len(pd.read_csv(io.StringIO(told.stdout))) == 1
    assert "without gaps. input overflow" in told.stderr


def test_no_block_is_asked_for_after_ctrl_c_and_the_handler_before_comes_back():
    before, given = signal.getsignal(signal.SIGINT), iter(range(5))
    with Interruption() as interruption:
        blocks = interruption.ending(given)
        assert next(blocks) == 0
        signal.raise_signal(signal.SIGINT)
        assert list(blocks) == []
    assert next(given) == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_ends_at_once():
    script = (
        "import signal; from guitarclf.cli.live import Interruption\n"
        "with Interruption():\n    for _ in range(2): signal.raise_signal(signal.SIGINT)\n"
        "print('it went on')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (130, b"")


def test_where_ctrl_c_is_ignored_it_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            signal.raise_signal(signal.SIGINT)
            assert list(interruption.ending(range(3))) == [0, 1, 2]
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
