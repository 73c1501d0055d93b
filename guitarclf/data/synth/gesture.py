"""What the fretting hand does to the pitch: vibrato, bend, slide, hammer-on; and the noises hands make."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from guitarclf.data.synth.guitar import Hand, log_uniform

PitchCurve = tuple[Callable[[np.ndarray], np.ndarray], float | None]  # times -> semitones; when a hammer-on lands
LIGHT_STRING_HZ = 260.0  # above it the string is short and light against the knock of the attack
TENSION_RELAXES_IN = 0.08  # seconds; a hard pluck starts sharp (Fletcher and Rossing 1998, nonlinear strings)


@dataclass(frozen=True)
class NoiseBurst:
    """A short band of decaying noise: pick scrape, knock on the body, squeak of a finger."""

    time: float  # seconds after the pluck
    level: float  # peak, 1 is as loud as the string
    frequency: float  # Hz
    octaves: float  # width of the band
    decay: float  # seconds to fall to 1/e


def draw_pitch_curve(style: str, velocity: float, rng: Generator) -> PitchCurve:
    """Return a function from times in seconds to factors on the frequencies, and when a hammer-on lands, or None.

    The pitch of VI, BE, SL and HO moves; all relax from the pluck, which stretches the string if it is hard
    (``velocity`` 1) and not if it is soft (0). The hammer-on lands that many seconds after the pluck.
    """
    relaxation = rng.uniform(0, 0.004) * velocity
    semitones, strike_time = _CURVES[style](rng) if style in _CURVES else (np.zeros_like, None)

    def pitch_ratio(times: np.ndarray) -> np.ndarray:
        return 2.0 ** (semitones(times) / 12.0) * (1.0 + relaxation * np.exp(-times / TENSION_RELAXES_IN))

    return pitch_ratio, strike_time


def _ramp(times: np.ndarray, start: float, length: float) -> np.ndarray:
    return np.clip((times - start) / length, 0.0, 1.0)


def _draw_vibrato(rng: Generator) -> PitchCurve:
    depth, rate, phase = rng.uniform(0.1, 0.6), rng.uniform(3.5, 7.0), rng.uniform(0, 2 * np.pi)
    delay = rng.uniform(0, 0.3)
    return lambda times: depth * np.sin(2 * np.pi * rate * times + phase) * _ramp(times, delay, 0.2), None


def _draw_bend(rng: Generator) -> PitchCurve:
    height = float(rng.choice([-1, 0.5, 1, 2, 2, 3]))  # a released bend falls
    start, length = rng.uniform(0.02, 0.4), rng.uniform(0.05, 0.4)
    return lambda times: height * (0.5 - 0.5 * np.cos(np.pi * _ramp(times, start, length))), None


def _draw_slide(rng: Generator) -> PitchCurve:
    n_frets = int(rng.choice([-5, -3, -2, 2, 3, 5]))
    start, length = rng.uniform(0.02, 0.4), rng.uniform(0.05, 0.3)
    return lambda times: np.round(n_frets * _ramp(times, start, length)), None  # the frets make it a staircase


def _draw_hammer_on(rng: Generator) -> PitchCurve:
    if rng.random() < 0.4:  # hammered from nowhere: the left hand alone sounds the note
        return np.zeros_like, None
    n_frets, strike_time = int(rng.choice([-3, -2, -1, 1, 2, 3])), rng.uniform(0.08, 0.4)
    return lambda times: n_frets * (times >= strike_time), strike_time


_CURVES = {"VI": _draw_vibrato, "BE": _draw_bend, "SL": _draw_slide, "HO": _draw_hammer_on}


def draw_attack_noises(
    hand: Hand, kind: str, label: str, fundamental: float, rng: Generator
) -> tuple[NoiseBurst, NoiseBurst]:
    """Return the pick's scrape and the knock on bridge and body at the start of a note.

    A dead note is mostly these noises; a harmonic is plucked harder for the sound it gives; hard players strike
    ordinary notes so that they sound like either for their first 50 ms. The higher an ordinary note (``fundamental``
    in Hz), the shorter and lighter the string that must outdo the knock. A solid body (``kind``) knocks less.
    """
    scrape, knock = hand.pick_noise * 10 ** rng.uniform(-0.5, 0.4), hand.thump * 10 ** rng.uniform(-0.5, 0.4)
    slowest = 0.02
    if label == "harmonic":
        scrape, knock = scrape * rng.uniform(1, 4), knock * rng.uniform(1, 4)
    elif label == "dead_note":
        scrape, knock, slowest = 10 ** rng.uniform(-1.3, 0.0), 10 ** rng.uniform(-1.2, 0.1), 0.05
    else:
        knock *= max(1.0, fundamental / LIGHT_STRING_HZ) ** (hand.light_string * rng.uniform(0.5, 1))
        if rng.random() < hand.hard_share:
            force = 10 ** rng.uniform(0.0, 0.9)
            scrape, knock = scrape * force, knock * force * 10 ** rng.uniform(-0.4, 0.4)
    knock *= 0.6 if kind == "electric" else 1.0
    quickest = 0.003 if label == "dead_note" else 0.0015
    frequency, octaves, decay = log_uniform(rng, 600, 7000), rng.uniform(1, 3), log_uniform(rng, quickest, slowest)
    scraping = NoiseBurst(0.0, min(scrape, 1.2), frequency, octaves, decay)
    frequency, octaves, decay = log_uniform(rng, 70, 500), rng.uniform(0.6, 2), rng.uniform(0.008, 0.07)
    return scraping, NoiseBurst(0.0, min(knock, 1.2), frequency, octaves, decay)


def draw_later_noises(strike_time: float | None, rng: Generator) -> tuple[NoiseBurst, ...]:
    """Return the noises after the attack: a hammering finger, and in a quarter of all notes some handling."""
    bursts = []
    if strike_time is not None:
        level, frequency = 10 ** rng.uniform(-2.0, -0.6), log_uniform(rng, 150, 2500)
        bursts.append(NoiseBurst(strike_time, level, frequency, rng.uniform(1, 3), rng.uniform(0.003, 0.03)))
    if rng.random() < 0.25:
        level, frequency = 10 ** rng.uniform(-3.0, -1.2), log_uniform(rng, 200, 5000)
        bursts.append(NoiseBurst(rng.uniform(0.05, 0.9), level, frequency, 2.0, rng.uniform(0.003, 0.02)))
    return tuple(bursts)
