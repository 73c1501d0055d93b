"""guitarclf cache."""

import sys
import time

import click

from guitarclf.cli.options import (
    UserPath,
    audio_root_option,
    cluster_option,
    n_jobs_option,
    read_config,
    refuse_both,
)
from guitarclf.cli.terminal import HelpfulGroup, say

folder_option = click.option(
    "--folder",
    type=UserPath(file_okay=False),
    default="auto",
    show_default="$GUITARCLF_CACHE, or the user's cache folder",
    help="As data.cache of the configuration.",
)


@click.group("cache", cls=HelpfulGroup)
def command():
    """Fill, show or clear what is kept from one run to the next: features, and copies of files at URLs.

    \b
    guitarclf cache fill --metadata-path notes.csv --audio-root audio --n-jobs 4
    guitarclf cache show
    guitarclf cache clear
    """


@command.command("fill")
@click.option("--config", type=UserPath(dir_okay=False), help="YAML or JSON file; `guitarclf config` tells its keys.")
@click.option("--metadata-path", type=UserPath(), help="Table of note events, CSV or Parquet.")
@audio_root_option
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key: logmel.n_mels=48.")
@n_jobs_option
@cluster_option
def fill(config, metadata_path, audio_root, overrides, n_jobs, cluster):
    """Compute the features of a table, as `train`, `search` and `crossval` with the same settings find them.

    \b
    guitarclf cache fill --metadata-path notes.csv --audio-root audio --set data.cache=/shared/features
    guitarclf cache fill --config mine.yaml --cluster tcp://host:8786
    """
    refuse_both(n_jobs=n_jobs != 1, cluster=cluster)
    settings = read_config(config, overrides, False, metadata_path=metadata_path, audio_root=audio_root)
    say(f"computing the features of {settings.data.metadata_path}")
    from guitarclf.experiment.cache_fill import cache_fill

    filled = cache_fill(settings, n_jobs=n_jobs, cluster=cluster)
    click.echo(f"{filled.n_computed} rows computed, {filled.n_there} were there.")
    for message in filled.unreadable.values():
        click.echo(message, err=True)
    if filled.n_unkept:
        told = f"{filled.n_unkept} rows could not be kept: their recordings changed just now, or there is no room."
        click.echo(f"{told} Make room if need be, and run it again.", err=True)
    if filled.unreadable or filled.n_unkept:
        sys.exit(1)


@command.command("show")
@folder_option
def show(folder):
    """Show what is kept, the last used first, and where."""
    from guitarclf.features.store import FeatureStore
    from guitarclf.files import fetched

    store = FeatureStore(folder)
    sizes = store.sizes()
    for size in sizes:
        window, logmel = (size.settings[part] for part in ("window", "logmel"))
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(size.last_used))
        channels = " + ".join(["log-mel", *logmel["extra_channels"]])
        click.echo(
            f"{size.folder.name}  {as_megabytes(size.n_bytes):>11}  used {used}  {window['target_duration']:g} s at "
            f"{window['sample_rate']} Hz, {logmel['n_mels']} bands, {channels}"
        )
    total = sum(size.n_bytes for size in sizes)
    n_files, n_bytes = fetched.size()
    if n_files:
        click.echo(f"{fetched.folder()}: {n_files} fetched files, {as_megabytes(n_bytes)}")
    click.echo(f"{store.folder}: {as_megabytes(total)} of features. `guitarclf cache clear` removes it.")


@command.command("clear")
@folder_option
def clear(folder):
    """Remove all that is kept; it is computed anew when it is needed."""
    from guitarclf.features.store import FeatureStore
    from guitarclf.files import fetched

    store = FeatureStore(folder)
    n_files, _ = fetched.size()
    if n_files:
        click.echo(f"{fetched.folder()}: {as_megabytes(fetched.clear())} removed.")
    click.echo(f"{store.folder}: {as_megabytes(store.clear())} of features removed.")


def as_megabytes(n_bytes: int) -> str:
    """Return a size in megabytes, as text."""
    return f"{n_bytes / 1e6:.1f} MB"
