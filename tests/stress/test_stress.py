"""The short form of what the commands in docs/reliability.md do at length: fuzz, kills, two processes, a soak."""

import random
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import soundfile as sf
from cluster import Searches
from fuzz import Fuzzer
from fuzz_child import Child, outcome
from fuzz_mutations import mutated
from fuzz_targets import targets
from kills import TOO_LONG, Victim
from notes import RATE, noise_click
from small import config_for, options_for
from soak import growth, soak

from guitarclf.errors import GuitarclfError, RunError
from guitarclf.experiment.crossval import crossval
from guitarclf.experiment.train import train
from guitarclf.files.lock import LOCK_NAME


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory):
    fuzzer = Fuzzer(tmp_path_factory.mktemp("fuzz"), seed=7)
    yield fuzzer
    fuzzer.close()


@pytest.mark.parametrize("name", [name for name in targets() if name not in ("override", "label track")])
def test_what_is_mutated_is_sound_before(fuzzer, name):
    target = fuzzer.targets[name]
    for file_name, content in target.files.items():
        path = fuzzer.folder / file_name
        path.write_bytes(content)
        if file_name in ("ima.wav", "d.xml"):  # refused as they are; mutations should not get past that
            with pytest.raises(GuitarclfError, match=r"IMA ADPCM|DOCTYPE"):
                target.read(path, random.Random(1))
            continue
        for draw in range(20):  # the onset, and whether checksums are made anew, are drawn
            rng = random.Random(draw)
            if rng.choice([0.0, 0.05, 0.1, 7.0, 1e6]) < 1 or name != "sound":
                target.read(path, random.Random(draw))


ANSWER = 'import os, sys, time; print(\'["begun", ""]\', flush=True); sys.stdin.readline(); '


@pytest.mark.parametrize(
    ("does", "seen"),
    [
        ("os.kill(os.getpid(), 11)", "the process ended with SIGSEGV"),
        ("sys.exit(3)", "the process ended with exit code 3"),
        ("time.sleep(60)", "it took more than 1.0 s"),
    ],
)
def test_a_child_that_dies_or_hangs_is_a_failure_and_is_replaced(tmp_path, does, seen):
    child = Child([sys.executable, "-c", ANSWER + does], hang_sec=1.0)
    assert child.ask("parquet", tmp_path, 0) == ("FAILED", seen)
    assert child.process is None
    child.command[-1] = ANSWER + 'print(\'["read", ""]\', flush=True)'
    assert child.ask("parquet", tmp_path, 0) == ("read", "")
    child.close()


def test_what_becomes_of_a_file_is_told_apart(tmp_path):
    def refuse(path, rng):
        raise RunError("\n" * 30 if path.name == "long" else "no")

    def fail(path, rng):
        raise ZeroDivisionError("oh")

    rng = random.Random(0)
    assert outcome(lambda path, rng: None, tmp_path, rng, 2**30) == ("read", "")
    assert outcome(refuse, tmp_path, rng, 2**30) == ("refused", "")
    assert outcome(refuse, tmp_path / "long", rng, 2**30) == ("FAILED", "a message of 30 lines")
    assert "ZeroDivisionError: oh" in outcome(fail, tmp_path, rng, 2**30)[1]
    assert "its memory grew to" in outcome(lambda path, rng: None, tmp_path, rng, -1)[1]


@pytest.mark.slow
def test_damaged_histograms_of_a_parquet_file_do_not_end_the_process(tmp_path):
    """With pyarrow 26 these cases did, where the metadata of a column was asked for."""
    fuzzer = Fuzzer(tmp_path, seed=1, only="parquet")
    for number in (11924, 12513, 13048):
        fuzzer.run(number)
    fuzzer.close()
    assert not fuzzer.failures, "\n".join(fuzzer.failures)


def test_mutations_are_drawn_from_the_seed_alone(fuzzer):
    files = [fuzzer.draw(number)[2].read_bytes() for number in range(30)]
    assert files == [fuzzer.draw(number)[2].read_bytes() for number in range(30)]
    assert mutated(b"abc", [b"x"], random.Random(5)) == mutated(b"abc", [b"x"], random.Random(5))


@pytest.mark.stress
def test_mutated_files_are_read_or_refused(fuzzer):
    for number in range(1500):
        fuzzer.run(number)
    assert not fuzzer.failures, "\n".join(fuzzer.failures[:5])
    assert {name for name, what in fuzzer.counts if what == "read"} == set(fuzzer.targets)


