"""What the fretting hand does to the pitch: vibrato, bend, slide, hammer-on; and the noises hands make."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from guitarclf.data.synth.guitar import log_uniform

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


def draw_pitch_curve(style, velocity, rng):
    """Return how the pitch moves during a note, and when a second finger strikes the string.

    Parameters
    ----------
    style : str
        IDMT code; VI, BE, SL and HO move, the others only relax from the pluck.
    velocity : float
        0 soft to 1 hard; a hard pluck stretches the string.
    rng : numpy.random.Generator

    Returns
    -------
    pitch_ratio : callable
        Times in seconds (ndarray) -> factor on the frequencies (ndarray).
    strike_time : float or None
        Seconds after the pluck at which a hammer-on lands.
    """
    relaxation = rng.uniform(0, 0.004) * velocity
    semitones, strike_time = _CURVES.get(style, _draw_steady)(rng)

    def pitch_ratio(times):
        return 2.0 ** (semitones(times) / 12.0) * (1.0 + relaxation * np.exp(-times / TENSION_RELAXES_IN))

    return pitch_ratio, strike_time


SemitoneCurve = tuple[Callable, float | None]


def _ramp(times, start, length):
    return np.clip((times - start) / length, 0.0, 1.0)


def _draw_steady(rng) -> SemitoneCurve:
    return np.zeros_like, None


def _draw_vibrato(rng) -> SemitoneCurve:
    depth, rate, phase = rng.uniform(0.1, 0.6), rng.uniform(3.5, 7.0), rng.uniform(0, 2 * np.pi)
    delay = rng.uniform(0, 0.3)

    def semitones(times):
        return depth * np.sin(2 * np.pi * rate * times + phase) * _ramp(times, delay, 0.2)

    return semitones, None


def _draw_bend(rng) -> SemitoneCurve:
    height = float(rng.choice([-1, 0.5, 1, 2, 2, 3]))  # a released bend falls
    start, length = rng.uniform(0.02, 0.4), rng.uniform(0.05, 0.4)

    def semitones(times):
        return height * (0.5 - 0.5 * np.cos(np.pi * _ramp(times, start, length)))

    return semitones, None


def _draw_slide(rng) -> SemitoneCurve:
    n_frets = int(rng.choice([-5, -3, -2, 2, 3, 5]))
    start, length = rng.uniform(0.02, 0.4), rng.uniform(0.05, 0.3)

    def semitones(times):
        return np.round(n_frets * _ramp(times, start, length))  # the frets make it a staircase

    return semitones, None


def _draw_hammer_on(rng) -> SemitoneCurve:
    if rng.random() < 0.4:  # hammered from nowhere: the left hand alone sounds the note
        return np.zeros_like, None
    n_frets, strike_time = int(rng.choice([-3, -2, -1, 1, 2, 3])), rng.uniform(0.08, 0.4)

    def semitones(times):
        return n_frets * (times >= strike_time)

    return semitones, strike_time


_CURVES = {"VI": _draw_vibrato, "BE": _draw_bend, "SL": _draw_slide, "HO": _draw_hammer_on}


def draw_attack_noises(hand, kind, label, fundamental, rng):
    """Return the pick's scrape and the knock on bridge and body at the start of a note.

    Parameters
    ----------
    hand : Hand
        Its habits.
    kind : str
        Kind of guitar: a solid body knocks less.
    label : str
        A dead note is mostly these noises; a harmonic is plucked harder for the sound it gives; hard players
        strike ordinary notes so that they sound like either for their first 50 ms.
    fundamental : float
        Hz. The higher an ordinary note, the shorter and lighter the string that must outdo the knock.
    rng : numpy.random.Generator

    Returns
    -------
    bursts : tuple of NoiseBurst
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
    return (
        NoiseBurst(
            time=0.0,
            level=min(scrape, 1.2),
            frequency=log_uniform(rng, 600, 7000),
            octaves=rng.uniform(1, 3),
            decay=log_uniform(rng, 0.0015 if label != "dead_note" else 0.003, slowest),
        ),
        NoiseBurst(
            time=0.0,
            level=min(knock, 1.2),
            frequency=log_uniform(rng, 70, 500),
            octaves=rng.uniform(0.6, 2),
            decay=rng.uniform(0.008, 0.07),
        ),
    )


def draw_later_noises(strike_time, rng):
    """Return the noises after the attack: a hammering finger, and in a quarter of all notes some handling."""
    bursts = []
    if strike_time is not None:
        level, frequency = 10 ** rng.uniform(-2.0, -0.6), log_uniform(rng, 150, 2500)
        bursts.append(NoiseBurst(strike_time, level, frequency, rng.uniform(1, 3), rng.uniform(0.003, 0.03)))
    if rng.random() < 0.25:
        level, frequency = 10 ** rng.uniform(-3.0, -1.2), log_uniform(rng, 200, 5000)
        bursts.append(NoiseBurst(rng.uniform(0.05, 0.9), level, frequency, 2.0, rng.uniform(0.003, 0.02)))
    return tuple(bursts)
