"""Where a net runs and in which arithmetic, decided on the machine at hand."""

import torch


def computes_in_bf16(precision: str, device: str) -> bool:
    """Return whether training steps on a device are to be computed in bfloat16."""
    if precision != "auto":
        return precision == "bf16"
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def resolve_device(device: str) -> str:
    """Return the device "auto" stands for on this machine; any other as it is."""
    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