@pytest.mark.stress
def test_mutated_files_end_real_commands_with_0_or_1(fuzzer):
    for number in range(2):
        fuzzer.run_command(number)
    assert not fuzzer.failures, "\n".join(fuzzer.failures)


@pytest.mark.stress
def test_a_killed_run_ends_as_if_it_had_not_been(tmp_path):
    victim = Victim(tmp_path, max_epochs=8)
    n_hit, differing = victim.kill_and_compare(random.Random(3), 2, tmp_path / "run")
    assert n_hit
    assert differing == []


@pytest.mark.stress
def test_a_search_whose_worker_and_client_are_killed_ends_as_in_one_process(tmp_path):
    searches, rng = Searches(tmp_path), random.Random(5)
    try:
        assert searches.kill_a_worker(rng, tmp_path / "a") == []
        assert searches.kill_the_client(rng, tmp_path / "b") == []
    finally:
        searches.close()


@pytest.mark.stress
def test_annotate_that_is_killed_and_resumed_writes_the_same_bytes(tmp_path, rng):
    for number in range(6):
        sound = np.concatenate([noise_click(rng, 0.5, decay=0.05) for _ in range(40)])
        sf.write(tmp_path / f"{number}.wav", sound, RATE)
    command = [sys.executable, "-m", "guitarclf", "-q", "annotate", *map(str, sorted(tmp_path.glob("*.wav")))]

    def start(name, *more):
        formats = ["--output-dir", tmp_path / name, "--format", "csv,audacity,raven,jsonl"]
        return subprocess.Popen([*command, *map(str, formats), "--combined", str(tmp_path / f"{name}.csv"), *more])

    def contents(name):
        files = {path.name: path.read_bytes() for path in (tmp_path / name).glob("[!.]*")}
        return files | {"combined": (tmp_path / f"{name}.csv").read_bytes()}

    assert start("whole").wait(TOO_LONG) == 0
    n_hit = 0
    for n_files in (1, 6, 15):
        process = start("killed", "--resume")
        while len(list(tmp_path.glob("killed/*.*"))) < n_files and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        n_hit += process.wait() == -signal.SIGKILL
    assert n_hit
    assert start("killed", "--resume").wait(TOO_LONG) == 0
    assert contents("killed") == contents("whole")


def holder(run):
    """Return what the process that holds a run's lock wrote into it, "" as long as there is none."""
    try:
        return (run / LOCK_NAME).read_text()
    except FileNotFoundError:
        return ""


@pytest.mark.stress
def test_of_two_processes_on_one_folder_the_second_is_refused(small_table, tmp_path):
    run = tmp_path / "run"
    options = options_for(small_table, run, net__max_epochs=10_000)
    with subprocess.Popen([sys.executable, "-m", "guitarclf", "-q", "train", *options]) as first:
        while not holder(run) and first.poll() is None:
            time.sleep(0.01)
        for how in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(RunError, match=r"must be written by one process at a time\. (Process \d+|Another run)"):
                train(config_for(small_table, run), **how)
        assert first.poll() is None
        first.send_signal(signal.SIGKILL)


@pytest.mark.stress
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_stays_flat_over_many_predictions(tmp_path):
    memory = soak(tmp_path, 300)
    assert len(memory) == 20
    assert growth(memory) < 0.05


def test_growth_is_that_after_the_warm_up():
    assert growth([1, 50, *[100] * 18]) == 0
    assert growth([1, 50, *range(100, 118)]) > 0.1


@pytest.mark.stress
def test_a_process_keeps_the_folder_and_ends_on_ctrl_c_with_its_folds(small_table, tmp_path):
    folder = tmp_path / "cv"
    options = options_for(small_table, folder, net__max_epochs=1, crossval__n_splits=3)
    command = [sys.executable, "-m", "guitarclf", "-q", "crossval", *options, "--repeats", "999"]
    # What runs in the background may have been told to ignore Ctrl-C, and its children with it.
    heed_ctrl_c = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c) as process:
        try:
            kept = folder / "finished_folds.jsonl"
            while not (kept.exists() and kept.read_bytes().count(b"\n") > 1) and process.poll() is None:
                time.sleep(0.01)
            with pytest.raises(RunError, match=rf"by one process at a time\. Process {process.pid} on .* is at it"):
                crossval(config_for(small_table, folder), overwrite=True)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            process.kill()
    left = ["config.yaml", "crossval.log", "environment.json", "finished_folds.jsonl"]
    assert sorted(path.name for path in folder.iterdir()) == left
