"""write_for_papers: a cross-validation as CSV, LaTeX and a figure, beside what crossval writes for itself."""

from collections.abc import Mapping

from guitarclf.evaluation.crossval import CrossvalReport
from guitarclf.evaluation.drawing import save_figure
from guitarclf.evaluation.figures import scores_by_track
from guitarclf.evaluation.paper import as_latex, scores_table
from guitarclf.files.whole import write_text
from guitarclf.runs.folder import CrossvalFolder, make_folder


def write_for_papers(
    folder: CrossvalFolder, reports: Mapping[str, CrossvalReport], *, table: str, figure_format: str
) -> None:
    """Write scores.csv, scores.tex and the figure of the tracks, unless they are there, and perhaps worked on.

    Parameters
    ----------
    folder : CrossvalFolder
    reports : mapping
        Kind of split -> report; LaTeX and figure are of "by track".
    table : str
        How the figure names the table.
    figure_format : {"png", "svg", "pdf"}
    """
    own, figure = reports["by track"], folder.figures / f"tracks.{figure_format}"
    if not folder.score_table.exists():
        write_text(folder.score_table, scores_table(reports).to_csv(index=False))
    if not folder.latex.exists():
        write_text(folder.latex, as_latex(own))
    if not figure.exists():
        make_folder(folder.figures)
        save_figure(scores_by_track(own.per_track, f"{folder.root.name}, cross-validation of {table}"), figure)
