"""How all figures look, and how they become files: PNG for a screen, SVG and PDF for papers. matplotlib loads late."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from guitarclf.errors import ParameterError
from guitarclf.files.caches import find_caches
from guitarclf.files.names import as_text
from guitarclf.files.whole import write_bytes
from guitarclf.files.wording import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
COLUMN, PAGE = 88.0, 180.0  # mm, one column and two columns of a journal
MM_PER_INCH = 25.4
# Of Okabe and Ito (2008), which the colour-blind tell apart; the last two darker, to be read on white as text.
CLASS_COLOURS = {"harmonic": "#0072b2", "dead_note": "#c44900", "general_note": "#00805d"}  # as pages have them
BLUE, ORANGE, GREY = "#0072b2", "#e69f00", "#767676"
FONT = "DejaVu Sans"  # comes with matplotlib
STYLE = {
    "font.family": FONT,
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.4,
    "legend.frameon": False,
    "legend.columnspacing": 1.2,
    "legend.handlelength": 1.8,
    "legend.handletextpad": 0.6,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # TrueType, which publishers ask for, in the place of Type 3
    "svg.hashsalt": "guitarclf",  # the same figure has the same bytes
}
# Who drew a file, as its format says it, and what tells such a file among others.
METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": "guitarclf"},
    "svg": {"Creator": "guitarclf", "Date": None},
    "pdf": {"Creator": "guitarclf", "CreationDate": None},
}
MARKS = {"png": b"Software\0guitarclf", "svg": b"<dc:title>guitarclf</dc:title>", "pdf": b"/Creator (guitarclf)"}
P = ParamSpec("P")


@contextmanager
def _style() -> Iterator[None]:
    """Set STYLE for a ``with`` block, whatever the user's own settings of matplotlib are."""
    find_caches()
    import matplotlib.style

    with matplotlib.style.context(["default", STYLE]):
        yield


def styled(draw: Callable[P, "Figure"]) -> Callable[P, "Figure"]:
    """Return a function that draws a figure in STYLE."""

    @wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> "Figure":
        with _style():
            return draw(*args, **kwargs)

    return in_style


def blank_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of a size in mm, which pyplot does not know of and a notebook shows."""
    return _figure_class()(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), layout="constrained")


@cache
def _figure_class() -> type["Figure"]:
    from matplotlib.figure import Figure

    class StyledFigure(Figure):
        """A figure that keeps STYLE where it is saved, and shows itself in a notebook."""

        def savefig(self, fname: Any, **settings: Any) -> None:
            with _style():
                super().savefig(fname, **settings)

        def _repr_png_(self) -> bytes:
            return as_bytes(self)

    return StyledFigure


def save_figure(figure: "Figure", path: str | Path) -> None:
    """Write a figure in the format that its path ends in, one of FORMATS; the file appears whole or not at all."""
    format = Path(path).suffix.lower().removeprefix(".")
    if format not in FORMATS:
        raise ParameterError(f"The path of a figure must end in .{', .'.join(FORMATS)}. Got {shown(path)}.")
    write_bytes(path, as_bytes(figure, format))


def as_bytes(figure: "Figure", format: str = "png") -> bytes:
    """Return a figure as the bytes of a file of one of FORMATS, which says what program drew it."""
    file = io.BytesIO()
    figure.savefig(file, format=format, metadata=METADATA[format])
    return file.getvalue()


def text_of(value: object) -> str:
    """Return a name for a figure, as it is and on one line: no mathematics between dollar signs.

    Letters that the font lacks are escaped, since a box says nothing.
    """
    letters = _letters()
    drawn = "".join(letter if ord(letter) in letters else ascii(letter)[1:-1] for letter in shown(value))
    return drawn.replace("$", r"\$")


def short_text_of(value: object, most: int) -> str:
    """Return :func:`text_of` of a name; a long one keeps its end, and has ``most`` characters."""
    text = as_text(value) if isinstance(value, str | Path) else str(value)
    return text_of(text if len(text) <= most else f"...{text[3 - most :]}")


def word_of(label: str) -> str:
    """Return the name of a class as a reader's word: ``dead note``."""
    return label.replace("_", " ")


@cache
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties(family=FONT))).get_charmap())
