"""Settings that make the trainings of documented commands short. Each command of a walk imports this: nothing heavy."""

SHORT = ["--set", "net.max_epochs=1", "--set", "training.modelled_valid_size=0.2"]
SHORT_FRESH = ["--set", "net.module.rnn_hidden_size=8", "--set", "net.module.conv_channels=[4,4,4]"]
SHORT_SEARCH = ["--set", "search.method=random", "--set", "search.n_iter=2", "--set", "search.n_splits=2"]
SHORT_FURTHER = ["--set", "training.add_modelled=10", "--set", "training.add_clutter=3"]
TRAIN = {"train", "crossval", "search"}


def shortened(arguments: list[str]) -> list[str]:
    """Return the arguments of a command, with settings that make its training short."""
    if arguments[:1] == ["demo"]:
        return [*arguments, "--events", "60"]
    if not TRAIN & set(arguments[:1]) or "--resume" in arguments:
        return arguments
    settings = SHORT + (SHORT_FURTHER if "--init-from" in arguments else SHORT_FRESH)
    settings += SHORT_SEARCH if arguments[0] == "search" else []
    said = " ".join(arguments)
    pairs = zip(settings[::2], settings[1::2], strict=True)
    return arguments + [
        part for flag, pair in pairs if pair.split("=")[0] not in said or "epochs" in pair for part in (flag, pair)
    ]
