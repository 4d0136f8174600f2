"""inside.py PAGE WEIGHTS X_TEST.npy - whether the filters and feature maps of a page are what the weights say: for a network whose
first layer is `first`, a 3x3 convolution with pad 1 and relu on bytes over 255. Standard library only."""
import base64
import json
import math
import re
import struct
import sys
import zlib


def png(data):
    """Rows of pixels, each a list of samples."""
    raw, at, channels = b"", 8, 1
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            channels = {0: 1, 2: 3}[colour]
            assert depth == 8
        raw += body if kind == b"IDAT" else b""
        at += 12 + length
    raw, rows, before = zlib.decompress(raw), [], [0] * (width * channels)
    for y in range(height):
        line = raw[y * (width * channels + 1):(y + 1) * (width * channels + 1)]
        row = []
        for i, value in enumerate(line[1:]):
            a = row[i - channels] if i >= channels else 0
            b, c = before[i], before[i - channels] if i >= channels else 0
            p = a + b - c
            paeth = a if abs(p - a) <= abs(p - b) and abs(p - a) <= abs(p - c) else b if abs(p - b) <= abs(p - c) else c
            row.append((value + [0, a, b, (a + b) // 2, paeth][line[0]]) % 256)
        rows.append(row)
        before = row
    return rows


def tensors(path):
    data = open(path, "rb").read()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    return {name: struct.unpack("<%df" % math.prod(t["shape"]), data[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]])
            for name, t in header.items() if name != "__metadata__"}


def images(text):
    return [png(base64.b64decode(code)) for code in re.findall(r"base64,([^\"]*)", text)]


def close(shown, value, low, high, what):
    expected = 255 * (value - low) / (high - low)
    if abs(shown - expected) > 1.01:  # a byte, and a caption with three digits
        sys.exit("%s: %d is shown where %.2f was expected" % (what, shown, expected))


page = open(sys.argv[1], encoding="utf-8").read()
weights = tensors(sys.argv[2])
samples = open(sys.argv[3], "rb").read()[128:]
w, bias = weights["first.weight"], weights["first.bias"]

filters = images(re.search(r"Filters of the first layer(.*?)</figure>", page, re.S).group(1))
for f in range(6):
    own = w[f * 27:(f + 1) * 27]
    most = max(map(abs, own))
    for c in range(3):
        for i in range(9):
            close(filters[f][i // 3][i % 3 * 3 + c], own[c * 9 + i], -most, most, "filter %d" % f)

section = re.search(r"<h2>Feature maps(.*?)<h2>", page, re.S).group(1)
figures = re.findall(r"<figcaption>first \(conv \+ relu\), 8x8: (\S+) is black, (\S+) white</figcaption>(.*?)</figure>", section, re.S)
assert len(figures) == 2
for place, (low, high, text) in zip((0, 30), figures):
    x = samples[place * 192:(place + 1) * 192]
    for f, shown in enumerate(images(text)):
        for row in range(8):
            for column in range(8):
                sum_ = bias[f]
                for c in range(3):
                    for i in range(9):
                        r, k = row + i // 3 - 1, column + i % 3 - 1
                        if 0 <= r < 8 and 0 <= k < 8:
                            sum_ += w[f * 27 + c * 9 + i] * x[(r * 8 + k) * 3 + c] / 255
                close(shown[row][column], max(sum_, 0), float(low), float(high), "map %d of sample %d" % (f, place))
print("filters and maps are those of the weights")
