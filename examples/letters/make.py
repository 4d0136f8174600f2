#!/usr/bin/env python3
"""make.py > letters.csv - letters E, F and L drawn in 8x8 pixels: what examples/letters.net learns to tell apart.

Each is drawn anew: its height and width, where it stands, how long its bars are and at which height the middle one is. Then each pixel
is turned over with probability 3%. A row is the letter and its 64 pixels, line by line, 1 for ink; letters take turns.
"""
import random

SIZE, EACH, FLIPPED = 8, 200, 0.03


def draw(letter, rng):
    """One picture, as a list of SIZE lines of 0 and 1."""
    ink = [[0] * SIZE for _ in range(SIZE)]
    height, width = rng.randint(6, 7), rng.randint(4, 5)
    top, left = rng.randint(0, 1), rng.randint(1, 2)
    bottom = top + height - 1
    for row in range(top, bottom + 1):
        ink[row][left] = 1
    bars = {"E": (top, top + height // 2, bottom), "F": (top, top + height // 2), "L": (bottom,)}[letter]
    for row in bars:
        length = width - rng.randint(0, 1)
        for column in range(left, left + length):
            ink[row][column] = 1
    return [[value ^ (rng.random() < FLIPPED) for value in line] for line in ink]


def main():
    rng = random.Random(1)
    print("letter," + ",".join(f"p{row}{column}" for row in range(SIZE) for column in range(SIZE)))
    for _ in range(EACH):
        for letter in "EFL":
            print(letter + "," + ",".join(str(int(value)) for line in draw(letter, rng) for value in line))


main()
