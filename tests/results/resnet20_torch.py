#!/usr/bin/env python3
"""The training of resnet20_cosine.net in PyTorch, to compare: the same network, recipe and log.

    resnet20_torch.py DATA OUT [--epochs N] [--seed N] [--threads N] [--resume]

DATA has train/CLASS/* and test/CLASS/*, pictures of 32x32 pixels in colour. OUT gets log.jsonl, a line an epoch with
the names that a netc trainer uses, and state.pt, from which --resume goes on. The last line tells the test part's loss and
accuracy with the weights of the last epoch. What is random is drawn by the same laws, and not by the same generator.

Needs PyTorch, NumPy and Pillow:   python3 -m venv V && V/bin/pip install torch numpy pillow
"""
import argparse
import json
import math
import os
import sys
import time

try:
    import numpy as np
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    from PIL import Image
except ImportError as e:
    sys.exit(f"{e}\n{__doc__.splitlines()[-1]}")

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
from networks import resnet20_cifar

VALIDATION, BATCH, LR, MOMENTUM, WEIGHT_DECAY = 5000, 128, 0.1, 0.9, 1e-4
SIZE, PAD = 32, 4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EVAL_BATCH = 500


def read_pictures(folder):
    """(N,3,32,32) bytes and N class numbers; classes and files in the order of their names."""
    pictures, labels = [], []
    for label, name in enumerate(sorted(os.listdir(folder))):
        for file in sorted(os.listdir(os.path.join(folder, name))):
            with Image.open(os.path.join(folder, name, file)) as picture:
                pictures.append(np.asarray(picture.convert("RGB")))
            labels.append(label)
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)


def initialise(module):
    """he_normal for weights, zeros for biases; batchnorm begins with 1 and 0 by itself."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def make_optimizer(module):
    """Only weights of convolutions and dense layers decay: those of more than one dimension."""
    decaying = [p for p in module.parameters() if p.dim() > 1]
    others = [p for p in module.parameters() if p.dim() == 1]
    return torch.optim.SGD([{"params": decaying, "weight_decay": WEIGHT_DECAY}, {"params": others}], lr=LR,
                           momentum=MOMENTUM, fused=True)


def augment(pictures, generator):
    """Each picture with a border of zeros, cut out at a uniform place; half of them mirrored."""
    n, places = len(pictures), 2 * PAD + 1
    padded = F.pad(pictures, (PAD,) * 4)
    down, right = torch.randint(places, (2, n), generator=generator)
    mirrored = torch.randint(2, (n,), generator=generator).bool()
    rows = down[:, None] + torch.arange(SIZE)
    columns = right[:, None] + torch.where(mirrored[:, None], torch.arange(SIZE).flip(0), torch.arange(SIZE))
    cut = padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (n, rows, columns, 3)
    return cut.permute(0, 3, 1, 2)


def normalise(pictures):
    x = pictures.float().div_(255).contiguous(memory_format=torch.channels_last)
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


@torch.inference_mode()
def evaluate(module, pictures, labels):
    """Mean loss and share of right answers."""
    module.eval()
    loss, right = 0.0, 0
    for x, t in zip(pictures.split(EVAL_BATCH), labels.split(EVAL_BATCH)):
        y = module(normalise(x))
        loss += F.cross_entropy(y, t, reduction="sum").item()
        right += (y.argmax(1) == t).sum().item()
    return loss / len(labels), right / len(labels)


def train_epoch(module, optimizer, pictures, labels, generator, epoch, epochs):
    """An epoch, counted from 0, the last small batch included: mean loss and share of right answers on the way."""
    module.train()
    loss_sum, right, done, reported = 0.0, 0, 0, time.time()
    batches = torch.randperm(len(labels), generator=generator).split(BATCH)
    for i, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = LR * (1 + math.cos(math.pi * (epoch + i / len(batches)) / epochs)) / 2
        t = labels[batch]
        y = module(normalise(augment(pictures[batch], generator)))
        loss = F.cross_entropy(y, t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(t)
        right += (y.argmax(1) == t).sum().item()
        done += len(t)
        if time.time() > reported + 10:
            reported = time.time()
            print(f"epoch {epoch + 1}/{epochs}  {i + 1}/{len(batches)}  loss {loss_sum / done:.4f}", file=sys.stderr)
    return loss_sum / done, right / done


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("data")
    options.add_argument("out")
    options.add_argument("--epochs", type=int, default=5)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--resume", action="store_true")
    options = options.parse_args()
    os.makedirs(options.out, exist_ok=True)
    state_path, log_path = os.path.join(options.out, "state.pt"), os.path.join(options.out, "log.jsonl")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)

    pictures, labels = read_pictures(os.path.join(options.data, "train"))
    test = read_pictures(os.path.join(options.data, "test"))
    order = torch.randperm(len(labels), generator=generator)
    held_out, rest = order[:VALIDATION], order[VALIDATION:]
    validation = pictures[held_out], labels[held_out]
    pictures, labels = pictures[rest], labels[rest]

    module = resnet20_cifar()
    initialise(module)
    module = module.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(module)
    first = 0
    if options.resume:
        state = torch.load(state_path)
        module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
        first = state["epoch"]
    print(f"{sum(p.numel() for p in module.parameters()):,} parameters  {len(labels):,} train  "
          f"{len(validation[1]):,} validation  {len(test[1]):,} test", file=sys.stderr)

    with open(log_path, "a" if options.resume else "w", encoding="ascii") as log:
        for epoch in range(first, options.epochs):
            start = time.time()
            loss, accuracy = train_epoch(module, optimizer, pictures, labels, generator, epoch, options.epochs)
            val_loss, val_accuracy = evaluate(module, *validation)
            line = {"epoch": epoch + 1, "train_loss": loss, "train_accuracy": accuracy, "val_loss": val_loss,
                    "val_accuracy": val_accuracy, "seconds": time.time() - start}
            print(json.dumps(line), file=log, flush=True)
            torch.save({"module": module.state_dict(), "optimizer": optimizer.state_dict(),
                        "generator": generator.get_state(), "epoch": epoch + 1}, state_path)
    loss, accuracy = evaluate(module, *test)
    print(f"test  loss {loss:.4f}  accuracy {100 * accuracy:.2f}%  {len(test[1]):,} samples")


if __name__ == "__main__":
    main()
