"""guitarclf inspect."""

from pathlib import Path

import click

from guitarclf.cli.options import require_writable


@click.command("inspect")
@click.argument("path", required=False, type=click.Path())
@click.option("--metadata-path", type=click.Path(), help="Table of note events.")
@click.option("--note-id", help="The event of the table to draw.")
@click.option("--audio-root", type=click.Path(), help="Folder that `audio_path` is relative to; default the table's.")
@click.option("--model", type=click.Path(), help="A run folder or bundle: use its window and print its prediction.")
@click.option("--allow-pickle", is_flag=True, help="Let --model be a pipeline.joblib, and run the code in it.")
@click.option("--output", type=click.Path(dir_okay=False), help="The PNG.  [default: <note>.png here]")
def command(path, metadata_path, note_id, audio_root, model, allow_pickle, output):
    """Draw one event: the waveform, the exact window the model sees, its log-mel, and the prediction.

    \b
    guitarclf inspect note.wav --model runs/demo --output note.png
    guitarclf inspect --metadata-path notes.csv --note-id n17
    """
    if bool(path) == bool(metadata_path) or bool(metadata_path) != bool(note_id):
        raise click.UsageError("Give either a PATH, or --metadata-path and --note-id.")
    from guitarclf.bundle.engines import Model, load_model
    from guitarclf.config import Config
    from guitarclf.experiment.inspect import find_event, inspect_event
    from guitarclf.experiment.predict import events_of_paths

    if path and Path(path).is_dir():
        raise click.UsageError("PATH must be one audio file, not a folder.")
    loaded = load_model(model, allow_pickle=allow_pickle) if model else None
    if path:
        event = events_of_paths([path], (loaded or Model(Config())).reader)
    else:
        event = find_event(metadata_path, note_id, audio_root=audio_root, model=loaded)
    output = output or f"{Path(event['note_id'].iloc[0]).name}.png"
    require_writable(output, suffix=".png")
    scores = inspect_event(event, output, model=loaded)
    for label, value in (scores or {}).items():
        click.echo(f"{label:14}{value:.4f}")
    click.echo(f"Drawn: {output}")
