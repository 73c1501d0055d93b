"""Calibrate: what turns a net's logits into probabilities one can believe."""

import torch
from torch import Tensor, nn

# Standard deviation of the log of the temperature before any validation row is seen: few rows move it little.
LOG_TEMPERATURE_SPREAD = 0.5


class Calibrate(nn.Module):
    """Divide logits by a temperature outside training (Guo et al. 2017), and keep the shares learnt under.

    Both are buffers: ``temperature``, 1 until it is fitted, and ``train_priors``, the share of each
    class in the loss, which is its count times its weight.
    """

    temperature: Tensor
    train_priors: Tensor

    def __init__(self, n_classes: int):
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("train_priors", torch.full((n_classes,), 1 / n_classes))

    def forward(self, logits: Tensor) -> Tensor:
        return logits if self.training else logits / self.temperature

    def fit(self, logits: Tensor, y: Tensor, weight: Tensor) -> None:
        """Set the temperature from the logits `[n_events, n_classes]` of validation rows.

        It has the highest posterior: the weighted log-likelihood of the rows, and a normal prior on
        its logarithm.
        """
        log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")
        weight = weight.double() / weight[y].double().mean()

        def loss():
            optimizer.zero_grad()
            scaled = logits.double() / log_temperature.exp()
            value = nn.functional.cross_entropy(scaled, y, weight=weight, reduction="sum")
            value = value + (log_temperature / LOG_TEMPERATURE_SPREAD) ** 2 / 2
            value.backward()
            return value

        optimizer.step(loss)
        self.temperature.copy_(log_temperature.detach().exp())
