"""How a note dies: what the string loses by itself, and what fingers, palms and nodes take from it."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from guitarclf.data.synth.guitar import log_uniform
from guitarclf.data.synth.string import (
    MAX_PARTIALS,
    PARTIAL_NUMBERS,
    Position,
    String,
    string_losses,
    touch_damping,
)

SHARE_STOPPED = 0.1  # of the notes that would ring on
N_TWO_PLANES = 10  # partials of which the second plane of vibration is heard


@dataclass(frozen=True)
class Losses:
    """Decay rates in 1/s, one row per stretch of time, and the seconds at which the next row takes over."""

    rates: np.ndarray  # [n_segments, n_partials]
    segment_ends: tuple[float, ...]


def draw_free_losses(frequencies: np.ndarray, string: String, position: Position, rng: Generator) -> np.ndarray:
    """Return the decay rates of a string that nobody touches any more, in 1/s a partial."""
    losses = string_losses(frequencies, string) * log_uniform(rng, 0.7, 1.4)
    fingertip = log_uniform(rng, 1.0, 1.5)
    if position.fret > 0:  # flesh takes its part: stopped strings ring less long than open ones
        losses = losses * fingertip
    return losses * 10 ** rng.normal(0, 0.1, MAX_PARTIALS)  # no support swallows all modes alike


def damp(
    style: str, amplitudes: np.ndarray, free: np.ndarray, node: int, position: Position, loops: bool, rng: Generator
) -> tuple[np.ndarray, Losses]:
    """Return a style's amplitudes and Losses: how it is touched, looped by a sampler, or stopped."""
    if style == "HA":
        amplitudes, losses = _touch_at_node(amplitudes, free, node, position, rng)
    else:
        losses = _DAMPINGS.get(style, _ring)(free, rng)
    if loops and style not in _DAMPINGS:
        losses = _loop(losses, log_uniform(rng, 0.1, 0.8), rng.uniform(0, 5))
    if style not in _DAMPINGS and rng.random() < SHARE_STOPPED:
        losses = _stop(losses, rng.uniform(0.3, 1.0), rng.uniform(8, 80))
    return amplitudes, losses


def _touch_at_node(
    amplitudes: np.ndarray, losses: np.ndarray, node: int, position: Position, rng: Generator
) -> tuple[np.ndarray, Losses]:
    """A fingertip rests on the node 1/k for a moment: multiples of k ring on, the others thump and die."""
    others = PARTIAL_NUMBERS % node != 0
    fraction = rng.choice([1, node - 1]) if node <= 5 else 1
    place = fraction / node + rng.normal(0, 0.002)
    width = rng.uniform(0.006, 0.035) / position.length
    strength, held_for = log_uniform(rng, 40, 600), log_uniform(rng, 0.025, 0.25)
    touched = losses + strength * touch_damping(place, width)
    touched = np.where(others, np.maximum(touched, 0.25 * strength), touched)
    afterwards = np.where(others, losses + rng.uniform(10, 80), losses * rng.uniform(0.75, 1.1))
    amplitudes = np.where(others, amplitudes * 10 ** rng.uniform(-1.2, 0.2), amplitudes)
    return amplitudes, Losses(np.stack([touched, afterwards]), (held_for,))


def _deaden(losses: np.ndarray, rng: Generator) -> Losses:
    """The fretting hand lies on the string without pressing it down; near a node a trace of pitch remains."""
    strength = log_uniform(rng, 35, 400)
    damped = losses + strength * (0.25 + touch_damping(rng.uniform(0.08, 0.5), rng.uniform(0.02, 0.2)))
    if rng.random() < 0.3:
        spared = PARTIAL_NUMBERS % rng.integers(2, 6) == 0
        damped = np.where(spared, damped * rng.uniform(0.35, 1.0), damped)
    return Losses(damped[None], ())


def _palm_mute(losses: np.ndarray, rng: Generator) -> Losses:
    """The heel of the plucking hand rests beside the bridge: pitch stays, brightness and length go."""
    strength = log_uniform(rng, 5, 60)
    damped = losses + strength * (0.25 + touch_damping(rng.uniform(0.01, 0.06), 0.03))
    return Losses(damped[None], ())


def _staccato(losses: np.ndarray, rng: Generator) -> Losses:
    return _stop(_ring(losses, rng), log_uniform(rng, 0.05, 0.5), rng.uniform(25, 200))


def _ring(losses: np.ndarray, rng: Generator) -> Losses:
    return Losses(losses[None], ())


_DAMPINGS = {"DN": _deaden, "PM": _palm_mute, "ST": _staccato}


def _stop(losses: Losses, time: float, extra_rate: float) -> Losses:
    """From `time` on, a hand takes `extra_rate` per second from all partials; later stretches go."""
    return _from(losses, time, losses.rates[-1:] + extra_rate)


def _loop(losses: Losses, time: float, rate: float) -> Losses:
    """From `time` on, a sampler repeats a few periods: all partials fall alike, at `rate` per second or not at all."""
    return _from(losses, time, np.full_like(losses.rates[-1:], rate))


def _from(losses: Losses, time: float, rates: np.ndarray) -> Losses:
    """Replace what happens from `time` on by one stretch with these rates."""
    kept = sum(end < time for end in losses.segment_ends)
    return Losses(np.concatenate([losses.rates[: kept + 1], rates]), (*losses.segment_ends[:kept], time))


def add_second_plane(
    frequencies: np.ndarray, amplitudes: np.ndarray, losses: Losses, rng: Generator
) -> tuple[np.ndarray, np.ndarray, Losses]:
    """Return frequencies, amplitudes and Losses with those of the second plane that a string swings in behind them.

    The planes differ a little in pitch and loss, which gives beats and a two-stage decay.
    Weinreich, "Coupled piano strings", JASA 62, 1977; for guitars Woodhouse 2004.
    """
    first = slice(0, N_TWO_PLANES)
    detuned = frequencies[first] * (1 + rng.normal(0, 0.0006, N_TWO_PLANES))
    share = 10 ** rng.uniform(-1.3, -0.15) * rng.uniform(0.5, 1.5, N_TWO_PLANES)
    faster = (rng.uniform(1.3, 6.0) - 1.0) * (rng.random() < 0.5)
    second_rates = losses.rates[:, first] + faster * losses.rates.min(axis=0)[first]
    return (
        np.concatenate([frequencies, detuned]),
        np.concatenate([amplitudes, amplitudes[first] * share]),
        Losses(np.concatenate([losses.rates, second_rates], axis=1), losses.segment_ends),
    )
