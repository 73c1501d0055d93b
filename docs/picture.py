"""README's first picture: `python docs/picture.py` draws docs/timeline.png, and prints what README says of it.

A phrase of a modelled guitar that the model that ships has not heard, as `guitarclf annotate --format html` shows it in
Debian's chromium.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from guitarclf import read_events
from guitarclf.data.phrases import write_phrases
from guitarclf.data.synth import write_snippets

SEED, N_NOTES = 3, 24
WIDTH, HEIGHT = 1210, 640  # pixels


def annotated(folder: Path) -> tuple[dict, Path]:
    """Return the score and the page of a phrase that is written into a folder."""
    write_snippets(folder / "notes", N_NOTES, n_guitars=1, seed=SEED)
    notes = read_events(folder / "notes" / "metadata.csv", audio_root=folder / "notes")
    table = write_phrases(folder, notes, seed=SEED)
    (folder / table["audio_path"].iloc[0]).rename(folder / "phrase.wav")
    table.assign(audio_path="phrase.wav").to_csv(folder / "true.csv", index=False)
    command = [sys.executable, "-m", "guitarclf", "-q", "annotate", "phrase.wav", "--output-dir", "timelines"]
    subprocess.run([*command, "--format", "html", "--score", "true.csv"], cwd=folder, check=True, capture_output=True)
    return json.loads((folder / "timelines" / "score.json").read_text()), folder / "timelines" / "phrase.html"


def photograph(page: Path, target: Path) -> None:
    """Write the top of a page as PNG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page.as_uri())
        tab.wait_for_selector("tbody tr")
        tab.wait_for_timeout(1000)  # for the player to know how long it is
        tab.screenshot(path=target)
        browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        score, page = annotated(Path(name))
        photograph(page, Path(__file__).with_name("timeline.png"))
    n_right = sum(of_class["n_hits"] for of_class in score["per_class"].values())
    print(f"{score['onsets']['n_found']} events; {n_right} of its {score['onsets']['n_true']} notes are named rightly")
