"""AdamW: where pickles of 0.1.0 look for it."""

from torch.optim import AdamW as AdamW
