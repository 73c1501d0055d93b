"""AdamW: torch's arithmetic in one kernel, without torch's compiler."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from small import still_config

from guitarclf.labels import LABELS
from guitarclf.pipeline import build_net
from guitarclf.training.device import fused_settings
from guitarclf.training.optimizing import AdamW


def trained(optimizer, **settings):
    """Return the weights of a small module after a few steps."""
    torch.manual_seed(0)
    module, x = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)), torch.randn(20, 6)
    optimizer = optimizer(module.parameters(), lr=0.01, weight_decay=0.1, **settings)
    for _ in range(30):

        def loss():
            optimizer.zero_grad()
            value = (module(x) - x[:, :1]).square().mean()
            value.backward()
            return value

        first = optimizer.step(loss)
    return torch.cat([weight.detach().flatten() for weight in module.parameters()]), first


@pytest.mark.parametrize("fused", [False, True])
def test_it_learns_what_torchs_learns(fused):
    ours, loss = trained(AdamW, fused=fused)
    theirs, expected = trained(torch.optim.AdamW)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(
    ("optimizer", "device", "fused"),
    [
        (AdamW, "cpu", True),
        (torch.optim.AdamW, "cuda:1", True),
        (torch.optim.SGD, "cpu", True),
        (torch.optim.Rprop, "cpu", False),
        (AdamW, "mps", False),
    ],
)
def test_it_is_fused_where_it_can_be(optimizer, device, fused):
    assert fused_settings(optimizer, device) == ({"fused": True} if fused else {})


@pytest.mark.parametrize("asked", [None, False])
def test_a_net_is_trained_fused_unless_asked_otherwise(asked, rng):
    net = build_net(still_config(net__max_epochs=1, training__valid_size=0))
    if asked is not None:
        net.set_params(optimizer__fused=asked)
    X = rng.standard_normal((12, 1, 32, 87)).astype(np.float32)
    net.fit(X, np.array(LABELS * 4))
    assert net.optimizer_.defaults["fused"] is (asked is None)


def test_training_does_not_load_the_compiler():
    script = (
        "import sys, torch\nfrom guitarclf.training.optimizing import AdamW\n"
        "module = torch.nn.Linear(2, 1)\noptimizer = AdamW(module.parameters())\n"
        "module(torch.ones(1, 2)).sum().backward()\noptimizer.step()\noptimizer.zero_grad()\noptimizer.state_dict()\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
