"""AdamW without the compiler that torch would load with it."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


class AdamW(torch.optim.AdamW):
    """torch's AdamW (Loshchilov and Hutter 2019), with its methods as they are before torch wraps them.

    The wrappers exempt the methods from being compiled, and load torch's compiler to say so, which takes seconds.
    Here nothing is compiled.
    """

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the weights once; ``closure`` computes the loss and is called first."""
        return inspect.unwrap(torch.optim.AdamW.step)(self, closure)
