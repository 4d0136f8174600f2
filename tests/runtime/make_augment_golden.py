#!/usr/bin/env python3
"""Writes augment_golden.h: pictures changed by NumPy and SciPy, with the same random numbers as the trainer's.

    pip install numpy scipy; tests/runtime/make_augment_golden.py > tests/runtime/augment_golden.h

Independent are the arithmetic (scipy.ndimage for smoothing and for reading between pixels, NumPy for the rest) and this
generator of random numbers. The meaning of each augmentation is that of runtime/augment.h.
"""
import numpy as np
from scipy import ndimage

H, W = 11, 9
MASK = (1 << 64) - 1


def bits(key, index):
    x = (index * 0x9E3779B97F4A7C15 + key) & MASK
    x = ((x ^ x >> 32) * 0xD6E8FEB86659FD93) & MASK
    x ^= x >> 29 ^ (key << 32 & MASK | key >> 32)
    x = ((x ^ x >> 32) * 0xD6E8FEB86659FD93) & MASK
    x = ((x ^ x >> 31) * 0x9FB21C651E98DF25) & MASK
    return x ^ x >> 28


def subkey(key, part):
    return bits(key ^ 0x6E65746B6579, part)


def uniform(key, index):
    return (bits(key, index) >> 11) * 2.0**-53


def even(key, index):
    return 2 * uniform(key, index) - 1


def below(key, index, n):
    mask = (1 << (n - 1).bit_length()) - 1
    b = bits(key, index)
    if b & mask < n:
        return b & mask
    again, i = subkey(b, index), 0
    while bits(again, i) & mask >= n:
        i += 1
    return bits(again, i) & mask


def signed(b):
    return (b - (1 << 32) if b >= 1 << 31 else b) * 2.0**-31


def smooth(plane, sigma, mode):
    return ndimage.gaussian_filter(plane, sigma, mode=mode, cval=0, truncate=4)


def about_centre(matrix):
    centre = np.array([(W - 1) / 2, (H - 1) / 2])
    move = np.eye(3)
    move[:2, :2] = matrix
    move[:2, 2] = centre - np.array(matrix) @ centre
    return move


def movement(kind, amount, key):
    """Output (x, y, 1) to source (x, y, 1)."""
    move = np.eye(3)
    if kind in ("shift", "crop"):
        move[1, 2] = below(key, 0, 2 * amount + 1) - amount
        move[0, 2] = below(key, 1, 2 * amount + 1) - amount
    elif kind == "mirror":
        if bits(key, 0) >> 63:
            move[0, 0], move[0, 2] = -1, W - 1
    elif kind == "rotate":
        a = np.deg2rad(even(key, 0) * amount)
        move = about_centre([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    elif kind == "scale":
        move = about_centre([[1 / (1 + even(key, 1) * amount), 0], [0, 1 / (1 + even(key, 0) * amount)]])
    elif kind == "shear":
        move = about_centre([[1, np.tan(np.deg2rad(even(key, 0) * amount))], [0, 1]])
    else:
        return None
    return move


def read(image, x, y):
    planes = [ndimage.map_coordinates(p, [y, x], order=1, mode="grid-constant", cval=0) for p in np.moveaxis(image, 2, 0)]
    return np.stack(planes, axis=2)


def augment(image, steps, key):
    ys, xs = np.mgrid[0:H, 0:W].astype(float)
    move, moved = np.eye(3), False
    for i, (kind, *args) in enumerate(steps):
        own = subkey(key, i)
        m = movement(kind, args[0] if args else 0, own)
        if m is not None:
            move, moved = move @ m, True
            if i + 1 < len(steps) and (movement(steps[i + 1][0], 1, 1) is not None or steps[i + 1][0] == "distort"):
                continue
        x, y = xs, ys
        if kind == "distort":
            field = np.array([[signed(bits(own, p) >> 32), signed(bits(own, p) & 0xFFFFFFFF)] for p in range(H * W)])
            x = xs + args[0] * smooth(field[:, 0].reshape(H, W), args[1], "constant")
            y = ys + args[0] * smooth(field[:, 1].reshape(H, W), args[1], "constant")
            moved = True
        if moved:
            image = read(image, *(move @ np.stack([x.ravel(), y.ravel(), np.ones(H * W)]))[:2].reshape(2, H, W))
            move, moved = np.eye(3), False
        if kind == "blur":
            sigma = args[0] * uniform(own, 0)
            image = np.stack([smooth(p, sigma, "nearest") for p in np.moveaxis(image, 2, 0)], axis=2)
        if kind == "noise":
            flat = image.ravel().copy()
            for k in range(flat.size):
                b = bits(own, k // 128 * 64 + k % 64)
                size = np.sqrt(-2 * np.log(((b >> 40) + 1) * 2.0**-24))
                angle = 2 * np.pi * (b & 0xFFFFFF) * 2.0**-24
                flat[k] += args[0] * size * (np.sin(angle) if k % 128 >= 64 else np.cos(angle))
            image = flat.reshape(image.shape)
    return image


CASES = [
    (1, [("rotate", 40)]),
    (3, [("rotate", 180)]),
    (3, [("scale", 0.4)]),
    (1, [("shear", 30)]),
    (1, [("distort", 20, 2)]),
    (3, [("distort", 8, 1)]),
    (3, [("blur", 2.5)]),
    (2, [("noise", 0.3)]),
    (3, [("shift", 2), ("mirror",), ("rotate", 20), ("distort", 9, 1.5)]),
    (1, [("distort", 9, 1.5), ("crop", 3), ("distort", 5, 1)]),
    (2, [("rotate", 25), ("blur", 1.2), ("scale", 0.2), ("shear", 10), ("noise", 0.1), ("mirror",)]),
]


def main():
    print("/* augment_golden.h - made by make_augment_golden.py: do not edit. */")
    print(f"enum {{ GOLDEN_H = {H}, GOLDEN_W = {W}, GOLDEN_CASES = {len(CASES)} }};\n")
    print("static const struct golden {\n    int channels, n;\n    nt_augment list[6];\n    float result[GOLDEN_H * GOLDEN_W * 3];")
    print("} golden[GOLDEN_CASES] = {")
    for number, (channels, steps) in enumerate(CASES):
        image = np.array([uniform(77, i) for i in range(H * W * channels)]).reshape(H, W, channels)
        result = augment(image, steps, 1000 + number).ravel()
        rows = []
        for kind, *args in steps:
            row = f".kind = NT_AUG_{kind.upper()}"
            if kind in ("shift", "crop"):
                row += f", .pixels = {args[0]}"
            elif kind == "blur":
                row += f", .sigma = {args[0]}"
            elif args:
                row += f", .amount = {args[0]}" + (f", .sigma = {args[1]}" if len(args) > 1 else "")
            rows.append("{" + row + "}")
        print(f"    {{{channels},\n     {len(steps)},\n     {{" + ",\n      ".join(rows) + "},\n     {", end="")
        for i, v in enumerate(result):
            print(f"{v:.7f}f", end=",\n      " if i % 9 == 8 else ", ")
        print("}},")
    print("};")


main()
