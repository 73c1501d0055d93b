"""Physically modelled guitars: notes to train on, and the embedded demo data.

A guitar is one draw of strings, hand, body or pickup, amplifier and recording (`draw_guitar`); a note is one
draw of a technique on it (`draw_note`). `render_notes`, `write_snippets` and `write_tracks` make whole data
sets, `render_background` makes what is no note. numba is imported when the first note is rendered.
"""

from guitarclf.data.synth.background import render_background, render_clutter
from guitarclf.data.synth.guitar import Guitar, draw_guitar
from guitarclf.data.synth.layout import DEFAULT_SHARES
from guitarclf.data.synth.notes import ModelledNote, draw_note
from guitarclf.data.synth.write import COLUMNS, render_notes, write_snippets, write_tracks

__all__ = [
    "COLUMNS",
    "DEFAULT_SHARES",
    "Guitar",
    "ModelledNote",
    "draw_guitar",
    "draw_note",
    "render_background",
    "render_clutter",
    "render_notes",
    "write_snippets",
    "write_tracks",
]
