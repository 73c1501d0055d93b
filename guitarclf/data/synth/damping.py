"""How a note dies: what the string loses by itself, and what fingers, palms and nodes take from it."""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from guitarclf.data.synth.guitar import log_uniform
from guitarclf.data.synth.string import PARTIAL_NUMBERS, Position, string_losses, touch_damping

SHARE_STOPPED = 0.1  # of the notes that would ring on
N_TWO_PLANES = 10  # partials of which the second plane of vibration is heard


class Losses(NamedTuple):
    """Decay rates in 1/s, one row per stretch of time, and the seconds at which the next row takes over."""

    rates: np.ndarray  # [n_segments, n_partials]
    segment_ends: tuple[float, ...] = ()

    def until(self, time: float, rates: np.ndarray) -> "Losses":
        """Return these losses until ``time``, and from then on ``rates``, one a partial."""
        kept = sum(end < time for end in self.segment_ends)
        return Losses(np.stack([*self.rates[: kept + 1], rates]), (*self.segment_ends[:kept], time))


def draw_free_losses(frequencies: np.ndarray, position: Position, rng: Generator) -> np.ndarray:
    """Return the decay rates of a string that nobody touches any more, in 1/s a partial."""
    losses = string_losses(frequencies, position.string) * log_uniform(rng, 0.7, 1.4)
    fingertip = log_uniform(rng, 1.0, 1.5)
    if position.fret > 0:  # flesh takes its part: stopped strings ring less long than open ones
        losses = losses * fingertip
    return losses * 10 ** rng.normal(0, 0.1, len(losses))  # no support swallows all modes alike


def damp(
    style: str, amplitudes: np.ndarray, free: np.ndarray, node: int, position: Position, loops: bool, rng: Generator
) -> tuple[np.ndarray, Losses]:
    """Return the amplitudes and Losses of a style, after its touch, a sampler's loop and a stopping hand."""
    if style == "HA":
        amplitudes, losses = _touch_at_node(amplitudes, free, node, position, rng)
    elif style == "DN":
        losses = Losses(_deaden(free, rng)[None])
    elif style == "PM":  # the heel of the plucking hand rests beside the bridge: pitch stays, brightness and length go
        strength = log_uniform(rng, 5, 60)
        losses = Losses((free + strength * (0.25 + touch_damping(rng.uniform(0.01, 0.06), 0.03)))[None])
    else:
        losses = Losses(free[None])
    if style == "ST":
        losses = losses.until(log_uniform(rng, 0.05, 0.5), free + rng.uniform(25, 200))
    rings_on = style not in ("DN", "PM", "ST")
    if rings_on and loops:  # a sampler repeats a few periods: all partials fall alike, or not at all
        losses = losses.until(log_uniform(rng, 0.1, 0.8), np.full_like(free, rng.uniform(0, 5)))
    if rings_on and rng.random() < SHARE_STOPPED:
        losses = losses.until(rng.uniform(0.3, 1.0), losses.rates[-1] + rng.uniform(8, 80))
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


def _deaden(losses: np.ndarray, rng: Generator) -> np.ndarray:
    """The fretting hand lies on the string without pressing it down; near a node a trace of pitch remains."""
    strength = log_uniform(rng, 35, 400)
    damped = losses + strength * (0.25 + touch_damping(rng.uniform(0.08, 0.5), rng.uniform(0.02, 0.2)))
    if rng.random() < 0.3:
        spared = PARTIAL_NUMBERS % rng.integers(2, 6) == 0
        damped = np.where(spared, damped * rng.uniform(0.35, 1.0), damped)
    return damped


def add_second_plane(
    frequencies: np.ndarray, amplitudes: np.ndarray, losses: Losses, rng: Generator
) -> tuple[np.ndarray, np.ndarray, Losses]:
    """Return frequencies, amplitudes and Losses, with those of the string's second plane of vibration at the end.

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
