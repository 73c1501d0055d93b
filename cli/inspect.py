"""guitarclf inspect."""

from pathlib import Path

import click

from guitarclf.cli.options import (
    UserPath,
    audio_root_option,
    figure_format_option,
    mapping_option,
    model_option,
    read_data,
    require_writable,
    table_of,
)


@click.command("inspect")
@click.argument("path", required=False, type=UserPath())
@click.option("--metadata-path", type=UserPath(), help="Table of note events.")
@click.option("--note-id", help="The event of the table to draw.")
@audio_root_option
@mapping_option
@model_option
@click.option("--allow-pickle", is_flag=True, help="Let --model be a pipeline.joblib, and run the code in it.")
@click.option("--output", type=UserPath(dir_okay=False), help="The picture.  [default: <note>.png here]")
@figure_format_option
@click.option("--overwrite", is_flag=True, help="Replace --output if it is there.")
def command(path, metadata_path, note_id, audio_root, config, model, allow_pickle, output, figure_format, overwrite):
    """Draw one event: the waveform, the exact window the model sees, its log-mel, and the prediction.

    \b
    guitarclf inspect note.wav
    guitarclf inspect note.wav --model runs/demo --output note.png
    guitarclf inspect --metadata-path notes.csv --note-id n17 --output n17.pdf
    """
    data = read_data(config)
    if not path:
        metadata_path, audio_root = table_of(data, metadata_path, audio_root)
    if bool(path) == bool(metadata_path) or bool(metadata_path) != bool(note_id):
        raise click.UsageError("Give either a PATH, or --metadata-path and --note-id.")
    from guitarclf.bundle.engines import load_model
    from guitarclf.evaluation.drawing import FORMATS, MARKS
    from guitarclf.experiment.inspect import find_event, inspect_event
    from guitarclf.experiment.notes import events_of_paths

    if path and Path(path).is_dir():
        raise click.UsageError("PATH must be one audio file, not a folder.")
    loaded = load_model(model, allow_pickle=allow_pickle)
    loaded.data = data or loaded.data
    if path:
        event = events_of_paths([path], loaded.reader)
    else:
        event = find_event(metadata_path, note_id, audio_root=audio_root, model=loaded)
    output = output or f"{Path(event['note_id'].iloc[0]).name}.{figure_format or 'png'}"
    suffixes = tuple(f".{name}" for name in ([figure_format] if figure_format else FORMATS))
    mark = MARKS.get(Path(output).suffix.lower().removeprefix("."), b"")
    require_writable(output, suffix=suffixes, overwrite=overwrite, mark=mark)
    scores = inspect_event(event, output, model=loaded, model_name=model)
    if loaded.unknown_below:
        scores["unknown below"] = loaded.unknown_below
    for name, value in scores.items():
        click.echo(f"{name:14}{value:.4f}")
    click.echo(f"Drawn: {output}")
