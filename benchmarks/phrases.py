"""Join the notes of any table into phrases: OUT/audio/*.wav and OUT/metadata.csv.

    python benchmarks/phrases.py metadata.csv audio_root OUT [--seed 0] [--spacing 0.12 0.9] [--overlap 0.25]

All notes of each track, one every 0.12 to 0.9 s, a quarter of them ringing on into the next. They are a table like any
other: `guitarclf eval RUN --metadata-path OUT/metadata.csv --audio-root OUT` scores a model on them, by the offsets of
the table if it uses any. `guitarclf eval RUN --metadata-path metadata.csv --in-context` scores notes alone and in
phrases, with and without offsets, and keeps no audio.
"""

import click

from guitarclf.data.events import read_events
from guitarclf.data.phrases import Joining, write_phrases


@click.command(help=__doc__)
@click.argument("table", type=click.Path(exists=True))
@click.argument("audio_root", type=click.Path(exists=True))
@click.argument("out", type=click.Path())
@click.option("--spacing", nargs=2, type=float, default=Joining.spacing, show_default=True, help="Seconds.")
@click.option("--overlap", type=float, default=Joining.overlap, show_default=True, help="Share that rings on.")
@click.option("--level-db", type=float, default=Joining.level_db, show_default=True, help="Spread of the peaks.")
@click.option("--seed", type=int, default=0, show_default=True)
def main(table, audio_root, out, spacing, overlap, level_db, seed) -> None:
    joining = Joining(spacing=spacing, overlap=overlap, level_db=level_db)
    joined = write_phrases(out, read_events(table, audio_root=audio_root), joining, seed=seed)
    click.echo(f"{len(joined)} notes in {joined['audio_path'].nunique()} phrases in {out}")


if __name__ == "__main__":
    main()
