"""The benchmark's networks in PyTorch, the same as examples/*.net: layer for layer, with the same optimizer.

NETWORKS[name] = Network(input shape, function that makes the module, Training). A module in training mode gives its
heads in the order of the losses' weights, a single head as a tensor; in evaluation mode the main head alone.
"""
import math
from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Training:
    """Stochastic gradient descent as the model's train section says, and the losses' weights."""
    batches: tuple
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    clip: float = 0.0  # the gradient's norm at most; 0: not clipped
    heads: tuple = (1.0,)


@dataclass
class Network:
    shape: tuple  # channels, height, width
    make: Callable[[], nn.Module]
    training: Training


class ScaledTanh(nn.Module):
    """1.7159 tanh(2/3 x), LeCun's."""

    def forward(self, x):
        return 1.7159 * torch.tanh(2 / 3 * x)


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(),
        nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


def perceptron(activation, *widths):
    layers = [nn.Flatten()]
    for before, after in zip(widths, widths[1:]):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])


class PadShortcut(nn.Module):
    """Every second pixel, with channels of zeros around: the shortcut without parameters."""

    def __init__(self, cin, width, stride):
        super().__init__()
        self.stride, self.more = stride, width - cin

    def forward(self, x):
        x = x[:, :, ::self.stride, ::self.stride]
        return F.pad(x, (0, 0, 0, 0, self.more // 2, self.more - self.more // 2)) if self.more else x


def conv_bn(cin, width, size, stride=1, relu=True):
    layers = [nn.Conv2d(cin, width, size, stride, size // 2, bias=False), nn.BatchNorm2d(width)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x), inplace=True)


def projection(cin, width, stride):
    return nn.Identity() if cin == width and stride == 1 else conv_bn(cin, width, 1, stride, relu=False)


def basic(cin, width, stride, shortcut=projection):
    body = nn.Sequential(conv_bn(cin, width, 3, stride), conv_bn(width, width, 3, relu=False))
    return Residual(body, shortcut(cin, width, stride)), width


def bottleneck(cin, width, stride):
    body = nn.Sequential(conv_bn(cin, width, 1), conv_bn(width, width, 3, stride), conv_bn(width, 4 * width, 1, relu=False))
    return Residual(body, projection(cin, 4 * width, stride)), 4 * width


def stages(block, cin, widths, depths):
    layers = []
    for stage, (width, depth) in enumerate(zip(widths, depths)):
        for i in range(depth):
            layer, cin = block(cin, width, 2 if stage > 0 and i == 0 else 1)
            layers.append(layer)
    return layers, cin


def resnet20_cifar():
    layers, cin = stages(lambda *shape: basic(*shape, shortcut=PadShortcut), 16, (16, 32, 64), (3, 3, 3))
    return nn.Sequential(conv_bn(3, 16, 3), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(cin, 10))


def resnet(block, *depths):
    layers, cin = stages(block, 64, (64, 128, 256, 512), depths)
    return nn.Sequential(conv_bn(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(cin, 1000))


def vgg_stages(*sizes):
    layers, cin = [], 3
    for width, depth in sizes:
        for _ in range(depth):
            layers += [nn.Conv2d(cin, width, 3, padding=1), nn.ReLU(inplace=True)]
            cin = width
        layers.append(nn.MaxPool2d(2))
    return layers + [nn.Flatten()]


def classifier(inputs, hidden, classes):
    return [nn.Linear(inputs, hidden), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(hidden, classes)]


def vgg_cifar():
    return nn.Sequential(*vgg_stages((64, 2), (128, 2), (256, 3), (512, 3)), nn.Linear(2048, 512), nn.ReLU(inplace=True),
                         nn.Dropout(0.5), nn.Linear(512, 10))


def vgg_d():
    return nn.Sequential(*vgg_stages((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), *classifier(7 * 7 * 512, 4096, 1000))


def alexnet():
    def relu():
        return nn.ReLU(inplace=True)

    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), relu(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, padding=2), relu(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5, 5e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, padding=1), relu(), nn.Conv2d(384, 384, 3, padding=1), relu(),
        nn.Conv2d(384, 256, 3, padding=1), relu(), nn.MaxPool2d(3, 2), nn.Flatten(), *classifier(9216, 4096, 1000))


def conv_relu(cin, width, size, stride=1):
    return nn.Sequential(nn.Conv2d(cin, width, size, stride, size // 2), nn.ReLU(inplace=True))


class Inception(nn.Module):
    def __init__(self, cin, n1, r3, n3, r5, n5, proj):
        super().__init__()
        self.branches = nn.ModuleList([
            conv_relu(cin, n1, 1),
            nn.Sequential(conv_relu(cin, r3, 1), conv_relu(r3, n3, 3)),
            nn.Sequential(conv_relu(cin, r5, 1), conv_relu(r5, n5, 5)),
            nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_relu(cin, proj, 1))])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def auxiliary(cin):
    return nn.Sequential(nn.AvgPool2d(5, 3), conv_relu(cin, 128, 1), nn.Flatten(), nn.Linear(2048, 1024),
                         nn.ReLU(inplace=True), nn.Dropout(0.7), nn.Linear(1024, 1000))


class GoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()

        def pool():
            return nn.MaxPool2d(3, 2, 1)

        def norm():
            return nn.LocalResponseNorm(5, 5e-4, 0.75, 1)

        self.first = nn.Sequential(
            conv_relu(3, 64, 7, 2), pool(), norm(), conv_relu(64, 64, 1), conv_relu(64, 192, 3), norm(), pool(),
            Inception(192, 64, 96, 128, 16, 32, 32), Inception(256, 128, 128, 192, 32, 96, 64), pool(),
            Inception(480, 192, 96, 208, 16, 48, 64))
        self.second = nn.Sequential(
            Inception(512, 160, 112, 224, 24, 64, 64), Inception(512, 128, 128, 256, 24, 64, 64),
            Inception(512, 112, 144, 288, 32, 64, 64))
        self.third = nn.Sequential(
            Inception(528, 256, 160, 320, 32, 128, 128), pool(), Inception(832, 256, 160, 320, 32, 128, 128),
            Inception(832, 384, 192, 384, 48, 128, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4),
            nn.Linear(1024, 1000))
        self.aux1, self.aux2 = auxiliary(512), auxiliary(528)

    def forward(self, x):
        x = self.first(x)
        y = self.second(x)
        main = self.third(y)
        return (main, self.aux1(x), self.aux2(y)) if self.training else main


MNIST, CIFAR, IMAGENET = (1, 28, 28), (3, 32, 32), (3, 224, 224)

NETWORKS = {
    "mlp_mnist": Network(MNIST, lambda: perceptron(nn.ReLU, 784, 300, 100, 10), Training((64,), nesterov=True)),
    "lenet5": Network(MNIST, lenet5, Training((64, 10), nesterov=True)),
    "mlp_ciresan": Network(MNIST, lambda: perceptron(ScaledTanh, 784, 2500, 2000, 1500, 1000, 500, 10),
                           Training((128,), momentum=0)),
    "resnet20_cifar": Network(CIFAR, resnet20_cifar, Training((128,), weight_decay=1e-4)),
    "vgg_cifar": Network(CIFAR, vgg_cifar, Training((64,), nesterov=True, weight_decay=5e-4, clip=5)),
    "alexnet": Network((3, 227, 227), alexnet, Training((32,), weight_decay=5e-4)),
    "googlenet": Network(IMAGENET, GoogLeNet, Training((16,), weight_decay=2e-4, heads=(1.0, 0.3, 0.3))),
    "resnet18": Network(IMAGENET, lambda: resnet(basic, 2, 2, 2, 2), Training((16,), weight_decay=1e-4)),
    "resnet50": Network(IMAGENET, lambda: resnet(bottleneck, 3, 4, 6, 3), Training((8,), weight_decay=1e-4)),
    "vgg_d": Network(IMAGENET, vgg_d, Training((8,), weight_decay=5e-4)),
}


def count_flops(network, module, batch):
    """Floating-point operations of a batch's convolutions and dense layers, 2 a multiply-add: (training step,
    inference). A backward pass has twice those of a forward pass, but for the first layer, whose input needs no
    gradient."""
    macs = []

    def hook(layer, _, output):
        macs.append(output.numel() * math.prod(layer.weight.shape[1:]))

    handles = [m.register_forward_hook(hook) for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    totals = []
    with torch.no_grad():
        for training in (True, False):
            macs.clear()
            # statistics of a batch of two, as one sample has none where the picture is a single pixel
            module.train(training)(torch.zeros(2, *network.shape))
            totals.append(2 * batch / 2 * ((3 * sum(macs) - macs[0]) if training else sum(macs)))
    for handle in handles:
        handle.remove()
    return {"training": totals[0], "inference": totals[1]}
