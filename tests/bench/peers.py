#!/usr/bin/env python3
"""PyTorch's times for the networks of the benchmark, as a worker that run.py drives.

    peers.py THREADS

reads lines "MODEL BATCH" on standard input and answers each with one line of JSON:
    {"train_ms": .., "forward_ms": .., "layout": {"train": .., "forward": ..}, "train_flops": .., "forward_flops": ..}
A time is the median over a short burst of repetitions, of the better of the default and the channels_last memory
format. A training step is forward, cross entropy, backward and SGD with momentum (fused, which measures no slower than
the default). Flops count the batch's products of convolutions and dense layers, 2 a multiply-add: the forward pass, and
twice that for the backward pass but for the first layer, whose input needs no gradient.
"""
import json
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

BURST = 0.25  # seconds of repetitions a measurement
LEAST = 3  # repetitions at least


def lenet5():
    return (1, 28, 28), nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(),
        nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


def mlp_mnist():
    return (1, 28, 28), nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))


class Basic(nn.Module):
    def __init__(self, cin, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.more = stride, width - cin

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.more:
            x = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))
        return F.relu(y + x)


def resnet20_cifar():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    cin = 16
    for width in (16, 32, 64):
        for _ in range(3):
            layers.append(Basic(cin, width, 2 if width != cin else 1))
            cin = width
    return (3, 32, 32), nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def vgg_cifar():
    layers, cin = [], 3
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3)):
        for _ in range(depth):
            layers += [nn.Conv2d(cin, width, 3, padding=1), nn.ReLU(inplace=True)]
            cin = width
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(2048, 512), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(512, 10)]
    return (3, 32, 32), nn.Sequential(*layers)


MODELS = {f.__name__: f for f in (lenet5, mlp_mnist, resnet20_cifar, vgg_cifar)}


def count_flops(model, x):
    """(training step, forward pass) of the batch x."""
    macs = []

    def hook(module, _, output):
        macs.append(output.numel() * module.weight[0].numel())

    handles = [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return 2 * (3 * sum(macs) - macs[0]), 2 * sum(macs)


def median_ms(step):
    for _ in range(2):
        step()
    times, end = [], time.perf_counter() + BURST
    while len(times) < LEAST or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def measure(name, batch, cache={}):
    key = (name, batch)
    if key not in cache:
        variants = []
        for layout in (torch.contiguous_format, torch.channels_last):
            torch.manual_seed(1)
            shape, model = MODELS[name]()
            model = model.to(memory_format=layout)
            x = torch.randn(batch, *shape).contiguous(memory_format=layout)
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)
            variants.append((str(layout).split(".")[1], model, x, optimizer))
        cache[key] = variants, torch.randint(0, 10, (batch,)), count_flops(*variants[0][1:3])
    variants, target, flops = cache[key]
    trained, inferred = [], []
    for layout, model, x, optimizer in variants:

        def train():
            optimizer.zero_grad()
            F.cross_entropy(model(x), target).backward()
            optimizer.step()

        def infer():
            with torch.inference_mode():
                model(x)

        model.train()
        trained.append((median_ms(train), layout))
        model.eval()
        inferred.append((median_ms(infer), layout))
    (train_ms, train_layout), (forward_ms, forward_layout) = min(trained), min(inferred)
    return {
        "train_ms": train_ms, "forward_ms": forward_ms,
        "layout": {"train": train_layout, "forward": forward_layout},
        "train_flops": flops[0], "forward_flops": flops[1],
    }


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(int(sys.argv[1]))
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        name, batch = line.split()
        print(json.dumps(measure(name, int(batch))), flush=True)


if __name__ == "__main__":
    main()
