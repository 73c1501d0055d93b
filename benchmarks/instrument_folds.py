"""Give a table of notes a column `fold` in which each rare class is wholly left out once.

    python benchmarks/instrument_folds.py metadata.csv folds.csv "philharmonia_guitar sonicpi_guit" \
        "emilyguitar fluid_gs_cut" "black_guitar green_guitar"

Each argument after the files names the tracks of one fold; all other tracks are the last fold.
`guitarclf crossval --folds fold` then scores every track by a net that has heard none of its fold.
"""

import sys

import pandas as pd


def main(source, target, *folds):
    """Write `target` with the column `fold`; a track that is not in `source` is an error."""
    table = pd.read_csv(source, dtype=str, keep_default_na=False)
    fold_of_track = {track: f"fold {n}" for n, tracks in enumerate(folds, start=1) for track in tracks.split()}
    unknown = set(fold_of_track) - set(table["track"])
    if unknown:
        sys.exit(f"These tracks must be in {source}: {', '.join(sorted(unknown))}.")
    table["fold"] = [fold_of_track.get(track, f"fold {len(folds) + 1}") for track in table["track"]]
    table.to_csv(target, index=False)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
