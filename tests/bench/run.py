#!/usr/bin/env python3
"""Trainers that netc built, and PyTorch, timed side by side on this machine.

    run.py [--python VENV/bin/python] [--threads 1,2] [--batch 1,64] [--rounds N] [--json FILE]
           [MODEL[=TRAINER] ...]

MODEL is one of lenet5, mlp_mnist, resnet20_cifar, vgg_cifar; TRAINER the program that `netc build` made of
examples/MODEL.net. Without a TRAINER only PyTorch is measured, without a MODEL all four are. In each round a trainer's
`bench` and PyTorch take turns, so that whatever else the machine does falls on both; the time shown is the smallest of
the rounds' medians, and `spread` how far the middle round lies above it (large: a loaded machine). The ratio is
PyTorch's time over netc's: above 1, netc is faster. `peak` is the share of the fused multiply-adds that the cores were
measured to give (peak.c) with as many threads. A batch's multiply-adds are counted the same way for both, those with a
padding's zeros included: who leaves those out can show more than 100%.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ["mlp_mnist", "lenet5", "resnet20_cifar", "vgg_cifar"]
INSTALL = """PyTorch is missing, so there is nothing to compare with. To install it:
    python3 -m venv build/venv
    build/venv/bin/pip install torch numpy
    make bench PYTHON=build/venv/bin/python      (or run.py --python build/venv/bin/python)"""


class Peer:
    """peers.py as a worker process with its own number of threads."""

    def __init__(self, python, threads):
        self.process = subprocess.Popen([python, os.path.join(HERE, "peers.py"), str(threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self.answer()["torch"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("peers.py ended early")
        return json.loads(line)

    def measure(self, model, batch):
        self.process.stdin.write(f"{model} {batch}\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def has_torch(python):
    test = subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL, check=False)
    return test.returncode == 0


def fma_peak(threads):
    """GFLOP/s of this machine, or None without a C compiler."""
    with tempfile.TemporaryDirectory() as folder:
        exe = os.path.join(folder, "peak")
        command = [os.environ.get("CC", "cc"), "-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast", "-fopenmp",
                   os.path.join(HERE, "peak.c"), "-o", exe]
        try:
            subprocess.run(command, check=True)
            return float(subprocess.run([exe, str(threads)], check=True, capture_output=True, text=True).stdout)
        except (OSError, subprocess.CalledProcessError) as e:
            print(f"no peak: {e}", file=sys.stderr)
            return None


def bench(exe, batch, threads):
    command = [exe, "bench", "--batch", str(batch), "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def best(rounds, key):
    """(smallest, how far the median lies above it)"""
    times = [r[key] for r in rounds]
    return min(times), statistics.median(times) / min(times) - 1


def figures(rounds, key, flops, peak):
    if not rounds:
        return None
    ms, spread = best(rounds, key)
    gflops = flops / ms * 1e-6 if flops else None
    return {"ms": ms, "spread": spread, "gflops": gflops, "peak": gflops / peak if gflops and peak else None}


def cells(f):
    if not f:
        return f"{'-':>9} {'-':>6} {'-':>5}"
    share = f"{100 * f['peak']:4.0f}%" if f["peak"] else "    -"
    return f"{f['ms']:9.3f} {100 * f['spread']:5.0f}% {share}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL[=TRAINER]")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has PyTorch")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--batch", default="1,64")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", help="write all figures to this file as well")
    args = parser.parse_args()
    trainers, models = {}, []
    for given in args.models:
        model, equals, path = given.partition("=")
        if model not in MODELS or (equals and not path):
            parser.error(f"{given}: not MODEL or MODEL=TRAINER with MODEL one of {', '.join(MODELS)}")
        models.append(model)
        if path:
            trainers[model] = path
    models = models or MODELS
    torch = has_torch(args.python)
    if not torch:
        print(INSTALL, file=sys.stderr)
        if not trainers:
            return 3
    results = []
    for threads in map(int, args.threads.split(",")):
        peak = fma_peak(threads)
        peer = Peer(args.python, threads) if torch else None
        print(f"\n{threads} thread{'s' if threads > 1 else ''}" + (f", FMA peak {peak:.0f} GFLOP/s" if peak else "") +
              (f", PyTorch {peer.version} eager" if peer else ""))
        print(f"{'':33} {'netc ms':>9} {'spread':>6} {'peak':>5}   {'torch ms':>9} {'spread':>6} {'peak':>5}   ratio")
        for model in models:
            for batch in map(int, args.batch.split(",")):
                ours, theirs = [], []
                for _ in range(args.rounds):
                    if model in trainers:
                        ours.append(bench(trainers[model], batch, threads))
                    if peer:
                        theirs.append(peer.measure(model, batch))
                for key, what in (("train", "training step"), ("forward", "inference")):
                    flops = theirs[0][f"{key}_flops"] if theirs else None
                    n = figures(ours, f"{key}_ms", flops, peak)
                    t = figures(theirs, f"{key}_ms", flops, peak)
                    ratio = t["ms"] / n["ms"] if t and n else None
                    layout = theirs[-1]["layout"][key] if theirs else None
                    print(f"{model:15} {batch:3} {what:13} {cells(n)}   {cells(t)}   " +
                          (f"{ratio:.2f}x" if ratio else "-"), flush=True)
                    results.append({"model": model, "batch": batch, "threads": threads, "what": what, "netc": n,
                                    "torch": t, "ratio": ratio, "torch_layout": layout, "peak_gflops": peak})
        if peer:
            peer.close()
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)
            f.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
