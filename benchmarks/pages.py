"""The page of a long recording: its size, what it takes to make, and how soon a browser can use it (Linux, chromium).

    python benchmarks/pages.py [--minutes 30]

Takes of modelled guitars one after another, some 90 events a minute. Memory is what the process grows by, without what
is mapped from files. Seconds of a core are there because others may be at work on the machine.
"""

import os
import shutil
import threading
import time
from pathlib import Path

import click
import material
import soundfile as sf
from memory import anonymous_bytes
from playwright.sync_api import sync_playwright

from guitarclf.bundle.engines import load_model
from guitarclf.data.synth import write_tracks
from guitarclf.experiment.annotate import Annotator, recordings_of
from guitarclf.timeline.formats import html
from guitarclf.timeline.stream import Listener

DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def recording_of(minutes: float) -> Path:
    """Return a recording of so many minutes, made on the spot."""
    takes = material.made("takes", lambda folder: write_tracks(folder, 1000, n_guitars=40, seed=3))
    path = material.ROOT / f"takes_{minutes:g}_minutes.wav"
    if path.exists():
        return path
    files = sorted((takes / "audio").glob("*.wav"))
    rate = sf.info(files[0]).samplerate
    n_left, number = round(60 * minutes * rate), 0
    with sf.SoundFile(path, "w", rate, 1, "PCM_16") as file:
        while n_left > 0:
            take = sf.read(files[number % len(files)], dtype="int16")[0][:n_left]
            file.write(take)
            n_left, number = n_left - len(take), number + 1
    return path


def growth_while(work) -> tuple[object, int]:
    """Return what a function returns, and the bytes by which this process grew at most while it ran."""
    before = peak = anonymous_bytes(os.getpid())
    over = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.01):
            peak = max(peak, anonymous_bytes(os.getpid()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result = work()
    finally:
        over.set()
        watcher.join()
    return result, peak - before


def open_in_browser(path: Path) -> dict[str, float]:
    """Return the seconds until a page is drawn, those of a core for it, until it plays, is filtered, is sorted."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab, seconds = browser.new_page(viewport={"width": 1280, "height": 900}), {}
        tab.goto("about:blank")
        inner = tab.context.new_cdp_session(tab)
        inner.send("Performance.enable", {"timeDomain": "threadTicks"})

        def timed(name, action) -> None:
            start = time.perf_counter()
            action()
            tab.evaluate(DRAWN)
            seconds[name] = time.perf_counter() - start

        def play() -> None:
            tab.click("tbody tr:nth-child(3)")
            while not tab.evaluate("document.getElementById('recording').currentTime > 0"):
                time.sleep(0.005)

        timed("drawn", lambda: tab.goto(path.absolute().as_uri()))
        seconds["of a core"] = next(
            metric["value"]
            for metric in inner.send("Performance.getMetrics")["metrics"]
            if metric["name"] == "TaskDuration"
        )
        if tab.locator("audio").count():
            timed("first row plays", play)
        timed("filtered", lambda: tab.uncheck("[name=label][value=general_note]"))
        timed("sorted", lambda: tab.click("thead >> text=confidence"))
        browser.close()
    return seconds


@click.command(help=__doc__)
@click.option("--minutes", type=float, default=30, show_default=True)
@click.option("--repeats", type=int, default=3, show_default=True, help="Times the page is opened; the best is told.")
def main(minutes, repeats) -> None:
    path = recording_of(minutes)
    model = load_model()
    _, (recording,) = recordings_of([path])
    timeline = Annotator(Listener(model, model.onsets)).timeline(recording)
    page = path.with_suffix(".html")
    start, cpu = time.perf_counter(), time.process_time()
    content, grown = growth_while(lambda: html(timeline))
    spent, cpu = time.perf_counter() - start, time.process_time() - cpu
    page.write_text(content, encoding="utf-8")
    size = page.stat().st_size / 1e6
    click.echo(f"{minutes:g} minutes, {len(timeline.events)} events, load of the machine {os.getloadavg()[0]:.1f}")
    click.echo(f"page {size:.1f} MB, made in {spent:.1f} s ({cpu:.1f} s of a core), memory + {grown / 1e6:.0f} MB")
    rounds = [open_in_browser(page) for _ in range(repeats)]
    for name in rounds[0]:
        click.echo(f"{name:16} {min(seconds[name] for seconds in rounds):.2f} s")


if __name__ == "__main__":
    main()
