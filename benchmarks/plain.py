"""The plain program: what one would write with librosa and PyTorch in an afternoon. The yardstick, not a straw man.

    python benchmarks/plain.py train FOLDER --epochs 2 --workers 0
    python benchmarks/plain.py predict FOLDER

A Dataset loads and transforms each event when it is asked for; a DataLoader with batches of 32; the same CRNN in
the usual order of layers; Adam; float32.
"""

import argparse
import csv
import warnings
from pathlib import Path

import librosa
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

LABELS = ("harmonic", "dead_note", "general_note")
RATE = 22050


class Notes(Dataset):
    """`(log-mel [1, 64, 87], label)` of each row of a folder's metadata.csv."""

    def __init__(self, folder):
        self.folder = Path(folder)
        with (self.folder / "metadata.csv").open(encoding="utf-8") as file:
            self.rows = list(csv.DictReader(file))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        features = log_mel(self.folder / row["audio_path"], float(row["onset_sec"]))
        return torch.from_numpy(features)[None], LABELS.index(row["label_category"])


def log_mel(path, onset):
    """Load the whole file, cut a second at the onset, transform."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audio, _ = librosa.load(path, sr=RATE)
    start = round(onset * RATE)
    window = librosa.util.fix_length(audio[start : start + RATE], size=RATE)
    window = window / (np.abs(window).max() or 1)
    mel = librosa.feature.melspectrogram(y=window, sr=RATE, n_fft=1024, hop_length=256, n_mels=64)
    return librosa.power_to_db(mel, top_db=None).astype(np.float32)


class CRNN(nn.Module):
    """Three Conv-BN-ReLU-Pool blocks, a bidirectional GRU, attention over time, a small head."""

    def __init__(self):
        super().__init__()
        layers = []
        for n_in, n_out, pool in ((1, 32, (2, 2)), (32, 64, (2, 2)), (64, 128, (2, 1))):
            convolution = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(n_out), nn.ReLU(), nn.MaxPool2d(pool)]
        self.blocks = nn.Sequential(*layers)
        self.rnn = nn.GRU(128 * 8, 128, batch_first=True, bidirectional=True)
        self.attention = nn.Linear(256, 1)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 3))

    def forward(self, x):
        x = self.blocks((x + 40) / 20).permute(0, 3, 1, 2).flatten(2)
        frames, _ = self.rnn(x)
        weights = self.attention(frames).softmax(dim=1)
        return self.head((weights * frames).sum(dim=1))


def train(folder, epochs: int, workers: int):
    """Train on four fifths of the notes and validate on a tenth after each epoch."""
    torch.manual_seed(0)
    notes = Notes(folder)
    order = torch.randperm(len(notes)).tolist()
    first, second = len(order) * 8 // 10, len(order) * 9 // 10
    training = DataLoader(Subset(notes, order[:first]), batch_size=32, shuffle=True, num_workers=workers)
    validation = DataLoader(Subset(notes, order[first:second]), batch_size=32, num_workers=workers)
    model, loss_of = CRNN(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        model.train()
        for x, y in training:
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(dim=1) == y).sum().item() for x, y in validation)
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, validation accuracy {hits / max(1, second - first):.3f}")
    torch.save(model.state_dict(), Path(folder) / "plain.pt")


def predict(folder):
    """Load the weights, then load, transform and classify note by note."""
    notes, model = Notes(folder), CRNN().eval()
    weights = Path(folder) / "plain.pt"
    if weights.exists():
        model.load_state_dict(torch.load(weights, weights_only=True))
    with torch.no_grad():
        for index in range(len(notes)):
            x, _ = notes[index]
            proba = model(x[None]).softmax(dim=1)[0]
            print(notes.rows[index]["note_id"], LABELS[int(proba.argmax())], *proba.tolist())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["train", "predict"])
    parser.add_argument("folder")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--workers", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.what == "train":
        train(arguments.folder, arguments.epochs, arguments.workers)
    else:
        predict(arguments.folder)
