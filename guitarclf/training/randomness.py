"""Random numbers of a fit that leave those of the caller as they were."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def own_stream(start: int | torch.Tensor | None) -> Iterator[None]:
    """Start torch's generators at a seed or a kept state, and put them back as they were; None leaves them alone."""
    if start is None:
        yield
        return
    with torch.random.fork_rng():
        if isinstance(start, torch.Tensor):
            torch.set_rng_state(start)
        else:
            torch.manual_seed(start)
        yield
