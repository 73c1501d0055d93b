"""One guitar: its strings, the hand that plays it, pickup or body, amplifier, microphone and room.

Every guitar is one draw of all these, made once; the notes of a guitar share them. The ranges are wider than
any one source gives, so that a guitar nobody has modelled lies among them rather than beyond.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from guitarclf.data.synth.string import String

KINDS = ("electric", "steel", "nylon")
KIND_SHARES = (0.5, 0.3, 0.2)
STANDARD_TUNING = (40, 45, 50, 55, 59, 64)  # MIDI, E2 to E4
N_WOUND = {"electric": 3, "steel": 4, "nylon": 3}
SHARE_OF_HARD_PLAYERS = 0.12
T60_RANGE = {"electric": (2.5, 18.0), "steel": (2.0, 11.0), "nylon": (1.2, 6.5)}  # seconds at 110 Hz
LOWPASS_QUALITY_RANGE = {"electric": (0.6, 2.5), "steel": (0.45, 0.9), "nylon": (0.45, 0.9)}


@dataclass(frozen=True)
class Resonance:
    """A mode of a wooden body or a loudspeaker cabinet."""

    frequency: float  # Hz
    quality: float  # centre frequency / bandwidth
    gain: float  # 1 is as loud as the direct sound


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """Return a number between low and high, each octave as likely as the next."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class Hand:
    """How this player plucks: with which attack, where, and how noisily."""

    def __init__(self, rng: Generator):
        self.pick_position = rng.uniform(0.05, 0.3)  # share of the open string, from the bridge
        self.plectrum_hz = log_uniform(rng, 1200, 14000)  # brightness of finger or plectrum
        self.tilt = rng.uniform(0.4, 2.0)  # fall of the partials with their number
        self.pick_noise = 10 ** rng.uniform(-2.4, -0.5)  # level of the scrape, 1 is as loud as the string
        self.thump = 10 ** rng.uniform(-2.4, -0.4)  # level of the knock on bridge and body
        # Share of this player's ordinary notes that are struck so that the noise outdoes the string.
        self.hard_share = rng.uniform(0.1, 0.8) if rng.random() < SHARE_OF_HARD_PLAYERS else 0.0
        # How much louder the knock is against short, light strings; 0 not, 1 with frequency.
        self.light_string = rng.uniform(0.0, 1.0) if rng.random() < 0.06 else 0.0


class Chain:
    """What lies between the string and the recorder."""

    def __init__(self, kind: str, rng: Generator):
        electric = kind == "electric"
        amplified = electric and rng.random() < 0.5
        driven = amplified and rng.random() < 0.6
        self.pickup_position = rng.uniform(0.05, 0.32)  # share of the open string, from the bridge
        self.pickup_depth = rng.uniform(0.3, 1.0) if electric else rng.uniform(0.0, 0.3)  # 0 microphone, 1 magnetic
        self.resonances = _draw_cabinet(rng) if amplified else () if electric else _draw_body(rng)
        self.drive = rng.uniform(0.5, 6.0) if driven else 0.0  # 0 clean; gain into a soft clipper
        self.asymmetry = rng.uniform(0.0, 0.3)  # of the soft clipper: even overtones
        # Tone control, pickup resonance, cabinet; without a quality a first-order low-pass, as of a cable.
        self.lowpass_hz = log_uniform(rng, 2800, 6500) if amplified else log_uniform(rng, 2500, 11000)
        self.lowpass_quality = None if rng.random() < 0.35 else rng.uniform(*LOWPASS_QUALITY_RANGE[kind])
        self.highpass_hz = rng.uniform(25, 140)
        self.compression = rng.uniform(0.2, 0.9) if rng.random() < 0.06 else 0.0  # 1: no decay at all


