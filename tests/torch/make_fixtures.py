#!/usr/bin/env python3
"""Writes the fixtures that netc's gradients and optimizers are checked against: values of PyTorch in double precision.

For each network of nets/ three files go to fixtures/:
  NAME.weights.safetensors   parameters and running statistics, F32, named as the .net file names them
  NAME.batch.safetensors     `input` (N,C,H,W or N,F) F32 and `target` (N class indices I64, or N,F vectors F32)
  NAME.expected.safetensors  F64: `loss`, `output` (of the first head), the gradient of every parameter under its name
                             that is trained, and of the `input` unless what is frozen lies before all that is trained
and for each row of OPTIMIZERS:
  NAME.net                   a model with the row's train section, which reads samples/train.csv as one full batch
  NAME.weights.safetensors   what it starts from
  NAME.expected.safetensors  F64: parameters and statistics after STEPS steps

The networks are written with torch.nn.functional, operator by operator, so that nothing is shared with netc but the
definitions. A seed is refused when a value lies so near to a kink (of relu, of a maximum) that single precision may
fall on the other side, and when single-precision PyTorch itself strays from double precision: what is committed can be
reached, and a difference means a wrong formula.

Needs PyTorch and safetensors:   python3 -m venv V && V/bin/pip install torch safetensors numpy
"""
import argparse
import math
import os
import sys

try:
    import torch
    import torch.nn.functional as F
    from safetensors.torch import save_file
except ImportError as e:
    sys.exit(f"{e}\n{__doc__.splitlines()[-1]}")

HERE = os.path.dirname(os.path.abspath(__file__))
KINK = 1e-5  # nearest a value may come to a kink
STRAY = 4e-6  # largest relative error of single-precision PyTorch; netc is allowed 2e-5
STEPS = 10


