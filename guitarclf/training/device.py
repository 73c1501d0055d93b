"""Where a net runs and in which arithmetic, decided on the machine at hand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args

import torch
from torch import Tensor

from guitarclf.errors import ParameterError
from guitarclf.parameters.sections import Device, Precision

DEVICES, PRECISIONS = get_args(Device), get_args(Precision)
FUSED_DEVICES = ("cpu", "cuda")


def computes_in_bf16(precision: str, device: str) -> bool:
    """Return whether training steps on a device are to be computed in bfloat16."""
    if precision not in PRECISIONS:
        raise ParameterError(f"`precision` must be one of {', '.join(PRECISIONS)}. Got {precision!r}.")
    if precision != "auto":
        return precision == "bf16"
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def is_available(device: str) -> bool:
    """Return whether this machine has a device; it always has a CPU, and something for "auto"."""
    has = {"auto": True, "cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind = str(device).split(":")[0]  # a torch.device, or one of several: cuda:1
    if kind not in has:
        raise ParameterError(f"`device` must be one of {', '.join(DEVICES)}. Got {device!r}.")
    return has[kind]


def resolve_device(device: str) -> str:
    """Return the device "auto" stands for on this machine, or any other that it has."""
    if not is_available(device):
        raise ParameterError(f"`device` must be one that this machine has. There is no {device}. Use auto or cpu.")
    if device != "auto":
        return str(device)
    return next(name for name in ("cuda", "mps", "cpu") if is_available(name))


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch compute in so many threads, and put its number back; 0 leaves it alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fused_settings(optimizer: type, device: str) -> dict[str, bool]:
    """Return the keywords with which an optimizer updates all weights in one kernel, where it can."""
    has_fused = isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Adam | torch.optim.SGD)
    return {"fused": True} if has_fused and device.split(":")[0] in FUSED_DEVICES else {}


def compute(part: Callable[[Tensor], Tensor], x: Any, *, device: str, precision: str) -> Tensor:
    """Return what a module or a part of it makes of x on a device, in float32 whatever the precision inside."""
    x = torch.as_tensor(x).to(device)
    if not computes_in_bf16(precision, device):
        return part(x)
    with torch.autocast(x.device.type, dtype=torch.bfloat16):
        return part(x).float()


class AnyDevice:
    """A skorch net whose ``device`` may be "auto": skorch sees a real one, and the parameter stays."""

    device: str

    @contextmanager
    def _on_this_machine(self) -> Iterator[None]:
        asked, self.device = self.device, resolve_device(self.device)
        try:
            yield
        finally:
            self.device = asked

    def _initialize_module(self, reason: str | None = None) -> Any:
        with self._on_this_machine():
            return super()._initialize_module(reason)  # type: ignore[misc]

    def _initialize_criterion(self, reason: str | None = None) -> Any:
        with self._on_this_machine():
            return super()._initialize_criterion(reason)  # type: ignore[misc]

    def load_params(self, *args: Any, **kwargs: Any) -> None:
        """As skorch's, onto the device at hand."""
        with self._on_this_machine():
            super().load_params(*args, **kwargs)  # type: ignore[misc]

    def save_params(self, *args: Any, **kwargs: Any) -> None:
        """As skorch's, as safetensors too, which takes no weights that lie channels last."""
        lying = {weight: weight.data for weight in self.module_.parameters()} if hasattr(self, "module_") else {}
        for weight in lying:
            weight.data = weight.data.contiguous()
        try:
            super().save_params(*args, **kwargs)  # type: ignore[misc]
        finally:
            for weight, data in lying.items():
                weight.data = data

    def __setstate__(self, state: dict[str, Any]) -> None:
        asked = state["device"]
        super().__setstate__({**state, "device": resolve_device(asked) if asked == "auto" else asked})  # type: ignore[misc]
        if asked == "auto":
            self.device = asked
