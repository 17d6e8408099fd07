"""DenseNet: every layer reads what all layers before it put out. Huang et al. 2017, "Densely connected".

In two forms: the notes' small one, and the paper's 121, 169, 201 and 264 with bottlenecks. Two settings tell them
apart: `bottleneck`, and `bias`, which the paper's convolutions have not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cnnlab.models.shared import STEMS, Network, choose, named, scaled, side_after

# Table 1 of the paper: layers in each dense block, growth rate 32. Each layer is a 1×1 and a 3×3 convolution.
# Paper: the fourth is named 264, though its table gives 2·(6 + 12 + 64 + 48) + 5 = 265 layers with weights.
DEPTHS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32), 264: (6, 12, 64, 48)}


class DenseBlock(nn.Module):
    """Layers that each add growth_rate channels to all they were given.
    (B, c_in, H, W) -> (B, c_in + num_convs · growth_rate, H, W).

    bottleneck: a 1×1 convolution to 4 · growth_rate channels before each 3×3.
    """

    def __init__(self, num_convs: int, c_in: int, growth_rate: int, *, bottleneck: bool = False, bias: bool = True):
        super().__init__()
        make = _bottleneck if bottleneck else _conv3x3
        inputs = [c_in + i * growth_rate for i in range(num_convs)]
        self.layers = nn.ModuleList(make(channels, growth_rate, bias) for channels in inputs)
        self.out_channels = c_in + num_convs * growth_rate

    def forward(self, X: Tensor) -> Tensor:
        for layer in self.layers:
            X = torch.cat([X, layer(X)], dim=1)
        return X


def transition(c_in: int, c_out: int, bias: bool = True) -> nn.Sequential:
    """Fewer channels and half the side, between two dense blocks. (B, c_in, H, W) -> (B, c_out, H // 2, W // 2)."""
    return named(
        norm=nn.BatchNorm2d(c_in),
        relu=nn.ReLU(),
        conv=nn.Conv2d(c_in, c_out, kernel_size=1, bias=bias),
        pool=nn.AvgPool2d(kernel_size=2, stride=2),
    )


class DenseNet(Network):
    """A stem, dense blocks with a transition between each two, batch norm, global average, one linear layer.
    (B, in_channels, image_size, image_size) -> (B, num_classes).

    num_convs: layers of each dense block. stem_channels: what the first block is given.
    compression: the share of its channels that a transition keeps. bias: of the convolutions.
    stem: "paper" is 7×7 with stride 2 and a pooling; "half" is 3×3 with the stride only, "small" 3×3 with neither.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 96,
        *,
        num_convs: tuple[int, ...] = (4, 4, 4, 4),
        growth_rate: int = 32,
        stem_channels: int = 64,
        bottleneck: bool = False,
        compression: float = 0.5,
        bias: bool = True,
        width: float = 1.0,
        stem: str = "paper",
    ):
        _check(num_convs, compression)
        kernel_size, stride, has_pool0 = choose("stem", stem, STEMS)
        growth, channels = scaled(growth_rate, width), scaled(stem_channels, width)
        super().__init__()
        self.stem = named(
            conv0=nn.Conv2d(in_channels, channels, kernel_size, stride, padding=kernel_size // 2, bias=bias),
            norm0=nn.BatchNorm2d(channels),
            relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1) if has_pool0 else None,
        )
        for i, layers in enumerate(num_convs, start=1):
            block = DenseBlock(layers, channels, growth, bottleneck=bottleneck, bias=bias)
            self.add_module(f"denseblock{i}", block)
            channels = block.out_channels
            if i < len(num_convs):
                kept = max(1, int(compression * channels))
                self.add_module(f"transition{i}", transition(channels, kept, bias))
                channels = kept
        shrinking = dict(self.stem.named_children())
        shrinking |= {name: part.pool for name, part in self.named_children() if name.startswith("transition")}
        side_after("DenseNet", image_size, shrinking)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, X: Tensor) -> Tensor:
        X = self.stem(X)
        for name, part in self.named_children():
            if "denseblock" in name or "transition" in name:  # by turns, a dense block first and last
                X = part(X)
        X = self.pool(self.relu(self.norm(X)))
        return self.classifier(self.flatten(X))


def densenet(in_channels: int = 1, num_classes: int = 10, image_size: int = 96, **settings) -> DenseNet:
    """The notes' four blocks of four 3×3 convolutions: 758,226 parameters."""
    return DenseNet(in_channels, num_classes, image_size, **settings)


def densenet121(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> DenseNet:
    """Blocks of 6, 12, 24 and 16 bottlenecks."""
    return _paper(121, in_channels, num_classes, image_size, settings)


def densenet169(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> DenseNet:
    """Blocks of 6, 12, 32 and 32 bottlenecks."""
    return _paper(169, in_channels, num_classes, image_size, settings)


def densenet201(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> DenseNet:
    """Blocks of 6, 12, 48 and 32 bottlenecks."""
    return _paper(201, in_channels, num_classes, image_size, settings)


def densenet264(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> DenseNet:
    """Blocks of 6, 12, 64 and 48 bottlenecks."""
    return _paper(264, in_channels, num_classes, image_size, settings)


def _paper(depth: int, in_channels: int, num_classes: int, image_size: int, settings: dict) -> DenseNet:
    table = {"num_convs": DEPTHS[depth], "bottleneck": True, "bias": False}
    return DenseNet(in_channels, num_classes, image_size, **{**table, **settings})


def _conv3x3(c_in: int, c_out: int, bias: bool) -> nn.Sequential:
    """Batch norm, ReLU, convolution, in that order. (B, c_in, H, W) -> (B, c_out, H, W)."""
    return named(norm=nn.BatchNorm2d(c_in), relu=nn.ReLU(), conv=nn.Conv2d(c_in, c_out, 3, padding=1, bias=bias))


def _bottleneck(c_in: int, c_out: int, bias: bool) -> nn.Sequential:
    """A 1×1 to 4 · c_out channels, then the 3×3. (B, c_in, H, W) -> (B, c_out, H, W)."""
    return named(
        norm1=nn.BatchNorm2d(c_in),
        relu1=nn.ReLU(),
        conv1=nn.Conv2d(c_in, 4 * c_out, kernel_size=1, bias=bias),
        norm2=nn.BatchNorm2d(4 * c_out),
        relu2=nn.ReLU(),
        conv2=nn.Conv2d(4 * c_out, c_out, kernel_size=3, padding=1, bias=bias),
    )


def _check(num_convs: tuple[int, ...], compression: float) -> None:
    if not num_convs or min(num_convs) < 1:
        raise ValueError(
            f"num_convs {num_convs} has no layer in some block; give at least 1 for each, as in (4, 4, 4, 4)"
        )
    if not 0 < compression <= 1:
        raise ValueError(
            f"compression {compression} is not above 0 and at most 1; 0.5 halves the channels, 1 keeps them"
        )
