"""guitarclf export."""

from pathlib import Path

import click

from guitarclf.cli.options import UserPath, model_argument, require_writable
from guitarclf.cli.terminal import say


@click.command("export")
@model_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["onnx", "bundle"]),
    default="onnx",
    show_default=True,
    help="onnx: one file from waveform to probabilities. bundle: the model.onnx that predict uses, into the bundle.",
)
@click.option("--output", type=UserPath(dir_okay=False), help="The file.  [default: <name of MODEL>.onnx here]")
@click.option("--overwrite", is_flag=True, help="Replace --output if it is there.")
@click.option("--license", help="Of the weights, by its SPDX name such as CC0-1.0: it stands in the metadata.")
def command(model, form, output, overwrite, license):
    """Write a trained model as ONNX for other programs. MODEL is a run folder, a bundle, or pretrained.

    \b
    guitarclf export runs/mine --format onnx --output mine.onnx

    The file takes a mono waveform, [batch, n_samples] at the rate and of the length in its metadata, and gives
    probabilities, [batch, 3], in the order harmonic, dead_note, general_note, and confidence, [batch]; below
    unknown_below, which is in the metadata too, it is better not believed. Its answers are compared with
    torch's before it is written.
    """
    if form == "bundle" and output:
        raise click.UsageError("--output goes with --format onnx; --format bundle writes into the bundle.")
    output = output or f"{Path(model).resolve().name}.onnx"
    if form == "onnx":
        require_writable(output, suffix=".onnx", overwrite=overwrite)
    say(f"exporting {model}: loading torch, which takes seconds")
    from guitarclf.bundle.folder import Bundle
    from guitarclf.bundle.pipelines import add_onnx, pipeline_of
    from guitarclf.onnx.write import NO_LICENSE, write_sound_to_probabilities

    bundle = Bundle.open(model)
    pipeline = pipeline_of(bundle)
    if form == "bundle":
        click.echo(
            f"Written: {add_onnx(bundle, pipeline, license=license)}. `guitarclf predict --model {model}` uses it."
        )
        return
    write_sound_to_probabilities(pipeline, output, license=license or bundle.license or NO_LICENSE)
    reader = pipeline["window"].reader
    click.echo(
        f"Written: {output}. Input `waveform`: float32 [batch, {reader.n_samples}], mono, {reader.sample_rate} Hz."
    )