class Net:
    """Operators over a dictionary of parameters: made, from the seed, where the dictionary lacks them."""

    def __init__(self, params, stats, generator, dtype):
        self.params, self.stats, self.generator, self.dtype = params, stats, generator, dtype
        self.margin = math.inf
        self.frozen, self.kept, self.with_input = (), set(), True

    def freeze(self, *names, with_input=True):
        """What begins with one of the names gets no gradient; said before anything else."""
        self.frozen, self.with_input = names, with_input

    def is_frozen(self, name):
        return any(name == label or name.startswith(label + ".") for label in self.frozen)

    def param(self, name, shape, std, mean=0.0):
        if name not in self.params:
            value = torch.randn(shape, generator=self.generator) * std + mean
            self.params[name] = value.to(self.dtype).requires_grad_(not self.is_frozen(name))
        return self.params[name]

    def kink(self, distance):
        self.margin = min(self.margin, distance.detach().abs().min().item())

    def conv(self, name, x, out, size, stride=1, pad=0, dilation=1, groups=1, bias=True):
        kh, kw = (size, size) if isinstance(size, int) else size
        cin = x.shape[1] // groups
        w = self.param(name + ".weight", (out, cin, kh, kw), 1.2 / math.sqrt(cin * kh * kw))
        b = self.param(name + ".bias", (out,), 0.2) if bias else None
        return F.conv2d(x, w, b, stride=stride, padding=pad, dilation=dilation, groups=groups)

    def dense(self, name, x, out, bias=True):
        x = x.flatten(1)
        w = self.param(name + ".weight", (out, x.shape[1]), 1.2 / math.sqrt(x.shape[1]))
        b = self.param(name + ".bias", (out,), 0.2) if bias else None
        return F.linear(x, w, b)

    def batchnorm(self, name, x, eps=1e-5, momentum=0.1):
        c = x.shape[1]
        w = self.param(name + ".weight", (c,), 0.2, 1.0)
        b = self.param(name + ".bias", (c,), 0.2)
        names = name + ".running_mean", name + ".running_var"
        if self.is_frozen(name + ".weight") and self.is_frozen(name + ".bias"):  # as in eval()
            self.kept.update(names)
            if names[0] not in self.stats:
                self.stats[names[0]] = (0.3 * torch.randn(c, generator=self.generator)).to(self.dtype)
                self.stats[names[1]] = (0.5 + torch.rand(c, generator=self.generator)).to(self.dtype)
            return F.batch_norm(x, *(self.stats[k] for k in names), w, b, training=False, eps=eps)
        mean = self.stats.setdefault(names[0], torch.zeros(c, dtype=self.dtype))
        var = self.stats.setdefault(names[1], torch.ones(c, dtype=self.dtype))
        return F.batch_norm(x, mean, var, w, b, training=True, momentum=momentum, eps=eps)

    def relu(self, x):
        self.kink(x)
        return F.relu(x)

    def leaky_relu(self, x, alpha=0.01):
        self.kink(x)
        return F.leaky_relu(x, alpha)

    def prelu(self, name, x, shared=False):
        self.kink(x)
        return F.prelu(x, self.param(name + ".weight", (1 if shared else x.shape[1],), 0.1, 0.25))

    def elu(self, x, alpha=1.0):
        self.kink(x)
        return F.elu(x, alpha)

    def selu(self, x):
        self.kink(x)
        return F.selu(x)

    def swish(self, name, x):
        beta = self.param(name + ".beta", (x.shape[1],), 0.3, 1.0)
        return x * torch.sigmoid(beta.reshape(1, -1, *[1] * (x.dim() - 2)) * x)

    def pdelu(self, name, x, t=0.9):
        self.kink(x)
        base = 1 + (1 - t) * x
        self.kink(base)
        a = self.param(name + ".weight", (x.shape[1],), 0.3, 1.0).reshape(1, -1, *[1] * (x.dim() - 2))
        # the base is kept from 0 in the branch that is not taken, where its power would have no derivative
        deformed = torch.where(base > 0, torch.where(base > 0, base, 1.0) ** (1 / (1 - t)), 0.0)
        return torch.where(x > 0, x, a * (deformed - 1))

    def abrelu(self, x, alpha=1.0):
        return self.relu(x - alpha * x.flatten(1).mean(1).reshape(-1, *[1] * (x.dim() - 1)))

    def largest(self, candidates):
        """Maximum over the last dimension. Equal candidates are no kink: they are zeros that came out of a relu."""
        top = candidates.topk(2, dim=-1).values
        gap = (top[..., 0] - top[..., 1]).detach()
        if (gap > 0).any():
            self.kink(gap[gap > 0])
        return candidates.max(dim=-1).values

    def maxpool(self, x, size, stride=None, pad=0):
        kh, kw = (size, size) if isinstance(size, int) else size
        sh, sw = (stride, stride) if isinstance(stride, int) else stride or (kh, kw)
        if x.shape[2] >= kh:
            padded = F.pad(x.detach(), (pad,) * 4, value=-math.inf)
            self.largest(padded.unfold(2, kh, sh).unfold(3, kw, sw).flatten(4))
        return F.max_pool2d(x, (kh, kw), (sh, sw), pad)

    def maxout(self, x, pieces):
        n, c = x.shape[:2]
        grouped = x.reshape(n, c // pieces, pieces, *x.shape[2:])
        return self.largest(grouped.movedim(2, -1))

    def lrn(self, x, n, alpha, beta, k):
        return F.local_response_norm(x, n, alpha=alpha, beta=beta, k=k)


# ---------------------------------------------------------------- networks: the same, line by line, as nets/NAME.net


def activations_dense(n, x):
    x = n.relu(n.dense("a1", x, 14))
    x = n.leaky_relu(n.dense("a2", x, 14), 0.1)
    x = n.prelu("a3.prelu", n.dense("a3", x, 13))
    x = n.prelu("a4.prelu", n.dense("a4", x, 13), shared=True)
    x = n.elu(n.dense("a5", x, 12), 0.7)
    x = n.selu(n.dense("a6", x, 12))
    x = F.gelu(n.dense("a7", x, 11))
    x = F.gelu(n.dense("a8", x, 11), approximate="tanh")
    x = F.softplus(n.dense("a9", x, 10))
    x = F.silu(n.dense("a10", x, 10))
    x = n.dense("a11", x, 9)
    x = x * torch.sigmoid(1.5 * x)
    x = torch.tanh(n.dense("a12", x, 9))
    x = torch.sigmoid(n.dense("a13", x, 8))
    return n.dense("out", x, 5)


def activations_conv(n, x):
    x = n.relu(n.conv("a1", x, 5, 3, pad=1))
    x = n.leaky_relu(n.conv("a2", x, 6, 1))
    x = n.prelu("a3.prelu", n.conv("a3", x, 7, 3, pad=1))
    x = n.prelu("a4.prelu", n.conv("a4", x, 9, 1), shared=True)
    x = n.elu(n.conv("a5", x, 5, 3, pad=1))
    x = n.selu(n.conv("a6", x, 6, 1))
    x = F.gelu(n.conv("a7", x, 5, 3))
    x = F.gelu(n.conv("a8", x, 10, 1), approximate="tanh")
    x = F.softplus(n.conv("a9", x, 4, 1))
    x = F.silu(n.conv("a10", x, 3, 3, pad=1))
    x = torch.tanh(n.conv("a11", x, 5, 1))
    x = torch.sigmoid(n.conv("a12", x, 6, 1))
    return n.dense("out", x, 4)


def activations_learnt(n, x):
    x = 1.7159 * torch.tanh(2 / 3 * n.conv("a1", x, 5, 3, pad=1))
    x = n.swish("a2.swish", n.conv("a2", x, 6, 3))
    x = n.pdelu("a3.pdelu", n.conv("a3", x, 9, 1))
    x = n.abrelu(n.conv("a4", x, 7, 3, pad=1))
    x = n.pdelu("a5.pdelu", n.conv("a5", x, 6, 1), 0.25)
    x = n.abrelu(n.conv("a6", x, 5, 3), 0.5)
    x = n.swish("b1.swish", n.dense("b1", x, 11))
    x = n.pdelu("b2.pdelu", n.dense("b2", x, 10), 0.0)
    x = n.abrelu(n.dense("b3", x, 12), -0.5)
    x = 1.7159 * torch.tanh(2 / 3 * n.dense("b4", x, 9))
    return n.dense("out", x, 4)


def l2pools(n, x):
    x = F.lp_pool2d(torch.tanh(n.conv("c1", x, 6, 3, pad=1)), 2, 2)
    x = F.lp_pool2d(n.conv("c2", x, 7, 3, pad=1), 2, (3, 2), (2, 1))
    x = F.lp_pool2d(n.conv("c3", x, 9, 1), 2, 2, 1)
    x = n.conv("c4", x, 10, 1)
    return n.dense("out", F.lp_pool2d(x, 2, x.shape[2:]), 5)


def convolutions(n, x):
    x = torch.tanh(n.conv("c1", x, 6, 3, stride=2, pad=1))
    x = torch.tanh(n.conv("c2", x, 8, (3, 5), pad="same"))
    x = torch.tanh(n.conv("c3", x, 8, 3, dilation=2, pad=2, groups=2))
    x = torch.tanh(n.conv("c4", x, 10, (3, 2), stride=(2, 1), pad=(1, 0), bias=False))
    x = torch.tanh(n.conv("c5", x, 10, 3, pad=1, groups=10))
    x = torch.tanh(n.conv("c6", x, 7, (2, 3), pad=(0, 2), dilation=(1, 2)))
    x = n.conv("c7", x, 5, 1, stride=2, bias=False)
    return n.dense("out", x, 3, bias=False)


def channels(n, x):
    x = torch.tanh(n.conv("c1", x, 17, 3, pad=1))
    x = torch.tanh(n.conv("c2", x, 33, 1))
    x = torch.tanh(n.conv("c3", x, 8, 3, pad=1))
    x = torch.tanh(n.conv("c4", x, 1, 3, pad=1))
    x = torch.tanh(n.conv("c5", x, 23, 3))
    x = torch.tanh(n.conv("c6", x, 2, 1))
    return n.dense("out", x, 31)


def mini_lenet5(n, x):
    x = F.avg_pool2d(torch.tanh(n.conv("c1", x, 6, 5, pad=2)), 2)
    x = F.avg_pool2d(torch.tanh(n.conv("c3", x, 8, 5)), 2)
    x = torch.tanh(n.conv("c5", x, 30, 3))
    x = torch.tanh(n.dense("f6", x, 21))
    return n.dense("out", x, 10)


def mini_alexnet(n, x):
    x = n.maxpool(n.relu(n.conv("conv1", x, 9, 7, stride=2)), 3, 2)
    x = n.lrn(x, 5, alpha=0.02, beta=0.75, k=2.0)
    x = n.maxpool(n.relu(n.conv("conv2", x, 12, 5, pad=2)), 3, 2)
    x = n.lrn(x, 5, alpha=0.02, beta=0.75, k=2.0)
    x = n.relu(n.conv("conv3", x, 11, 3, pad=1))
    x = n.relu(n.conv("conv4", x, 11, 3, pad=1))
    x = n.maxpool(n.relu(n.conv("conv5", x, 10, 3, pad=1)), 3, 2)
    x = n.relu(n.dense("fc6", x, 20))
    x = n.relu(n.dense("fc7", x, 20))
    return n.dense("fc8", x, 10)


def mini_vgg(n, x):
    x = n.lrn(n.relu(n.conv("features.0", x, 8, 3, pad=1)), 5, alpha=0.02, beta=0.75, k=2.0)
    x = n.maxpool(x, 2)
    x = n.relu(n.conv("features.4", x, 10, 3, pad=1))
    x = n.relu(n.conv("features.6", x, 10, 3, pad=1))
    x = n.maxpool(x, 2)
    x = n.relu(n.conv("features.9", x, 12, 3, pad=1))
    x = n.relu(n.conv("features.11", x, 12, 3, pad=1))
    x = n.relu(n.conv("features.13", x, 12, 1))
    x = n.maxpool(x, 2)
    x = n.relu(n.dense("classifier.0", x, 16))
    x = n.relu(n.dense("classifier.3", x, 16))
    return n.dense("classifier.6", x, 10)


def vgg_stages(n, x):
    for stage, width, depth in (("stage1", 6, 2), ("stage2", 10, 3)):
        for i in range(depth):
            x = n.relu(n.conv(f"{stage}.conv{i}", x, width, 3, pad=1))
        x = n.maxpool(x, 2)
    x = n.relu(n.dense("fc1", x, 12))
    return n.dense("fc2", x, 10)


def inception(n, name, x, n1, r3, n3, r5, n5, proj):
    one = n.relu(n.conv(name + ".conv1", x, n1, 1))
    three = n.relu(n.conv(name + ".reduce3", x, r3, 1))
    three = n.relu(n.conv(name + ".conv3", three, n3, 3, pad=1))
    five = n.relu(n.conv(name + ".reduce5", x, r5, 1))
    five = n.relu(n.conv(name + ".conv5", five, n5, 5, pad=2))
    pool = n.relu(n.conv(name + ".pool_proj", n.maxpool(x, 3, 1, 1), proj, 1))
    return torch.cat([one, three, five, pool], 1)


def auxiliary(n, name, x, width, hidden, classes):
    x = n.relu(n.conv(name + ".conv", F.avg_pool2d(x, 5, 3), width, 1))
    x = n.relu(n.dense(name + ".fc1", x, hidden))
    return n.dense(name + ".fc2", x, classes)


def mini_googlenet(n, x):
    x = n.relu(n.conv("conv1", x, 6, 7, stride=2, pad=3))
    x = n.lrn(n.maxpool(x, 3, 2, 1), 5, alpha=0.02, beta=0.75, k=1.0)
    a = inception(n, "inception3a", x, 3, 4, 5, 2, 3, 2)
    b = inception(n, "inception3b", a, 4, 3, 6, 2, 3, 4)
    main = n.dense("main", b.mean((2, 3)), 6)
    return main, auxiliary(n, "aux1", a, 5, 8, 6), auxiliary(n, "aux2", b, 4, 7, 6)


def shortcut(n, name, x, width, stride):
    if stride == 1 and x.shape[1] == width:
        return x
    return n.batchnorm(name + ".1", n.conv(name + ".0", x, width, 1, stride=stride, bias=False))


def basic(n, name, x, width, stride=1):
    y = n.conv(name + ".conv1", x, width, 3, stride=stride, pad=1, bias=False)
    y = n.relu(n.batchnorm(name + ".bn1", y))
    y = n.batchnorm(name + ".bn2", n.conv(name + ".conv2", y, width, 3, pad=1, bias=False))
    return n.relu(y + shortcut(n, name + ".downsample", x, width, stride))


def bottleneck(n, name, x, width, stride=1):
    y = n.relu(n.batchnorm(name + ".bn1", n.conv(name + ".conv1", x, width, 1, bias=False)))
    y = n.conv(name + ".conv2", y, width, 3, stride=stride, pad=1, bias=False)
    y = n.relu(n.batchnorm(name + ".bn2", y))
    y = n.batchnorm(name + ".bn3", n.conv(name + ".conv3", y, 4 * width, 1, bias=False))
    return n.relu(y + shortcut(n, name + ".downsample", x, 4 * width, stride))


def stem(n, x):
    x = n.relu(n.batchnorm("bn1", n.conv("conv1", x, 6, 7, stride=2, pad=3, bias=False)))
    return n.maxpool(x, 3, 2, 1)


def mini_resnet18(n, x):
    x = stem(n, x)
    x = basic(n, "layer1.0", x, 6)
    x = basic(n, "layer1.1", x, 6)
    x = basic(n, "layer2.0", x, 10, 2)
    x = basic(n, "layer2.1", x, 10)
    return n.dense("fc", x.mean((2, 3)), 10)


def mini_resnet50(n, x):
    x = stem(n, x)
    x = bottleneck(n, "layer1.0", x, 4)
    x = bottleneck(n, "layer1.1", x, 4)
    x = bottleneck(n, "layer2.0", x, 6, 2)
    x = bottleneck(n, "layer2.1", x, 6)
    return n.dense("fc", x.mean((2, 3)), 10)


def padded(n, name, x, width, stride=1):
    y = n.conv(name + ".conv1", x, width, 3, stride=stride, pad=1, bias=False)
    y = n.relu(n.batchnorm(name + ".bn1", y))
    y = n.batchnorm(name + ".bn2", n.conv(name + ".conv2", y, width, 3, pad=1, bias=False))
    if stride != 1 or x.shape[1] != width:
        more = width - x.shape[1]
        x = F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, more // 2, more - more // 2))
    return n.relu(y + x)


def mini_resnet20(n, x):
    x = n.relu(n.batchnorm("bn1", n.conv("conv1", x, 4, 3, pad=1, bias=False)))
    x = padded(n, "layer1.0", x, 4)
    x = padded(n, "layer1.1", x, 4)
    x = padded(n, "layer2.0", x, 9, 2)
    x = padded(n, "layer2.1", x, 9)
    x = padded(n, "layer3.0", x, 16, 2)
    return n.dense("linear", x.mean((2, 3)), 10)


def batchnorm(n, x):
    x = torch.tanh(n.batchnorm("c1.batchnorm0", n.conv("c1.conv0", x, 7, 3, pad=1, bias=False)))
    x = torch.tanh(n.batchnorm("c2.batchnorm0", n.conv("c2.conv0", x, 5, (2, 3), stride=2, bias=False)))
    x = torch.tanh(n.batchnorm("f1.batchnorm", n.dense("f1", x, 11, bias=False)))
    x = torch.sigmoid(n.batchnorm("f2.batchnorm", n.dense("f2", x, 6, bias=False), eps=1e-3, momentum=0.2))
    return n.dense("out", x, 4)


def frozen_body(n, x):
    n.freeze("conv1", "bn1", "block", "a.prelu", "out.bias", with_input=False)
    x = n.relu(n.batchnorm("bn1", n.conv("conv1", x, 8, 3, pad=1, bias=False)))
    x = padded(n, "block", x, 12, 2)
    x = n.prelu("a.prelu", n.conv("a", x, 9, 3, pad=1))
    x = torch.tanh(n.batchnorm("b.batchnorm0", n.conv("b.conv0", x, 7, 1, bias=False)))
    return n.dense("out", x, 4)


def frozen_middle(n, x):
    n.freeze("bn1", "c2", "bn3.weight", "d", "e.swish")
    x = n.relu(n.batchnorm("bn1", n.conv("c1", x, 7, 3, pad=1)))
    x = n.prelu("c2.prelu", n.conv("c2", x, 9, 3, stride=2, pad=1))
    x = torch.tanh(n.batchnorm("bn3", n.conv("c3", x, 10, 3, pad=1, bias=False)))
    x = n.batchnorm("d.batchnorm", n.dense("d", x, 11))
    x = n.swish("e.swish", n.dense("e", x, 8))
    return n.dense("out", x, 4)


def maxout(n, x):
    x = n.maxout(n.conv("c1", x, 12, 3, pad=1), 3)
    x = n.maxout(n.dense("f1", x, 20), 2)
    x = n.maxout(n.dense("f2", x, 18), 2)
    return n.dense("out", x, 5)


def mse(n, x):
    x = torch.tanh(n.dense("h1", x, 16))
    x = torch.sigmoid(n.dense("h2", x, 12))
    return torch.tanh(n.dense("out", x, 7))


def softmax_mse(n, x):
    x = torch.softmax(n.dense("h1", x, 13), 1)
    x = torch.tanh(n.dense("h2", x, 12))
    return torch.softmax(n.dense("out", x, 6), 1)


def softmax(n, x):
    x = torch.softmax(n.conv("c1", x, 6, 3), 1)
    return torch.softmax(n.dense("out", x, 7), 1)


def merges(n, x):
    a = torch.tanh(n.conv("a", x, 5, 3, pad=1))
    b = torch.sigmoid(n.conv("b.gate", a, 5, 1)) * a
    left, right = n.conv("c.left", b, 6, 3, pad=1), n.conv("c.right", b, 6, 1)
    c = n.largest(torch.stack([left, right, n.conv("c.skip", a, 6, 1)], -1))
    d = torch.tanh(torch.cat([a, c, b], 1))
    long = n.conv("e.three", torch.tanh(n.conv("e.two", d, 7, 3, pad=1)), 4, 3, pad=1)
    e = torch.tanh(n.conv("e.one", d, 4, 1) + long + n.conv("e.four", n.maxpool(d, 3, 1, 1), 4, 1))
    f = torch.cat([F.avg_pool2d(e, 2), n.maxpool(e, 2)], 1)
    return n.dense("out", f, 5)


def pools(n, x):
    x = n.maxpool(torch.tanh(n.conv("c1", x, 6, 3, pad=1)), 3, 2, 1)
    x = F.avg_pool2d(torch.tanh(n.conv("c2", x, 7, 3, pad=1)), 3, 1, 1)
    x = n.maxpool(torch.tanh(n.conv("c3", x, 9, 1)), (3, 2), (1, 2))
    x = F.avg_pool2d(torch.tanh(n.conv("c4", x, 10, 1)), (2, 3), (2, 1))
    x = torch.tanh(n.conv("c5", x, 6, 1))
    x = torch.cat([x.mean((2, 3)), n.largest(x.flatten(2))], 1)
    return n.dense("out", x, 5)


def lrn(n, x):
    x = n.lrn(n.conv("c1", x, 11, 3, pad=1), 5, alpha=0.5, beta=0.75, k=2.0)
    x = n.lrn(n.conv("c2", x, 9, 1), 4, alpha=1.0, beta=0.5, k=1.0)
    x = n.lrn(n.conv("c3", x, 6, 1), 3, alpha=2.0, beta=1.0, k=0.5)
    x = n.lrn(n.conv("c4", x, 3, 1), 7, alpha=1.5, beta=0.6, k=1.0)
    return n.dense("out", x, 4)


def flat_batchnorm(n, x):
    x = torch.tanh(n.conv("c1", x, 6, 3, pad=1))
    x = n.relu(n.batchnorm("f.batchnorm", x.flatten(1)))
    x = torch.tanh(n.dense("c2", n.dense("f1", x, 9), 7))
    return n.dense("out", x, 4)


def flat_prelu(n, x):
    x = n.prelu("f.prelu", torch.tanh(n.conv("c1", x, 7, (3, 2)).flatten(1)))
    return n.dense("out", x, 4)


def flat_concat(n, x):
    a = torch.tanh(n.conv("a", x, 4, 3))
    b = torch.sigmoid(n.maxpool(n.conv("b", a, 9, 2), (2, 1)).flatten(1))
    return n.dense("out", torch.cat([a.flatten(1), b, n.dense("c", a, 11)], 1), 4)


def flat_merges(n, x):
    a = torch.tanh(n.conv("a", x, 5, 3, pad=1))
    x = a.flatten(1) + torch.sigmoid(n.conv("b", a, 5, 3, pad=1)).flatten(1)
    x = torch.tanh(n.dense("d1", n.batchnorm("n1", x), 24))
    c = torch.tanh(n.conv("c", a, 2, (1, 3), stride=(1, 2), pad=(0, 1)).flatten(1))
    d = n.conv("d", a, 6, 3, stride=(2, 3), pad=1).flatten(1)
    x = x * c * d
    e = n.conv("e", a, 4, 3, stride=2, pad=1).flatten(1)
    return n.dense("out", n.largest(torch.stack([n.batchnorm("n2", x), e], -1)), 4)


def flat_maxout(n, x):
    x = n.maxout(n.conv("c1", x, 6, 3, pad=1).flatten(1), 3)
    x = torch.softmax(n.lrn(x[..., None], 5, alpha=0.5, beta=0.75, k=2.0)[..., 0], 1)
    return n.dense("out", x, 4)


def flat_end(n, x):
    x = torch.tanh(n.conv("c1", x, 3, 3, pad=1))
    return torch.tanh(n.conv("c2", x, 5, (2, 3))).flatten(1)


def cross_entropy(outputs, target):
    return F.cross_entropy(outputs[0], target)


def three_heads(outputs, target):
    main, aux1, aux2 = (F.cross_entropy(y, target) for y in outputs)
    return main + 0.3 * aux1 + 0.3 * aux2


def log_likelihood(outputs, target):
    return F.nll_loss(outputs[0].log(), target)


def half_squares(outputs, target):
    return 0.5 * (outputs[0] - target).square().sum(1).mean()


def losses_vectors(n, x):
    x = torch.tanh(n.dense("body", x, 12))
    return (n.dense("a", x, 7), n.dense("b", x, 7), torch.tanh(n.dense("c", x, 7)), n.dense("d", x, 7),
            torch.sigmoid(n.dense("e", x, 7)))


def losses_volume(n, x):
    return n.conv("out", torch.tanh(n.conv("c1", x, 4, 3, pad=1)), 3, 3, pad=1)


def losses_labels(n, x):
    x = torch.tanh(n.dense("body", x, 12))
    return n.dense("a", x, 6), torch.softmax(n.dense("b", x, 6), 1), n.dense("c", x, 6), n.dense("d", x, 6)


def soft_targets(n, x):
    x = torch.tanh(n.dense("body", x, 12))
    return n.dense("a", x, 6), torch.softmax(n.dense("b", x, 6), 1)


def of_vectors(outputs, target):
    a, b, c, d, e = outputs
    value = F.huber_loss(a, target, reduction="sum", delta=0.5)
    value = value + 0.5 * F.smooth_l1_loss(b, target, reduction="sum", beta=0.3)
    value = value + 2 * F.mse_loss(c, target, reduction="sum")
    value = value + 0.3 * F.binary_cross_entropy_with_logits(d, target, reduction="sum")
    return (value + F.binary_cross_entropy(e, target, reduction="sum")) / len(target)


def of_volumes(outputs, target):
    (y,) = outputs
    return (F.smooth_l1_loss(y, target, reduction="sum") + 0.1 * F.mse_loss(y, target, reduction="sum")) / len(target)


def of_labels(outputs, target):
    a, b, c, d = outputs
    one_hot = F.one_hot(target, 6).to(a.dtype)
    value = F.cross_entropy(a, target, label_smoothing=0.1)
    value = value + 0.5 * F.cross_entropy(b.log(), target, label_smoothing=0.3)
    value = value + 0.25 * F.binary_cross_entropy_with_logits(c, one_hot, reduction="sum") / len(target)
    return value + F.huber_loss(d, one_hot, reduction="sum", delta=0.6) / len(target)


def of_shares(outputs, target):
    a, b = outputs
    return F.cross_entropy(a, target) + 0.5 * F.cross_entropy(b.log(), target, label_smoothing=0.2)


DENSE = (half_squares, of_vectors, of_volumes, of_shares)

# network, shape of the input with its batch, classes (or shape of a dense target), loss
NETWORKS = [
    (activations_dense, (5, 12), 5, cross_entropy),
    (activations_conv, (3, 3, 7, 6), 4, cross_entropy),
    (activations_learnt, (3, 3, 7, 6), 4, cross_entropy),
    (convolutions, (3, 4, 15, 13), 3, cross_entropy),
    (channels, (3, 1, 6, 5), 31, cross_entropy),
    (mini_lenet5, (3, 1, 20, 20), 10, cross_entropy),
    (mini_alexnet, (2, 3, 35, 35), 10, cross_entropy),
    (mini_vgg, (2, 3, 16, 16), 10, cross_entropy),
    (vgg_stages, (3, 3, 12, 12), 10, cross_entropy),
    (mini_googlenet, (2, 3, 22, 22), 6, three_heads),
    (mini_resnet18, (5, 3, 16, 16), 10, cross_entropy),
    (mini_resnet50, (5, 3, 16, 16), 10, cross_entropy),
    (mini_resnet20, (4, 3, 12, 12), 10, cross_entropy),
    (batchnorm, (6, 3, 9, 8), 4, cross_entropy),
    (frozen_body, (6, 3, 9, 8), 4, cross_entropy),
    (frozen_middle, (6, 3, 9, 8), 4, cross_entropy),
    (maxout, (3, 2, 6, 6), 5, cross_entropy),
    (mse, (5, 10), 7, half_squares),
    (softmax_mse, (4, 8), 6, half_squares),
    (losses_vectors, (6, 9), 7, of_vectors),
    (losses_volume, (3, 2, 6, 5), (3, 6, 5), of_volumes),
    (losses_labels, (6, 9), 6, of_labels),
    (soft_targets, (5, 9), 6, of_shares),
    (softmax, (3, 2, 5, 5), 7, log_likelihood),
    (merges, (2, 3, 6, 6), 5, cross_entropy),
    (pools, (2, 3, 14, 13), 5, cross_entropy),
    (l2pools, (2, 3, 14, 13), 5, cross_entropy),
    (lrn, (2, 3, 5, 4), 4, cross_entropy),
    (flat_batchnorm, (5, 3, 5, 4), 4, cross_entropy),
    (flat_prelu, (3, 3, 5, 4), 4, cross_entropy),
    (flat_concat, (3, 3, 6, 5), 4, cross_entropy),
    (flat_merges, (5, 3, 4, 6), 4, cross_entropy),
    (flat_maxout, (3, 3, 5, 4), 4, cross_entropy),
    (flat_end, (3, 3, 5, 4), 40, half_squares),
]


def run(network, x, target, loss, params, stats, generator=None):
    """One forward and backward pass in x's precision: (Net, loss, main output, gradients by name, input's gradient)."""
    n = Net(params, stats, generator, x.dtype)
    x = x.detach().requires_grad_()
    outputs = network(n, x)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    value = loss(outputs, target)
    trained = {k: v for k, v in params.items() if v.requires_grad}
    grads = torch.autograd.grad(value, [x, *trained.values()])
    return n, value.detach(), outputs[0].detach(), dict(zip(trained, grads[1:])), grads[0]


def relative(a, b):
    return ((a.double() - b).norm() / b.norm()).item()


def fixture(network, shape, classes, loss, seed):
    """All three files' tensors, or None (and why) when this seed will not do."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=g)
    if loss in DENSE:
        target = torch.rand((shape[0], *(classes if isinstance(classes, tuple) else (classes,))), generator=g)
    else:
        target = torch.randint(0, classes, (shape[0],), generator=g)
    wide = target.double() if target.is_floating_point() else target
    params, stats = {}, {}
    n, value, output, grads, dx = run(network, x.double(), wide, loss, params, stats, g)
    if n.margin < KINK:
        return None, f"{n.margin:.1e} from a kink"
    single = {k: v.detach().float().requires_grad_(v.requires_grad) for k, v in params.items()}
    kept = {k: stats[k].float() for k in n.kept}
    _, value32, output32, grads32, dx32 = run(network, x, target, loss, single, dict(kept))
    errors = {k: relative(grads32[k], grads[k]) for k in grads}
    errors.update(loss=relative(value32, value), output=relative(output32, output), input=relative(dx32, dx))
    worst = max(errors, key=errors.get)
    if not errors[worst] < STRAY:
        return None, f"{worst} strays by {errors[worst]:.1e} in single precision"
    weights = {k: v.detach().float() for k, v in single.items()}
    for k in stats:
        weights[k] = kept[k] if k in kept else (torch.ones if k.endswith("var") else torch.zeros)(stats[k].shape)
    expected = {"loss": value.reshape(1), "output": output, **grads}
    if n.with_input:
        expected["input"] = dx
    return (weights, {"input": x, "target": target}, expected), f"{worst} {errors[worst]:.1e}"


# ---------------------------------------------------------------- optimizers

# name, the train section's keys, and the same for PyTorch
OPTIMIZERS = [
    ("opt_sgd", "optimizer = sgd(lr=0.1, weight_decay=0.01)", dict(lr=0.1, weight_decay=0.01)),
    ("opt_momentum", "optimizer = sgd(lr=0.1, momentum=0.9, weight_decay=0.01)",
     dict(lr=0.1, momentum=0.9, weight_decay=0.01)),
    ("opt_nesterov", "optimizer = sgd(lr=0.1, momentum=0.9, nesterov=yes, weight_decay=0.01)",
     dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("opt_adam", "optimizer = adam(lr=0.02, beta1=0.8, beta2=0.95, eps=1e-6, weight_decay=0.01)",
     dict(kind="Adam", lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.01)),
    ("opt_adamw", "optimizer = adamw(lr=0.02, beta2=0.99, weight_decay=0.3)",
     dict(kind="AdamW", lr=0.02, betas=(0.9, 0.99), weight_decay=0.3)),
    ("opt_adagrad", "optimizer = adagrad(lr=0.1, eps=1e-3, weight_decay=0.01)",
     dict(kind="Adagrad", lr=0.1, eps=1e-3, weight_decay=0.01)),
    ("opt_adadelta", "optimizer = adadelta(lr=2, rho=0.8, eps=1e-3, weight_decay=0.01)",
     dict(kind="Adadelta", lr=2, rho=0.8, eps=1e-3, weight_decay=0.01)),
    ("opt_rmsprop", "optimizer = rmsprop(lr=0.02, rho=0.8, eps=1e-3, weight_decay=0.01)",
     dict(kind="RMSprop", lr=0.02, alpha=0.8, eps=1e-3, weight_decay=0.01)),
    ("opt_rmsprop_momentum", "optimizer = rmsprop(lr=0.02, momentum=0.7, eps=1e-3)",
     dict(kind="RMSprop", lr=0.02, alpha=0.9, momentum=0.7, eps=1e-3)),
    ("opt_l1", "optimizer = sgd(lr=0.1, momentum=0.9, l1=0.01)\n    decay = [out]",
     dict(lr=0.1, momentum=0.9, l1=0.01, l1_on=("out.weight",))),
    ("opt_decay_all", "optimizer = sgd(lr=0.1, weight_decay=0.1)\n    decay = all",
     dict(lr=0.1, weight_decay=0.1, decay_all=True)),
    ("opt_momentum_piecewise",
     "optimizer = sgd(lr=0.1, momentum=0.5)\n    momentum_schedule = piecewise([4], [0.5, 0.9])",
     dict(lr=0.1, momentum=0.5, momentum_at=lambda t: 0.5 if t < 4 else 0.9)),
    ("opt_momentum_linear", "optimizer = nesterov(lr=0.1, momentum=0.5)\n    momentum_schedule = linear(0.9, 8)",
     dict(lr=0.1, momentum=0.5, nesterov=True, momentum_at=lambda t: 0.5 + 0.4 * min(t / 8, 1))),
    ("opt_power", "optimizer = sgd(lr=0.3)\n    schedule = power(3)", dict(lr=0.3, schedule=lambda t: 1 / (1 + t / 3))),
    ("opt_exponential", "optimizer = sgd(lr=0.3)\n    schedule = exponential(6, per=step)",
     dict(lr=0.3, schedule=lambda t: 0.1 ** (t / 6))),
    ("opt_one_cycle", "optimizer = sgd(lr=0.05)\n    schedule = one_cycle(peak=8, final=0.1, rest=20%)",
     dict(lr=0.05, schedule=lambda t: one_cycle(t / STEPS, 8, 0.1, 0.2))),
    ("opt_warmup", "optimizer = sgd(lr=0.3)\n    schedule = [warmup(4), cosine]", dict(lr=0.3, warmup=4)),
    ("opt_plateau", "optimizer = sgd(lr=3)\n    schedule = plateau(1, factor=0.5)",
     dict(lr=3.0, plateau=dict(factor=0.5, patience=0, threshold=0))),
    ("opt_clip_sign", "optimizer = sgd(lr=0.01)\n    clip = sign(2)", dict(lr=0.01, clip_sign=2)),
    ("opt_step", "optimizer = sgd(lr=0.2, momentum=0.5)\n    schedule = step(every=3, factor=0.5)",
     dict(lr=0.2, momentum=0.5, schedule=lambda t: 0.5 ** (t // 3))),
    ("opt_piecewise", "optimizer = sgd(lr=0.3)\n    schedule = piecewise([2, 7], [0.3, 0.1, 0.02], per=step)",
     dict(lr=0.3, schedule=lambda t: (0.3 if t < 2 else 0.1 if t < 7 else 0.02) / 0.3)),
    ("opt_cosine", "optimizer = sgd(lr=0.3)\n    schedule = cosine",
     dict(lr=0.3, schedule=lambda t: 0.5 * (1 + math.cos(math.pi * t / STEPS)))),
    ("opt_clip_norm", "optimizer = sgd(lr=0.3)\n    clip = norm(0.2)", dict(lr=0.3, clip_norm=0.2)),
    ("opt_clip_value", "optimizer = sgd(lr=0.3)\n    clip = value(0.02)", dict(lr=0.3, clip_value=0.02)),
    ("opt_batchnorm", "optimizer = sgd(lr=0.1, momentum=0.9)", dict(lr=0.1, momentum=0.9)),
    ("opt_batchnorm_frozen", "optimizer = sgd(lr=0.1, momentum=0.9)\n    freeze = [hidden.batchnorm]",
     dict(lr=0.1, momentum=0.9, frozen=("hidden.batchnorm",))),
    ("opt_frozen", "optimizer = adam(lr=0.02, weight_decay=0.01)\n    freeze = [hidden, \"*.bias\"]\n    clip = norm(0.1)",
     dict(kind="Adam", lr=0.02, weight_decay=0.01, clip_norm=0.1, frozen=("hidden", "out.bias"))),
    ("opt_groups", "optimizer = sgd(lr=0.2, momentum=0.9, nesterov=yes, weight_decay=0.02)\n"
     "    schedule = step(every=4, factor=0.5)\n"
     "    groups = [group([hidden], lr_scale=0.1, decay_scale=3), group([out.bias], lr_scale=2)]",
     dict(lr=0.2, momentum=0.9, nesterov=True, weight_decay=0.02, schedule=lambda t: 0.5 ** (t // 4),
          groups={"hidden": (0.1, 3), "out.bias": (2, 1)})),
    ("opt_groups_adam", "optimizer = adam(lr=0.05, weight_decay=0.02)\n    groups = group([hidden], lr_scale=0.1, decay_scale=0)",
     dict(kind="Adam", lr=0.05, weight_decay=0.02, groups={"hidden": (0.1, 0)})),
    ("opt_groups_adamw", "optimizer = adamw(lr=0.05, weight_decay=0.3)\n    groups = group([\"h*.weight\"], lr_scale=0.2, decay_scale=2)",
     dict(kind="AdamW", lr=0.05, weight_decay=0.3, groups={"hidden.weight": (0.2, 2)})),
]


def plain(n, x):
    return n.dense("out", torch.tanh(n.dense("hidden", x, 8)), 3)


def normalised(n, x):
    return n.dense("out", torch.tanh(n.batchnorm("hidden.batchnorm", n.dense("hidden", x, 8, bias=False))), 3)


def one_cycle(share, peak, final, rest):
    end = 1 - rest
    points = [(0, 1), (end / 2, peak), (end, 1), (1, final)]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if share <= x1:
            return y0 + (y1 - y0) * (share - x0) / (x1 - x0)


def parameter_groups(params, lr, decay, decay_all, scales):
    """One of each trained parameter: weights decay, and vectors do not unless all do; scales is of rate and decay, by name."""
    groups = []
    for name, value in params.items():
        if value.requires_grad:
            factor, more = next((s for label, s in scales.items() if (name + ".").startswith(label + ".")), (1, 1))
            decays = decay if value.dim() > 1 or decay_all else 0.0
            groups.append({"params": [value], "lr": lr * factor, "weight_decay": decays * more})
    return groups


def clip(grads, norm=None, value=None, sign=None):
    if norm is not None:
        size = math.sqrt(sum(g.square().sum().item() for g in grads))
        assert size > norm, "this clipping would do nothing"
        for g in grads:
            g.mul_(norm / size)
    if value is not None:
        assert max(g.abs().max().item() for g in grads) > value, "this clipping would do nothing"
        for g in grads:
            g.clamp_(-value, value)
    if sign is not None:
        assert min(g.abs().min().item() for g in grads) > 1e-6, "the sign of a gradient may depend on rounding"
        for g in grads:
            g.sign_().mul_(sign)


def optimize(settings, network, x, target, params, stats):
    """Takes STEPS full-batch steps of PyTorch's own optimizer."""
    s = dict(settings)
    schedule, momentum_at = s.pop("schedule", None), s.pop("momentum_at", None)
    clips = {k: s.pop("clip_" + k) for k in ("norm", "value", "sign") if "clip_" + k in s}
    l1, l1_on = s.pop("l1", 0), s.pop("l1_on", ())
    warmup, plateau = s.pop("warmup", 0), s.pop("plateau", None)
    kind = getattr(torch.optim, s.pop("kind", "SGD"))
    n = Net(params, stats, None, x.dtype)
    frozen = s.pop("frozen", ())
    n.freeze(*frozen)
    groups = parameter_groups(params, s["lr"], s.pop("weight_decay", 0.0), s.pop("decay_all", False), s.pop("groups", {}))
    optimizer = kind(groups, **s)
    schedulers = torch.optim.lr_scheduler
    scheduler = None
    if schedule:
        scheduler = schedulers.LambdaLR(optimizer, schedule)
    if warmup:
        rise = schedulers.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        rest = schedulers.CosineAnnealingLR(optimizer, STEPS - warmup)
        scheduler = schedulers.SequentialLR(optimizer, [rise, rest], [warmup])
    if plateau:
        scheduler = schedulers.ReduceLROnPlateau(optimizer, **plateau)
    for t in range(STEPS):
        for group in optimizer.param_groups:
            if momentum_at:
                group["momentum"] = momentum_at(t)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(n, x), target)
        loss.backward()
        clip([p.grad for p in params.values() if p.requires_grad], **clips)
        for name in l1_on:
            params[name].grad.add_(params[name].detach().sign(), alpha=l1)
        optimizer.step()
        if plateau:
            scheduler.step(loss.item())
        elif scheduler:
            scheduler.step()
    if plateau:
        assert optimizer.param_groups[0]["lr"] < s["lr"] / 3, "the rate should fall twice at least"


