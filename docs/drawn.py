"""The pictures of the gallery: what an example draws, found for its page."""

from pathlib import Path

from matplotlib import pyplot
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def drawn_figures(block: tuple, block_vars: dict, gallery_conf: dict) -> str:
    """Save the figures of a block of an example as PNGs, and return the reST that shows them.

    Figures of pyplot, and those that the block leaves in its variables: the package's functions return plain ones,
    which pyplot, and so sphinx-gallery's own scraper, does not know.
    """
    known = block_vars["example_globals"].setdefault("__shown__", set())
    figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
    figures += [value for value in block_vars["example_globals"].values() if isinstance(value, Figure)]
    paths = []
    for figure in figures:
        if id(figure) not in known:
            known.add(id(figure))
            paths.append(next(block_vars["image_path_iterator"]))
            figure.savefig(paths[-1], dpi=140, bbox_inches="tight")
    pyplot.close("all")
    return figure_rst(paths, gallery_conf["src_dir"])


class InOrder:
    """The order of the gallery: what is heard, what is answered, what is learnt."""

    ORDER = (
        *("techniques", "augmentation", "in_phrase", "timeline"),
        *("reliability", "priors", "unknown"),
        *("learning_curve", "grid_search", "own_estimator"),
    )

    def __init__(self, folder: str):
        self.folder = folder

    def __call__(self, name: str) -> int:
        """Return the place of an example; every one has its place above."""
        return self.ORDER.index(Path(name).stem.removeprefix("plot_"))
