#!/usr/bin/env python3
"""Makes what babysit.sh compares with: data and weights for small.net, and in expected.txt the statistics of its layers, of a training step,
the losses of lr-range and what fast gradient signs leave, all by PyTorch in double precision.

    cd tests/checks/babysit && python3 make_golden.py      (PyTorch and NumPy)
"""
import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

MEAN, STD = [0.5, 0.25, 0.4], [0.25, 0.5, 0.2]
LR, MOMENTUM, DECAY = 0.05, 0.9, 0.01
SAMPLES = 40

random = np.random.RandomState(7)
images = random.randint(0, 256, (2 * SAMPLES, 6, 6, 3)).astype(np.uint8)
labels = random.randint(0, 3, 2 * SAMPLES).astype(np.int32)
images[labels == 1, :3] //= 2  # something to see
images[labels == 2, :, 3:] //= 3
for part, begin in (("train", 0), ("test", SAMPLES)):
    np.save(f"arrays/x_{part}.npy", images[begin:begin + SAMPLES])
    np.save(f"arrays/y_{part}.npy", labels[begin:begin + SAMPLES])

shapes = {"c.weight": (4, 3, 3, 3), "c.bias": (4,), "h.weight": (5, 36), "h.bias": (5,), "out.weight": (3, 5), "out.bias": (3,)}
weights = {name: (random.standard_normal(shape) * 0.4).astype(np.float32) for name, shape in shapes.items()}
weights["c.bias"][2] = -50  # a dead unit
weights["h.bias"][1] = 4  # a saturated one


def save(path, tensors):
    header, data = {}, b""
    for name in sorted(tensors):
        raw = tensors[name].tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


save("weights.safetensors", weights)
start = {name: torch.tensor(value, dtype=torch.float64) for name, value in weights.items()}


def normalise(raw):
    return (raw - torch.tensor(MEAN, dtype=torch.float64)) / torch.tensor(STD, dtype=torch.float64)


def raw_part(begin):
    return torch.tensor(images[begin:begin + SAMPLES], dtype=torch.float64) / 255, torch.tensor(labels[begin:begin + SAMPLES]).long()


def forward(x, w):
    """x as (N, 6, 6, 3); all results that the trainer's steps write to memory, and those whose gradients they write."""
    seen = {"input": x}
    seen["c"] = F.conv2d(x.permute(0, 3, 1, 2), w["c.weight"], w["c.bias"], padding=1)
    seen["c_relu"] = F.relu(seen["c"])
    seen["p"] = F.max_pool2d(seen["c_relu"], 2)
    seen["h"] = F.linear(seen["p"].flatten(1), w["h.weight"], w["h.bias"])
    seen["h_tanh"] = torch.tanh(seen["h"])
    seen["out"] = F.linear(seen["h_tanh"], w["out.weight"], w["out.bias"])
    for value in seen.values():
        if value.requires_grad:
            value.retain_grad()
    return seen


lines = []


def tell(of, name, value):
    lines.append(f"{of} {name} {float(torch.as_tensor(value).detach()):.10g}")


raw, wanted = raw_part(0)
w = {name: value.clone().requires_grad_() for name, value in start.items()}
seen = forward(normalise(raw), w)
loss = F.cross_entropy(seen["out"], wanted)
loss.backward()
for layer, result, gradient in (("input", "input", None), ("c", "c_relu", "c"), ("p", "p", "p"), ("h", "h_tanh", "h"), ("out", "out", "out")):
    value = seen[result].detach()
    for name, figure in (("mean", value.mean()), ("std", value.std(unbiased=False)), ("min", value.min()), ("max", value.max()),
                         ("zero", (value == 0).double().mean())):
        tell(layer, name, figure)
    if layer == "c":
        tell(layer, "dead", (value.amax((0, 2, 3)) == 0).double().mean())
    if layer == "h":
        tell(layer, "saturated", (value.abs() > 0.99).double().mean())
    if gradient:
        own = seen[gradient].grad * SAMPLES  # of each sample's own loss
        tell(layer, "gradient_mean", own.mean())
        tell(layer, "gradient_std", own.std(unbiased=False))
for name, value in start.items():
    gradient = w[name].grad
    update = LR * (gradient + (DECAY * value if name.endswith("weight") else 0))  # the first step: momentum has nothing to add
    for key, figure in (("mean", value.mean()), ("std", value.std(unbiased=False)), ("norm", value.norm()),
                        ("gradient_std", gradient.std(unbiased=False)), ("gradient_norm", gradient.norm()),
                        ("update_norm", update.norm()), ("update_ratio", update.norm() / value.norm())):
        tell(name, key, figure)

# lr-range: --from 1e-3 --to 3 --steps 30, all samples in a step
w = {name: value.clone() for name, value in start.items()}
velocity = {name: torch.zeros_like(value) for name, value in w.items()}
for step in range(30):
    lr = 1e-3 * (3 / 1e-3) ** (step / 29)
    for value in w.values():
        value.requires_grad_()
        value.grad = None
    loss = F.cross_entropy(forward(normalise(raw), w)["out"], wanted)
    loss.backward()
    tell("range", f"loss{step}", loss)
    with torch.no_grad():
        for name in w:
            gradient = w[name].grad + (DECAY * w[name] if name.endswith("weight") else 0)
            velocity[name] = MOMENTUM * velocity[name] + gradient
            w[name] = (w[name] - lr * velocity[name]).detach()

# adversarial
raw, wanted = raw_part(SAMPLES)
x = normalise(raw).requires_grad_()
F.cross_entropy(forward(x, start)["out"], wanted).backward()
sign = x.grad.sign()
for eps in (0, 0.02, 0.1, 0.25):
    with torch.no_grad():
        changed = (raw + eps * sign).clamp(0, 1)
        probability = F.softmax(forward(normalise(changed), start)["out"], 1)
        tell(f"eps{eps:g}", "accuracy", (probability.argmax(1) == wanted).double().mean())
        tell(f"eps{eps:g}", "probability", probability[range(SAMPLES), wanted].mean())

with open("expected.txt", "w") as file:
    file.write("\n".join(lines) + "\n")
