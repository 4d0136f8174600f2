#!/usr/bin/env python3
"""make.py MNIST OUT - digits for examples/lenet1.net: 7,291 to train on and 2,007 to test, of 16x16 pixels, as LeNet-1 had them.

The post office's digits of 1989 are not free; these are the first of MNIST's two parts. Of each, the box of 20x20 pixels that holds the
digit is brought to 16x16: each pixel is the mean of the area that it covers. MNIST is the folder with the four idx files, packed
or not; OUT gets four of the same names.
"""
import gzip
import os
import struct
import sys

SIDE, MARGIN, BOX, SMALL = 28, 4, 20, 16


def shares():
    """For each of SMALL places: the places of the box that it covers, and how much of it each is."""
    scale = BOX / SMALL
    lists = []
    for i in range(SMALL):
        low, high = i * scale, (i + 1) * scale
        lists.append([(j, (min(high, j + 1) - max(low, j)) / scale) for j in range(int(low), BOX) if j < high])
    return lists


def shrink(pixels, lists):
    """SMALL*SMALL bytes from SIDE*SIDE."""
    lines = []
    for row in range(MARGIN, MARGIN + BOX):
        line = pixels[row * SIDE + MARGIN:row * SIDE + MARGIN + BOX]
        lines.append([sum(line[j] * share for j, share in places) for places in lists])
    return bytes(int(sum(lines[j][column] * share for j, share in places) + 0.5)
                 for places in lists for column in range(SMALL))


def read(folder, name):
    path = os.path.join(folder, name)
    if os.path.exists(path):
        with open(path, "rb") as file:
            return file.read()
    with gzip.open(path + ".gz") as file:
        return file.read()


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: make.py MNIST OUT")
    source, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    lists = shares()
    for part, count in (("train", 7291), ("t10k", 2007)):
        images, labels = read(source, part + "-images-idx3-ubyte"), read(source, part + "-labels-idx1-ubyte")
        if images[:4] != b"\0\0\x08\x03" or struct.unpack(">II", images[8:16]) != (SIDE, SIDE) or len(labels) < 8 + count:
            sys.exit(f"{source}: not MNIST's {part} part")
        with open(os.path.join(out, part + "-images-idx3-ubyte"), "wb") as file:
            file.write(struct.pack(">IIII", 0x803, count, SMALL, SMALL))
            for i in range(count):
                file.write(shrink(images[16 + i * SIDE * SIDE:16 + (i + 1) * SIDE * SIDE], lists))
        with open(os.path.join(out, part + "-labels-idx1-ubyte"), "wb") as file:
            file.write(struct.pack(">II", 0x801, count) + labels[8:8 + count])


main()
