"""guitarclf cache."""

import time

import click

from guitarclf.cli.options import UserPath
from guitarclf.cli.terminal import HelpfulGroup

folder_option = click.option(
    "--folder",
    type=UserPath(file_okay=False),
    default="auto",
    show_default="$GUITARCLF_CACHE, or the user's cache folder",
    help="As data.cache of the configuration.",
)


@click.group("cache", cls=HelpfulGroup)
def command():
    """Show or clear what is kept from one run to the next: features, and copies of files at URLs.

    \b
    guitarclf cache show
    guitarclf cache clear
    """


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
    click.echo(f"{store.folder}: {as_megabytes(total)} in all. `guitarclf cache clear` removes it.")


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
    click.echo(f"{store.folder}: {as_megabytes(store.clear())} removed.")


def as_megabytes(n_bytes: int) -> str:
    """Return a size in megabytes, as text."""
    return f"{n_bytes / 1e6:.1f} MB"
