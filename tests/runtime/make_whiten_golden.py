#!/usr/bin/env python3
"""Writes whiten_golden.h: whitening matrices by NumPy for samples that test_whiten.c makes as well.

    pip install numpy; tests/runtime/make_whiten_golden.py > tests/runtime/whiten_golden.h
"""
import numpy as np

SAMPLES, SIZE, EPS = 300, 12, 0.01
s, i = np.arange(SAMPLES)[:, None], np.arange(SIZE)[None, :]
z = np.sin(1.7 * s + 2.3 * i + 0.37 * s * i)  # the same in C
k, j = np.arange(SIZE)[:, None], np.arange(SIZE)[None, :]
mix = np.cos(1.3 * k * j + 1.9 * j + 0.5 * k) * 0.8**j
x = (z @ mix.T + i).astype(np.float32).astype(float)

centred = x - x.mean(axis=0)
values, vectors = np.linalg.eigh(np.cov(centred.T, bias=True))
values, vectors = values[::-1], vectors[:, ::-1]
vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(SIZE)])
values[values < 1e-6 * values[0]] = np.inf
pca = vectors.T / np.sqrt(values + EPS)[:, None]
zca = vectors @ pca

print("/* whiten_golden.h - made by make_whiten_golden.py: do not edit. */")
print(f"enum {{ GOLDEN_SAMPLES = {SAMPLES}, GOLDEN_SIZE = {SIZE} }};")
print(f"static const double golden_eps = {EPS};\n")
for name, matrix in (("zca", zca), ("pca", pca)):
    print(f"static const float golden_{name}[GOLDEN_SIZE * GOLDEN_SIZE] = {{")
    for row in matrix:
        print("    " + ", ".join(f"{v:.7e}f" for v in row[:6]) + ",\n    " + ", ".join(f"{v:.7e}f" for v in row[6:]) + ",")
    print("};")