class Studio:
    """Room, noise and the habits of whoever cut the files: the same for all techniques."""

    def __init__(self, rng: Generator):
        self.floor_db = rng.uniform(-88, -36)  # noise below the loudest note
        self.floor_lowpass_hz = log_uniform(rng, 60, 2000) if rng.random() < 0.6 else None  # None: white
        self.hum_db = rng.uniform(-90, -45) if rng.random() < 0.35 else None
        self.hum_hz = float(rng.choice([50, 60]))
        self.room_t60 = rng.uniform(0.08, 0.6) if rng.random() < 0.35 else None  # seconds
        self.room_level = 10 ** rng.uniform(-1.9, -0.6)  # of the tail relative to the direct sound, amplitude ratio
        self.room_seed = int(rng.integers(2**31))
        self.band_limit_hz = log_uniform(rng, 4500, 10800) if rng.random() < 0.3 else None  # codecs, old samplers
        self.clip_level = rng.uniform(0.5, 0.95) if rng.random() < 0.05 else None  # of the converter, share of the peak
        # Sound may start this long after the labelled onset.
        self.max_late_sec = float(rng.choice([0.012, 0.04, 0.08, 0.2], p=[0.4, 0.25, 0.2, 0.15]))
        self.silent_preroll = bool(rng.random() < 0.5)  # digital silence before the sound
        self.cuts_files = bool(rng.random() < 0.35)  # files are cut and faded after the note
        self.peak = log_uniform(rng, 0.25, 1.0)  # level of the loudest note in the file
        self.loops = bool(rng.random() < 0.06)  # a sampler: a sustained note is a short loop under an envelope


@dataclass(frozen=True)
class Guitar:
    """Everything the notes of one guitar have in common."""

    kind: str  # electric, steel or nylon
    strings: tuple[String, ...]
    hand: Hand
    chain: Chain
    studio: Studio


def draw_guitar(rng: Generator) -> Guitar:
    """Return a guitar nobody has heard before; half are electric, three in ten steel-strung, the rest nylon-strung."""
    kind = str(rng.choice(KINDS, p=KIND_SHARES))
    return Guitar(kind, _draw_strings(kind, rng), Hand(rng), Chain(kind, rng), Studio(rng))


def _draw_strings(kind: str, rng: Generator) -> tuple[String, ...]:
    tuning = rng.normal(0, 0.15) + (rng.integers(-4, 3) if rng.random() < 0.25 else 0)
    wound_b, plain_b = 10 ** rng.uniform(-4.6, -3.6), 10 ** rng.uniform(-5.2, -3.9)
    t60, t60_slope = log_uniform(rng, *T60_RANGE[kind]), rng.uniform(0.0, 0.5)
    per_khz = log_uniform(rng, 0.08, 2.0) * (1.6 if kind == "nylon" else 1.0)
    per_khz2 = log_uniform(rng, 0.003, 0.25)
    strings = []
    for number, open_midi in enumerate(STANDARD_TUNING):
        wound = number < N_WOUND[kind]
        age = log_uniform(rng, 0.8, 1.25)  # strings of a set wear unequally
        strings.append(
            String(
                open_midi=float(open_midi + tuning + rng.normal(0, 0.03)),
                inharmonicity=(wound_b if wound else plain_b) * rng.uniform(0.8, 1.25),
                t60=t60 / age,
                t60_slope=t60_slope,
                loss_per_khz=per_khz * age * (1.2 if wound else 0.9),  # windings rub
                loss_per_khz2=per_khz2 * age,
            )
        )
    return tuple(strings)


def _draw_body(rng: Generator) -> tuple[Resonance, ...]:
    """Air mode, first top mode and a few plate modes (Christensen and Vistisen, JASA 68, 1980).

    Every other body is built otherwise, or heard from where its modes sound otherwise: modes anywhere.
    """
    if rng.random() < 0.5:
        n_modes = rng.integers(2, 7)
        return tuple(Resonance(rng.uniform(80, 650), rng.uniform(8, 40), rng.uniform(0.1, 1.2)) for _ in range(n_modes))
    air = Resonance(rng.uniform(85, 130), rng.uniform(8, 30), rng.uniform(0.1, 1.2))
    top = Resonance(rng.uniform(160, 250), rng.uniform(10, 40), rng.uniform(0.1, 1.2))
    plates = [Resonance(log_uniform(rng, 260, 900), rng.uniform(8, 40), rng.uniform(0.1, 1.0)) for _ in range(3)]
    return (air, top, *plates)


def _draw_cabinet(rng: Generator) -> tuple[Resonance, ...]:
    """A loudspeaker in a box: its own resonance and the break-up of the cone around 3 kHz."""
    speaker = Resonance(rng.uniform(70, 140), rng.uniform(1, 4), rng.uniform(0.1, 1.0))
    presence = Resonance(rng.uniform(1800, 3800), rng.uniform(0.8, 3), rng.uniform(0.1, 1.5))
    return (speaker, presence)