def optimizer_fixture(name, keys, settings, out):
    g = torch.Generator().manual_seed(7)
    samples = 24
    target = torch.randint(0, 3, (samples,), generator=g)
    x = torch.randn((samples, 6), generator=g) + 0.7 * target[:, None]
    x = (x * 1024).round() / 1024  # exact in a few decimal digits
    if name.startswith("opt_batchnorm"):
        network, line = normalised, "hidden: dense(8, bias=no) -> batchnorm -> tanh"
    else:
        network, line = plain, "hidden: dense(8) -> tanh"
    made = {}
    network(Net(made, {}, g, torch.float32), x)
    start = {k: v.detach().clone() for k, v in made.items()}
    ends = []
    for dtype in (torch.float64, torch.float32):
        fixed = Net(None, None, None, None)
        fixed.freeze(*settings.get("frozen", ()))
        params = {k: v.to(dtype, copy=True).requires_grad_(not fixed.is_frozen(k)) for k, v in start.items()}
        stats = {}
        if fixed.frozen and network is normalised:
            stats = {f"hidden.batchnorm.running_{k}": torch.linspace(low, 1.25, 8, dtype=dtype)
                     for k, low in (("mean", -0.5), ("var", 0.375))}
            held = {k: v.float() for k, v in stats.items()}
        optimize(settings, network, x.to(dtype), target, params, stats)
        ends.append({k: v.detach() for k, v in params.items()} | stats)
    expected, single = ends
    worst = max(relative(single[k], expected[k]) for k in expected)
    if not worst < STRAY:
        sys.exit(f"{name}: single-precision PyTorch strays by {worst:.1e}")
    for k in stats:
        start[k] = held[k] if settings.get("frozen") else (torch.ones if k.endswith("var") else torch.zeros)(stats[k].shape)
    save_file(start, f"{out}/{name}.weights.safetensors")
    save_file(expected, f"{out}/{name}.expected.safetensors")
    os.makedirs(f"{out}/samples", exist_ok=True)
    for part in ("train", "test"):  # a test part of its own, so that none of the training rows is held out
        with open(f"{out}/samples/{part}.csv", "w") as f:
            f.write(",".join(f"x{i}" for i in range(6)) + ",class\n")
            for row, t in zip(x.tolist(), target.tolist()):
                f.write(",".join(repr(v) for v in row) + f",{t}\n")
    with open(f"{out}/{name}.net", "w") as f:
        f.write(f"""# {STEPS} full-batch steps, one an epoch; written by make_fixtures.py.
network {name} {{
    input(6)
    {line}
    out: dense(3)
}}

data {{
    source = csv("samples", label=class)
    validation = 0
    normalize = none
}}

train {{
    loss = cross_entropy
    {keys}
    batch = all
    epochs = {STEPS}
}}
""")
    return worst


