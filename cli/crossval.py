"""guitarclf crossval."""

from pathlib import Path

import click

from guitarclf.cli.options import (
    cluster_option,
    config_options,
    figure_format_option,
    in_context_options,
    n_jobs_option,
    read_config,
    refuse_both,
)
from guitarclf.cli.terminal import say


@click.command("crossval")
@config_options
@click.option("--leave-one-out", metavar="COLUMN", help="Leave out each value of a column in turn, such as track.")
@click.option("--folds", metavar="COLUMN", help="Take the folds from a column of the table.")
@click.option("--repeats", type=click.IntRange(min=1), default=1, show_default=True, help="Nets of other seeds a fold.")
@click.option("--add-modelled", type=click.IntRange(min=0), help="Modelled notes for the training sides.")
@click.option("--compare-splits", is_flag=True, help="Also split by random rows and by file, to see what leaks.")
@in_context_options
@figure_format_option
@n_jobs_option
@cluster_option
@click.option("--resume", is_flag=True, help="Go on with what is in --output-dir; finished folds are kept.")
@click.option("--overwrite", is_flag=True, help="Replace the cross-validation in --output-dir.")
def command(
    leave_one_out,
    folds,
    repeats,
    compare_splits,
    in_context,
    phrases_seed,
    figure_format,
    n_jobs,
    cluster,
    resume,
    overwrite,
    **flags,
):
    """Score tracks the model has not heard, each left out in turn, beside three baselines.

    \b
    guitarclf crossval --metadata-path notes.csv --audio-root audio --leave-one-out track --output-dir runs/cv
    guitarclf crossval --metadata-path notes.csv --audio-root audio --add-modelled 3000 --repeats 2
    guitarclf crossval --metadata-path notes.csv --audio-root audio --in-context

    For papers it also writes scores.csv, every score with its interval, scores.tex, and figures/tracks, which
    --figure-format pdf makes as wide as a page.
    """
    refuse_both(leave_one_out=leave_one_out, folds=folds)
    refuse_both(resume=resume, overwrite=overwrite)
    refuse_both(n_jobs=n_jobs != 1, cluster=cluster)
    settings = read_config(**flags)
    say(f"cross-validating on {settings.data.metadata_path}: loading torch and scikit-learn, which takes seconds")
    from guitarclf.experiment.crossval import crossval

    reports = crossval(
        settings,
        leave_one_out=leave_one_out,
        folds=folds,
        repeats=repeats,
        compare_splits=compare_splits,
        in_context=in_context,
        phrases_seed=phrases_seed,
        figure_format=figure_format or "png",
        n_jobs=n_jobs,
        cluster=cluster,
        resume=resume,
        overwrite=overwrite,
    )
    click.echo(reports["by track"].to_text())
    if compare_splits:
        click.echo("\nThe same notes, split so that a guitar can be on both sides, and by track:")
        click.echo(f"{'split':14}{'macro-F1':>10}{'balanced accuracy':>20}{'SVM macro-F1':>14}")
        for kind, report in reports.items():
            svm = report.baselines["SVM on MFCC"]["macro_f1"]
            click.echo(f"{kind:14}{report.pooled.macro_f1:10.4f}{report.pooled.balanced_accuracy:20.4f}{svm:14.4f}")
    click.echo(f"\nAll tables: {Path(settings.output_dir) / 'crossval.txt'}")
