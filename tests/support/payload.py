"""What a stranger may put into a pickle."""

from pathlib import Path


class Payload:
    """Pickled, it writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)