def main():
    parser = argparse.ArgumentParser(description="Writes the PyTorch fixtures.")
    parser.add_argument("--out", default=os.path.join(HERE, "fixtures"))
    parser.add_argument("names", nargs="*", help="only these networks")
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(args.out, exist_ok=True)
    for network, shape, classes, loss in NETWORKS:
        name = network.__name__
        if args.names and name not in args.names:
            continue
        for seed in range(200):
            made, note = fixture(network, shape, classes, loss, seed)
            if made:
                break
        else:
            sys.exit(f"{name}: no seed will do; the last one: {note}")
        total = 0
        for tensors, kind in zip(made, ("weights", "batch", "expected")):
            path = f"{args.out}/{name}.{kind}.safetensors"
            save_file({k: v.contiguous() for k, v in tensors.items()}, path)
            total += os.path.getsize(path)
        count = sum(v.numel() for k, v in made[0].items() if "running" not in k)
        print(f"{name:18s} seed {seed:3d}  {count:6d} parameters  {total / 1024:6.0f} KB  "
              f"worst in single precision: {note}")
    for name, keys, settings in OPTIMIZERS:
        if not args.names or name in args.names:
            worst = optimizer_fixture(name, keys, settings, args.out)
            print(f"{name:18s} {STEPS} steps  worst in single precision: {worst:.1e}")


if __name__ == "__main__":
    main()
