"""The techniques: how a harmonic, a dead note or an ordinary note is plucked, touched and stopped.

The styles are those of IDMT-SMT-GUITAR (Kehling et al., DAFx 2014): HA harmonics, DN dead notes, and of the
general notes NO normal, PM palm mute, ST staccato, VI vibrato, BE bend, SL slide, HO hammer-on.
All differ only by where, how widely and how long the string is touched (string.touch_damping) and by their
gestures, so that the classes overlap as they do in life.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from guitarclf.data.synth.damping import Losses, add_second_plane, damp, draw_free_losses
from guitarclf.data.synth.gesture import NoiseBurst, draw_attack_noises, draw_later_noises, draw_pitch_curve
from guitarclf.data.synth.guitar import Guitar, log_uniform
from guitarclf.data.synth.string import PARTIAL_NUMBERS, Position, midi_to_hz, partial_frequencies, pluck_amplitudes

GENERAL_STYLES = {"NO": 0.54, "PM": 0.11, "ST": 0.11, "VI": 0.06, "BE": 0.06, "SL": 0.05, "HO": 0.07}
NODE_SHARES = {2: 0.42, 3: 0.27, 4: 0.18, 5: 0.09, 6: 0.04}  # share of harmonics at the node 1/k
HARMONIC_RANGE = (52, 93)  # MIDI; half of the ordinary notes are played where harmonics sound
SHARE_SOFT = 0.04  # of the ordinary notes: few partials, as sparse as a harmonic
N_FRETS = 27  # samplers play higher than fingers


@dataclass(frozen=True)
class Pluck:
    """One played note, ready to be rendered at any sample rate."""

    label: str
    style: str
    pitch_midi: int
    frequencies: np.ndarray
    amplitudes: np.ndarray
    phases: np.ndarray
    losses: Losses
    pitch_ratio: Callable[[np.ndarray], np.ndarray]
    string_level: float  # peak of the string, the noise bursts have theirs
    bursts: tuple[NoiseBurst, ...]


def draw_pluck(guitar: Guitar, label: str, rng: Generator) -> Pluck:
    """Return one note of a guitar: its partials, losses, gesture and noises.

    No draw depends on a sample rate, so a note is the same note at every rate.
    """
    style = {"harmonic": "HA", "dead_note": "DN"}.get(label) or _choose(rng, GENERAL_STYLES)
    position, node = _draw_position(guitar, label, rng)
    fundamental = midi_to_hz(position.string.open_midi + position.fret + rng.normal(0, 0.06))
    velocity = rng.random()
    inharmonicity = position.string.inharmonicity * rng.uniform(0.8, 1.25) / position.length**2
    frequencies = partial_frequencies(fundamental, inharmonicity)
    amplitudes = _draw_amplitudes(guitar, style, position, frequencies, velocity, rng)
    free = draw_free_losses(frequencies, position, rng)
    amplitudes, losses = damp(style, amplitudes, free, node, position, guitar.studio.loops, rng)
    frequencies, amplitudes, losses = add_second_plane(frequencies, amplitudes, losses, rng)
    pitch_ratio, strike_time = draw_pitch_curve(style, velocity, rng)
    attack = draw_attack_noises(guitar.hand, guitar.kind, label, fundamental, rng)
    spread = 2 * np.pi if rng.random() >= 0.5 else 0.0  # mixed as after a long cable and a room, or all alike
    phases = rng.uniform(0, 2 * np.pi) + rng.uniform(0, 1, len(frequencies)) * spread
    return Pluck(
        label=label,
        style=style,
        pitch_midi=-1 if label == "dead_note" else round(69 + 12 * np.log2(fundamental * node / 440.0)),
        frequencies=frequencies,
        amplitudes=amplitudes,
        phases=phases,
        losses=losses,
        pitch_ratio=pitch_ratio,
        string_level=rng.random() ** 1.5 if label == "dead_note" else 1.0,
        bursts=attack + draw_later_noises(strike_time, rng),
    )


def _choose(rng: Generator, shares: dict[Any, float]) -> Any:
    return list(shares)[rng.choice(len(shares), p=list(shares.values()))]


def _draw_position(guitar: Guitar, label: str, rng: Generator) -> tuple[Position, int]:
    """Return where a note is stopped, and the k of the node 1/k that it is touched at; 1 for an untouched one."""
    node = _choose(rng, NODE_SHARES) if label == "harmonic" else 1
    string = guitar.strings[rng.integers(len(guitar.strings))]
    if label == "harmonic":
        artificial = rng.random() < 0.2
        if artificial and rng.random() < 0.8:
            node = 2  # stopped with one hand, touched an octave above with the other
        return Position(string, int(rng.integers(1, 13)) if artificial else 0), node
    if label == "general_note" and rng.random() < 0.5:
        return _position_in_harmonic_range(guitar, rng), node
    return Position(string, int(rng.integers(0, 14 if label == "dead_note" else 16))), node


def _position_in_harmonic_range(guitar: Guitar, rng: Generator) -> Position:
    midi = rng.uniform(*HARMONIC_RANGE)
    frets = [round(midi - string.open_midi) for string in guitar.strings]
    playable = [index for index, fret in enumerate(frets) if 0 <= fret <= N_FRETS]
    index = rng.choice(playable) if playable else len(frets) - 1
    return Position(guitar.strings[index], int(np.clip(frets[index], 0, N_FRETS)))


def _draw_amplitudes(
    guitar: Guitar, style: str, position: Position, frequencies: np.ndarray, velocity: float, rng: Generator
) -> np.ndarray:
    hand, chain = guitar.hand, guitar.chain
    pick_position = hand.pick_position * rng.uniform(0.6, 1.5)
    if style == "HA" and rng.random() < 0.7:
        pick_position = rng.uniform(0.04, 0.2)  # players move to the bridge, where high modes are strong
    brightness = 2 ** ((velocity - 0.5) * 1.5) * rng.uniform(0.8, 1.25)
    amplitudes = pluck_amplitudes(
        frequencies,
        pick_position=np.clip(pick_position / position.length, 0.02, 0.49),
        pickup_position=chain.pickup_position / position.length,
        pickup_depth=chain.pickup_depth,
        tilt=hand.tilt,
        plectrum_hz=hand.plectrum_hz * brightness,
    )
    amplitudes = amplitudes * 10 ** rng.normal(0, 0.18, len(frequencies))  # the body passes each mode differently
    if style == "HO":  # a finger is softer than a plectrum
        amplitudes = amplitudes * np.exp(-frequencies / rng.uniform(1500, 6000))
    if style in GENERAL_STYLES and rng.random() < SHARE_SOFT:
        amplitudes = amplitudes * np.exp(-(PARTIAL_NUMBERS - 1) / log_uniform(rng, 0.5, 5.0))
    return amplitudes
