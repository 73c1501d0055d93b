"""AdamW in one kernel, and without the compiler that torch would load with it."""

import sys

import torch

FUSED_DEVICES = ("cpu", "cuda")


class AdamW(torch.optim.AdamW):
    """torch's AdamW (Loshchilov and Hutter 2019), the same arithmetic, which does not load torch's compiler.

    torch loads it with the first optimizer, for most of a second, only to exempt the optimizer's methods from
    being compiled. Here nothing is compiled. Where the compiler is loaded already, all is as torch has it.
    """

    def __init__(self, *args, **kwargs):
        leave_compiler_out()
        super().__init__(*args, **kwargs)

    def step(self, closure=None):
        """Update the weights once; ``closure`` computes the loss and is called first."""
        plain = getattr(torch.optim.AdamW.step, "__wrapped__", None)
        if plain is None or self.defaults["differentiable"] or "torch._dynamo" in sys.modules:
            return super().step(closure)
        with torch.no_grad():
            return plain(self, closure)


def fused_settings(optimizer: type, device: str) -> dict:
    """Return the keywords with which an optimizer updates all weights in one kernel, where it can."""
    has_fused = isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Adam | torch.optim.SGD)
    return {"fused": True} if has_fused and device.split(":")[0] in FUSED_DEVICES else {}


def leave_compiler_out() -> None:
    """Say of each method that torch would exempt from compilation that it is its own exemption (torch/_compile.py)."""
    if "torch._dynamo" in sys.modules:
        return
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        method = getattr(getattr(torch.optim.Optimizer, name), "__wrapped__", None)
        if method is not None and not hasattr(method, "__dynamo_disable"):
            setattr(method, "__dynamo_disable", method)
