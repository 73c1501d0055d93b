"""guitarclf search."""

import click

from guitarclf.cli.options import cluster_option, config_options, n_jobs_option, read_config, refuse_both
from guitarclf.cli.terminal import say


@click.command("search")
@config_options
@n_jobs_option
@cluster_option
@click.option("--resume", is_flag=True, help="Go on with the search in --output-dir; scored fits are kept.")
@click.option("--overwrite", is_flag=True, help="Replace the search in --output-dir.")
def command(n_jobs, cluster, resume, overwrite, **flags):
    """Search the pipeline's parameters (search.params) with folds by track, then train the best.

    \b
    guitarclf search --config configs/search.yaml --metadata-path notes.csv --audio-root audio
    guitarclf search --config configs/search.yaml --metadata-path notes.csv --audio-root audio --cluster scheduler.json
    """
    refuse_both(resume=resume, overwrite=overwrite)
    refuse_both(n_jobs=n_jobs != 1, cluster=cluster)
    settings = read_config(**flags)
    say(f"searching with {settings.data.metadata_path}: loading torch and scikit-learn, which takes seconds")
    from guitarclf.experiment.search import search

    result = search(settings, n_jobs=n_jobs, cluster=cluster, resume=resume, overwrite=overwrite)
    table = result.table.loc[:, ~result.table.columns.str.startswith("fold_")]  # these are in search_results.csv
    click.echo(table.to_string(index=False, line_width=80))
    click.echo(f"\nBest run: {result.run.folder.root}   config: {result.folder / 'best_config.yaml'}")
    click.echo(f"Next: guitarclf eval {result.run.folder.root} --split test")
