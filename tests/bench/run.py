#!/usr/bin/env python3
"""Trainers that netc built, and what people would use instead, side by side on this machine.

    run.py [OPTIONS] [MODEL[=TRAINER] ...]        measures
    run.py --merge A.json B.json ...              puts the results of several runs together and prints them

MODEL is a network of networks.py; TRAINER the program that `netc build` made of it, which is built where none is
given. Without a MODEL all networks are measured, which takes hours: give parts, keep each with --json, and merge them.

For a cell (network, training step or inference, batch, threads) every contender is prepared and timed once; those
that are far behind the best of the others (SCREEN) are let go, marked *. The rest take turns with netc for as many
rounds as fit into the budget, so that whatever else the machine does falls on all. A round gives a contender's median;
the time shown is the smallest of the rounds, `spread` how far the middle round lies above it (large: a loaded
machine). The ratio is the time of the best peer, whichever it is, over netc's: above 1, netc is faster. `peak` is the
share of the fused multiply-adds that the cores were measured to give (peak.c) with as many threads. A batch's
multiply-adds are counted the same way for all, those with a padding's zeros included: who needs fewer (Winograd) can
show more than 100%.
"""
import argparse
import concurrent.futures
import json
import math
import os
import platform
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# Batches of a training step; inference is measured at INFERENCE_BATCHES.
MODELS = {"lenet5": (64, 10), "mlp_mnist": (64,), "mlp_ciresan": (128,), "resnet20_cifar": (128,), "vgg_cifar": (64,),
          "alexnet": (32,), "googlenet": (16,), "resnet18": (16,), "resnet50": (8,), "vgg_d": (8,)}
EXTRA = {"mlp_mnist"}  # measured, but no part of the marks
INFERENCE_BATCHES = (1, 32)
PARTS = ("training", "inference", "layers", "memory", "cold", "gemm", "scaling")
# Networks with large dense layers, and the batches at which these are held against OpenBLAS's products.
GEMM = {"mlp_ciresan": (64, 128), "alexnet": (32,), "vgg_d": (8,)}
LARGE = 1 << 20  # parameters of a dense layer, at least
MANY_CHANNELS = 64  # on both sides: Winograd has marks of its own; narrower, it is to reach those of the direct sum
PEERS = ("torch", "onnxruntime", "openvino", "tvm")
SCREEN = 1.3  # a peer that takes so many times as long as the best is measured once only
MOST_ROUNDS = 15
# What is to be reached: (geometric mean, minimum) of the ratios.
MARKS = {"training": (2.0, 1.2), "inference": (1.3, 1.0)}
TWO_THREADS, MEMORY, COLD = 1.9, 0.6, {"lenet5": 3, "resnet50": 20}
RESNET152_MS = 50
INSTALL = """No peer is installed, so there is nothing to compare with: `make bench-peers` gets them into build/venv, and
`make bench` uses them from there (or give run.py --python an interpreter that has them)."""


# ---- the peers' processes ----

class Peer:
    """peers.py as a worker process of one kind, with its own number of threads. One that does not answer in time is
    ended, and what was asked of it counts as failed."""

    def __init__(self, python, kind, threads, limit, cache):
        self.arguments, self.limit, self.kind = (python, kind, threads, cache), limit, kind
        self.start()

    def start(self):
        python, kind, threads, cache = self.arguments
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), TORCHINDUCTOR_CACHE_DIR=cache)
        self.process = subprocess.Popen([python, os.path.join(HERE, "peers.py"), kind, str(threads)], env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.about = self.answer(120)

    def answer(self, limit):
        line, end = b"", time.monotonic() + limit
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            if not ready:
                self.close(kill=True)
                return {"error": f"no answer in {limit:.0f} s"}
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return {"error": f"ended with status {self.process.wait()}"}
            line += more
        return json.loads(line)

    def ask(self, **request):
        if self.process.poll() is not None:
            self.start()
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError as e:
            return {"error": str(e)}
        return self.answer(self.limit)

    def close(self, kill=False):
        if kill:
            self.process.kill()
        self.process.stdin.close()
        self.process.wait()


class PeerMode:
    """One way to run one peer, in one cell."""

    def __init__(self, peer, mode, name):
        self.peer, self.mode, self.name = peer, mode, name

    def prepare(self, **request):
        return self.peer.ask(do="prepare", mode=self.mode, **request)

    def burst(self, seconds):
        return self.peer.ask(do="burst", mode=self.mode, seconds=seconds)

    def drop(self):
        self.peer.ask(do="drop", mode=self.mode)


# ---- netc's programs ----

def net_file(model):
    example = os.path.join(ROOT, "examples", f"{model}.net")
    return example if os.path.exists(example) else os.path.join(HERE, f"{model}.net")


def run(command, environment=None):
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def trainer_of(model, args, batch):
    """The trainer's path; it is built, for batches of that size, if there is none, or if netc or the model is newer."""
    if args.trainers.get(model):
        return args.trainers[model]
    exe, net = os.path.join(args.work, f"{model}_b{batch}"), net_file(model)
    newest = max(os.path.getmtime(f) for f in (args.netc, net))
    if not os.path.exists(exe) or os.path.getmtime(exe) < newest:
        os.makedirs(args.work, exist_ok=True)
        print(f"building {exe}", file=sys.stderr)
        run([args.netc, "build", net, "-o", exe, "--batch", str(batch)])
    if model not in args.targets:
        args.targets[model] = json.loads(run([exe, "info", "--format", "json"]))["target"]
    return exe


class Trainer:
    """A trainer's bench, as a contender. Each burst is a process of its own."""
    name = "netc"

    def __init__(self, exe, what, batch, threads):
        self.what = what
        self.command = [exe, "bench", "--only", what, "--batch", str(batch), "--threads", str(threads)]

    def burst(self, seconds, steps=100000):
        reply = json.loads(run([*self.command, "--seconds", str(seconds), "--steps", str(steps)]))
        return {"ms": reply["train_ms" if self.what == "training" else "forward_ms"], "memory": reply["peak_memory"]}


def fma_peak(threads):
    """GFLOP/s of this machine, or None without a C compiler."""
    with tempfile.TemporaryDirectory() as folder:
        exe, found = os.path.join(folder, "peak"), []
        try:
            for lanes in (8, 16):
                subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast", "-fopenmp",
                                f"-DLANES={lanes}", os.path.join(HERE, "peak.c"), "-o", exe], check=True)
                done = subprocess.run([exe, str(threads)], check=True, capture_output=True, text=True)
                found.append(float(done.stdout))
            return max(found)
        except (OSError, subprocess.CalledProcessError) as e:
            print(f"no peak: {e}", file=sys.stderr)
            return None


# ---- a cell ----

def best(rounds):
    """The smallest, and how far the middle lies above it."""
    return {"ms": min(rounds), "spread": statistics.median(rounds) / min(rounds) - 1, "rounds": len(rounds)}


def candidates(peers, cell, order):
    """The modes to measure. Compiled code is given the memory order in which eager code was faster (`order` becomes
    known while this runs)."""
    torch = peers.get("torch")
    if torch:
        yield PeerMode(torch, "eager", "eager")
        if cell["images"]:
            yield PeerMode(torch, "eager+cl", "eager channels_last")
        for mode in ("compile", "max-autotune"):
            last = order() == "eager channels_last"
            yield PeerMode(torch, mode + "+cl" * last, mode + " channels_last" * last)
    if cell["what"] == "inference":
        for kind in ("onnxruntime", "openvino", "tvm"):
            if kind in peers:
                yield PeerMode(peers[kind], "onnx", kind)


def export(peers, cell, folder):
    """The network as an ONNX file, if there are peers that read it."""
    if cell["what"] == "training" or "torch" not in peers or len(peers) == 1:
        return {}
    path = os.path.join(folder, f"{cell['model']}-{cell['batch']}.onnx")
    if os.path.exists(path):
        return {"path": path}
    reply = peers["torch"].ask(do="export", model=cell["model"], batch=cell["batch"], path=path)
    if "error" in reply:
        print(f"{cell['model']}: no ONNX file: {reply['error']}", file=sys.stderr)
        return {}
    return {"path": path}


def screen(peers, cell, args, folder):
    """Every peer's mode once: (what they gave by name, those still held)."""
    found, held = {}, []
    request = {k: cell[k] for k in ("model", "what", "batch")} | export(peers, cell, folder)

    def order():
        eager = [name for name in found if name.startswith("eager") and "ms" in found[name]]
        return min(eager, key=lambda name: found[name]["ms"], default="")

    for mode in candidates(peers, cell, order):
        if not args.modes or any(m in mode.name for m in args.modes):
            if mode.mode == "onnx" and "path" not in request:
                continue
            reply = mode.prepare(**request)
            if "error" not in reply:
                cell["flops"] = reply.get("flops", cell["flops"])
                reply |= mode.burst(args.burst)
            found[mode.name] = reply
            if "error" in reply:
                print(f"{cell['model']}, {mode.name}: {reply['error']}", file=sys.stderr)
                mode.drop()
                continue
            held.append(mode)
            limit = SCREEN * min(f["ms"] for f in found.values() if "ms" in f)
            for slow in [m for m in held if found[m.name]["ms"] > limit]:
                slow.drop()
                held.remove(slow)
    return found, held


def measure(cell, trainer, peers, args, folder):
    start = time.monotonic()
    found, held = screen(peers, cell, args, folder)
    rounds = {mode.name: [] for mode in held} | ({trainer.name: []} if trainer else {})
    contenders = ([trainer] if trainer else []) + held
    begin = time.monotonic()
    for done in range(MOST_ROUNDS if contenders else 0):
        for contender in contenders:
            reply = contender.burst(args.burst)
            if "ms" in reply:
                rounds[contender.name].append(reply["ms"])
        took = (time.monotonic() - begin) / (done + 1)
        if done + 1 >= args.rounds and time.monotonic() - begin + took > args.budget:
            break
    for mode in held:
        mode.drop()
    cell["netc"] = best(rounds["netc"]) if rounds.get("netc") else None
    cell["peers"] = {}
    for name, reply in found.items():
        if "error" in reply:
            cell["peers"][name] = {"error": reply["error"]}
        else:
            timed = rounds.get(name) or [reply["ms"]]
            cell["peers"][name] = best(timed) | {"compile_s": reply["compile_s"], "screened": name not in rounds}
    cell["seconds"] = time.monotonic() - start


# ---- what cells say ----

def best_peer(cell):
    timed = {name: p for name, p in cell["peers"].items() if "ms" in p}
    return min(timed, key=lambda name: timed[name]["ms"], default=None)


def ratio(cell):
    name = best_peer(cell)
    return cell["peers"][name]["ms"] / cell["netc"]["ms"] if name and cell["netc"] else None


def share(cell, ms):
    return cell["flops"] / ms * 1e-6 / cell["peak_gflops"] if cell["flops"] and cell["peak_gflops"] else None


def times_text(cell, f):
    if not f:
        return f"{'-':>9} {'-':>6} {'-':>5}"
    part = share(cell, f["ms"])
    return f"{f['ms']:9.3f} {100 * f['spread']:5.0f}% " + (f"{100 * part:4.0f}%" if part else f"{'-':>5}")


def print_heading():
    print(f"\n{'':15} {'b':>3} {'t':>2} {'':9} {'netc ms':>9} {'spread':>6} {'peak':>5}   {'peer ms':>9} {'spread':>6} "
          f"{'peak':>5}   {'ratio':>6}  best peer; others")


def print_cell(cell):
    name = best_peer(cell)
    others = []
    for other, p in cell["peers"].items():
        if other != name:
            others.append(f"{other} {p['ms']:.3g}{'*' if p['screened'] else ''}" if "ms" in p else f"{other} failed")
    r = ratio(cell)
    print(f"{cell['model']:15} {cell['batch']:3} {cell['threads']:2} {cell['what']:9} {times_text(cell, cell['netc'])}   "
          f"{times_text(cell, cell['peers'].get(name))}   " + (f"{r:5.2f}x" if r else f"{'-':>6}") +
          (f"  {name}; " if name else "  ") + ", ".join(others), flush=True)


def geometric(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def verdict(reached):
    return "reached" if reached else "missed"


def print_ratios(cells):
    for what, (mean_mark, least_mark) in MARKS.items():
        rated = [c for c in cells if c["what"] == what and c["model"] not in EXTRA and ratio(c)]
        if not rated:
            continue
        mean, least = geometric([ratio(c) for c in rated]), min(rated, key=ratio)
        print(f"{what}: geometric mean {mean:.2f}x of {len(rated)} cells (mark {mean_mark}x: {verdict(mean >= mean_mark)}), "
              f"least {ratio(least):.2f}x at {least['model']} batch {least['batch']}, {least['threads']} threads (mark "
              f"{least_mark}x: {verdict(ratio(least) >= least_mark)})")
        below = [c for c in rated if ratio(c) < least_mark]
        for c in below:
            print(f"    below: {c['model']} batch {c['batch']}, {c['threads']} threads: {ratio(c):.2f}x of {best_peer(c)}")


def print_scaling(cells):
    one = {(c["model"], c["what"], c["batch"]): c["netc"]["ms"] for c in cells if c["threads"] == 1 and c["netc"]}
    gains = {}
    for c in cells:
        key = (c["model"], c["what"], c["batch"])
        if c["threads"] == 2 and c["netc"] and key in one:
            gains[key] = one[key] / c["netc"]["ms"]
    if not gains:
        return
    print(f"\ntwo threads over one (mark {TWO_THREADS}x): geometric mean {geometric(gains.values()):.2f}x")
    for (model, what, batch), gain in gains.items():
        print(f"    {model:15} {what:9} batch {batch:3}  {gain:.2f}x  {verdict(gain >= TWO_THREADS)}")


def scaling_of(exe, model, what, batch, args):
    """Milliseconds of a step with one thread, with two, and with one thread while a second process does the same: what
    two threads can reach where cores share memory, caches and clock, whatever the program does."""
    one, two = Trainer(exe, what, batch, 1), Trainer(exe, what, batch, 2)
    seconds = max(args.burst, 4e-3 * one.burst(args.burst)["ms"])
    ms = {"one": [], "two": [], "beside": []}
    for _ in range(args.rounds):
        ms["one"].append(one.burst(seconds)["ms"])
        ms["two"].append(two.burst(seconds)["ms"])
        with concurrent.futures.ThreadPoolExecutor() as pool:
            both = [pool.submit(one.burst, seconds) for _ in range(2)]
            ms["beside"].append(statistics.harmonic_mean(b.result()["ms"] for b in both))
    return {"model": model, "what": what, "batch": batch} | {key: min(rounds) for key, rounds in ms.items()}


def print_processes(rows):
    print("\ntwo threads beside two processes of one thread each, which share nothing but the machine")
    print(f"{'':15} {'':9} {'b':>3} {'one, ms':>9} {'threads':>8} {'processes':>9} {'of these':>8}")
    gains = []
    for row in rows:
        threads, processes = row["one"] / row["two"], 2 * row["one"] / row["beside"]
        gains.append((threads, processes))
        print(f"{row['model']:15} {row['what']:9} {row['batch']:3} {row['one']:9.2f} {threads:7.2f}x {processes:8.2f}x "
              f"{100 * threads / processes:7.0f}%")
    print(f"    geometric means: threads {geometric([g[0] for g in gains]):.2f}x, processes {geometric([g[1] for g in gains]):.2f}x")


# ---- layers ----

def channels(shape):
    """56x56x64 -> 64; 4096 -> 4096"""
    return int(shape.split("x")[-1])


KINDS = {"conv": "forward", "conv_dx": "backward data", "conv_dw": "backward weights"}


def layers_of(exe, model, batch):
    """The products of a training step, one thread, with their shares of the peak."""
    reply = json.loads(run([exe, "bench", "--per-layer", "--only", "training", "--format", "json", "--batch", str(batch),
                            "--threads", "1", "--steps", "15", "--seconds", "4"]))
    rows = []
    for step in reply["steps"]:
        kind = KINDS.get(step["what"].split()[0])
        if kind and step["gflops"] > 0:
            rows.append({"model": model, "batch": batch, "layer": step["layer"], "kind": kind, "shape": step["shape"],
                         "how": step["how"], "ms": step["ms"], "gflops": step["gflops"], "peak": step["peak"]})
    return rows


def layer_mark(row):
    """The share to reach, or None where nothing is said: narrow layers, and those with a pixel or less to sum over."""
    into, out = (channels(s) for s in row["shape"].split(" -> "))
    winograd = "Winograd" in row["how"]
    if into <= 3:
        return 0.70
    if into < 16 or out < 16:
        return None
    if winograd and min(into, out) >= MANY_CHANNELS:
        return 1.5 if row["kind"] == "forward" else 1.3
    return 0.92 if row["kind"] == "forward" else 0.88


def print_layers(rows):
    print("\nproducts of a training step, one thread: share of the peak in registers, packing included (Winograd's: effective)")
    table = {}
    for row in rows:
        table.setdefault((row["model"], row["batch"], row["layer"], row["shape"]), {})[row["kind"]] = row
    print(f"{'':32} {'':32}" + "".join(f"{kind:>18}" for kind in KINDS.values()))
    for (model, _, layer, shape), kinds in table.items():
        text = ""
        for kind in KINDS.values():
            row = kinds.get(kind)
            mark = row and layer_mark(row)
            text += f"{'-':>18}" if not row else (f"{'W ' if 'Winograd' in row['how'] else ''}{100 * row['peak']:.0f}%"
                                                  f"{' ' if not mark or row['peak'] >= mark else '!'}").rjust(18)
        print(f"{model + ' ' + layer:32.32} {shape:32}{text}")
    for kind in KINDS.values():
        marked = [r for r in rows if r["kind"] == kind and layer_mark(r)]
        reached = sum(r["peak"] >= layer_mark(r) for r in marked)
        print(f"{kind}: {reached} of {len(marked)} layers reach their mark (! does not)")


# ---- dense layers and OpenBLAS ----

def compile_blas(folder):
    """bench_gemm.c's program, or None without OpenBLAS."""
    exe = os.path.join(folder, "bench_gemm")
    done = subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-O2", os.path.join(ROOT, "tests", "kernels", "bench_gemm.c"),
                           "-o", exe, "-lopenblas", "-lm"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"no OpenBLAS to compare dense layers with (Debian: libopenblas-openmp-dev)\n{done.stderr}", file=sys.stderr)
        return None
    return exe


def gemm_of(exe, model, batch, threads, blas, rounds):
    """Large dense layers: the steps of the trainer, tails included, and the same products by OpenBLAS, in turns."""
    rows = {}
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    for _ in range(rounds):
        reply = json.loads(run([exe, "bench", "--per-layer", "--only", "training", "--format", "json", "--batch", str(batch),
                                "--threads", str(threads), "--steps", "15", "--seconds", "2"]))
        for step in reply["steps"]:
            kind, sides = KINDS.get(step["what"].split()[0]), step["shape"].split(" -> ")
            if not kind or "x" in sides[1]:
                continue
            into, out = math.prod(int(d) for d in sides[0].split("x")), sides[1]
            if into * int(out) >= LARGE:
                row = rows.setdefault((step["layer"], kind), {
                    "model": model, "batch": batch, "threads": threads, "layer": step["layer"], "kind": kind, "in": into,
                    "out": int(out), "netc": [], "blas": []})
                row["netc"].append(step["ms"])
        for into, out in {(row["in"], row["out"]) for row in rows.values()}:
            reply = json.loads(run([blas, str(batch), str(into), str(out), "0.2"], environment))
            for (_, kind), row in rows.items():
                if (row["in"], row["out"]) == (into, out):
                    row["blas"].append(reply[{"forward": "forward_ms", "backward data": "dx_ms", "backward weights": "dw_ms"}[kind]])
    return [row | {"netc": min(row["netc"]), "blas": min(row["blas"])} for row in rows.values()]


def print_gemm(rows):
    print("\nlarge dense layers beside OpenBLAS's sgemm (the better of two orders of the weights), ms; above 1, netc is faster")
    print(f"{'':24} {'b':>3} {'t':>2} {'in':>6} {'out':>6}  {'':16} {'netc':>9} {'OpenBLAS':>9} {'GFLOP/s':>8} {'ratio':>7}")
    for row in rows:
        flops = 2 * row["batch"] * row["in"] * row["out"]
        print(f"{row['model'] + ' ' + row['layer']:24.24} {row['batch']:3} {row['threads']:2} {row['in']:6} {row['out']:6}  "
              f"{row['kind']:16} {row['netc']:9.3f} {row['blas']:9.3f} {flops / row['netc'] * 1e-6:8.1f} {row['blas'] / row['netc']:6.2f}x")
    slower = sum(row["blas"] < row["netc"] for row in rows)
    print(f"geometric mean {geometric([row['blas'] / row['netc'] for row in rows]):.2f}x; OpenBLAS is faster in {slower} of {len(rows)}")


# ---- memory, and the first step from nothing ----

def memory_of(model, batch, trainer, args, cache):
    """Most resident memory of a few training steps, each in a process of its own. The peer's process is PyTorch's
    eager mode, whose import alone takes `import`."""
    row = {"model": model, "batch": batch, "netc": Trainer(trainer, "training", batch, 1).burst(0, 1)["memory"]}
    if "torch" in args.peers:
        peer = Peer(args.python, "torch", 1, args.limit, cache)
        row["import"] = peer.ask(do="memory").get("peak")
        reply = peer.ask(do="prepare", mode="eager", model=model, what="training", batch=batch)
        row["torch"] = peer.ask(do="memory").get("peak") if "error" not in reply else None
        peer.close()
    return row


def print_memory(rows):
    print(f"\npeak resident memory of a training run, MB (mark: {100 * MEMORY:.0f}% of PyTorch's)")
    print(f"{'':15} {'b':>3} {'netc':>9} {'torch':>9} {'of it import':>12} {'share':>6} {'without import':>15}")
    for row in rows:
        line = f"{row['model']:15} {row['batch']:3} {row['netc'] / 1e6:9.1f}"
        if row.get("torch"):
            work = row["torch"] - row["import"]
            line += (f" {row['torch'] / 1e6:9.1f} {row['import'] / 1e6:12.1f} {100 * row['netc'] / row['torch']:5.0f}%"
                     + (f" {100 * row['netc'] / work:14.0f}%" if work > 0 else ""))
        print(line)


def timed(command, environment=None):
    start = time.perf_counter()
    run(command, environment)
    return time.perf_counter() - start


def cold_of(model, batch, args):
    """Seconds from the .net file, with nothing in the cache, or from starting Python, to the end of the first training step."""
    row = {"model": model, "batch": batch}
    with tempfile.TemporaryDirectory() as folder:
        row["build"] = timed([args.netc, "train", net_file(model), "--help"], os.environ | {"XDG_CACHE_HOME": folder})
        row["step"] = timed([trainer_of(model, args, batch), "bench", "--only", "training", "--batch", str(batch),
                             "--threads", "2", "--steps", "1", "--seconds", "1e-9"])
    for mode in ("eager", "compile") if "torch" in args.peers else ():
        with tempfile.TemporaryDirectory() as cache:
            start = time.perf_counter()
            peer = Peer(args.python, "torch", 2, args.limit, cache)
            reply = peer.ask(do="prepare", mode=mode, model=model, what="training", batch=batch)
            row[mode] = None if "error" in reply else time.perf_counter() - start
            peer.close()
    return row


def print_cold(rows):
    print("\nfrom the .net file to the first step, seconds; PyTorch's from the start of Python to the third step")
    print(f"{'':15} {'b':>3} {'netc train':>10} {'first step':>10} {'together':>9} {'eager':>7} {'compile':>8}")
    for row in rows:
        both, mark = row["build"] + row["step"], COLD.get(row["model"])
        print(f"{row['model']:15} {row['batch']:3} {row['build']:10.2f} {row['step']:10.2f} {both:9.2f} "
              + " ".join(f"{row[m]:7.1f}" if row.get(m) else f"{'-':>7}" for m in ("eager", "compile"))
              + (f"   mark {mark} s: {verdict(both <= mark)}" if mark else ""))


def resnet152_ms(args):
    """Of `netc emit`: reading, checking, planning, writing the C of the largest example."""
    with tempfile.TemporaryDirectory() as folder:
        command = [args.netc, "emit", net_file("resnet152"), "-o", folder]
        return 1e3 * min(timed(command) for _ in range(7))


# ---- results ----

def machine():
    name = ""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return {"processor": name, "cores": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg()[0],
            "compiler": run([os.environ.get("CC", "cc"), "--version"]).splitlines()[0]}


def print_settings(results):
    m = results["machine"]
    print(f"{m['processor']}, {m['cores']} cores; {m['compiler']}; load when it began {m['load']:.1f}")
    for threads, peak in results["peaks"].items():
        print(f"{threads} thread{'s' if threads != '1' else ''}: FMA peak " + (f"{peak:.0f} GFLOP/s" if peak else "unknown"))
    if results.get("targets"):
        print("netc: " + ", ".join(f"{model} {target}" for model, target in results["targets"].items()))
    for kind, about in results["versions"].items():
        print(f"{kind} {about.get('version', 'missing')}: {about.get('settings', about.get('error'))}")


def print_summary(results):
    print()
    print_ratios(results["cells"])
    print_scaling(results["cells"])
    if results.get("scaling"):
        print_processes(results["scaling"])
    if results["layers"]:
        print_layers(results["layers"])
    if results["gemm"]:
        print_gemm(results["gemm"])
    if results["memory"]:
        print_memory(results["memory"])
    if results["cold"]:
        print_cold(results["cold"])
    if results.get("resnet152_ms"):
        ms = results["resnet152_ms"]
        print(f"\nnetc emit of ResNet-152: {ms:.0f} ms (mark {RESNET152_MS} ms: {verdict(ms <= RESNET152_MS)})")


def print_all(results):
    print_settings(results)
    print_heading()
    order = list(MODELS)
    for cell in sorted(results["cells"], key=lambda c: (c["what"] == "inference", c["threads"], order.index(c["model"]), c["batch"])):
        print_cell(cell)
    print_summary(results)


def row_key(row):
    return tuple(row.get(k) for k in ("model", "what", "batch", "threads", "layer", "kind"))


def merge(paths):
    """Of what several files hold, the last counts."""
    results = None
    for path in paths:
        with open(path, encoding="utf-8") as f:
            more = json.load(f)
        if results is None:
            results = more
            continue
        if more["machine"]["processor"] != results["machine"]["processor"]:
            print(f"{path}: measured on another processor ({more['machine']['processor']})", file=sys.stderr)
        for key in ("cells", "layers", "gemm", "memory", "cold", "scaling"):
            rows = {row_key(r): r for r in results.get(key, [])} | {row_key(r): r for r in more.get(key, [])}
            results[key] = list(rows.values())
        results["versions"] |= more["versions"]
        results["targets"] = results.get("targets", {}) | more.get("targets", {})
        results["peaks"] |= more["peaks"]
        results["resnet152_ms"] = more.get("resnet152_ms") or results.get("resnet152_ms")
    return results


def save(results, path):
    if path:
        with open(path + ".part", "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)
            f.write("\n")
        os.replace(path + ".part", path)


# ---- the run ----

def measure_cells(results, args, folder):
    for threads in args.threads:
        results["peaks"][str(threads)] = fma_peak(threads)
        peers = {}
        for kind in args.peers:
            peer = Peer(args.python, kind, threads, args.limit, args.cache or os.path.join(folder, "inductor"))
            results["versions"][kind] = peer.about
            if "error" in peer.about:
                print(f"{kind}: {peer.about['error']}", file=sys.stderr)
            else:
                peers[kind] = peer
        print_heading()
        for what in ("training", "inference"):
            for model in args.models if what in args.parts else ():
                for batch in args.batches.get(what) or (MODELS[model] if what == "training" else INFERENCE_BATCHES):
                    cell = {"model": model, "what": what, "batch": batch, "threads": threads, "flops": None,
                            "images": not model.startswith("mlp"), "peak_gflops": results["peaks"][str(threads)]}
                    trainer = Trainer(trainer_of(model, args, batch), what, batch, threads) if args.netc else None
                    measure(cell, trainer, peers, args, folder)
                    results["cells"].append(cell)
                    print_cell(cell)
                    save(results, args.json)
        for peer in peers.values():
            peer.close()


def measure_rest(results, args, folder):
    blas = compile_blas(folder) if "gemm" in args.parts and args.netc and set(args.models) & set(GEMM) else None
    for model in args.models:
        batch = MODELS[model][0]
        if "layers" in args.parts and args.netc:
            results["layers"] += layers_of(trainer_of(model, args, batch), model, batch)
        for threads in args.threads if blas and model in GEMM else ():
            for batch in args.batch or GEMM[model]:
                results["gemm"] += gemm_of(trainer_of(model, args, batch), model, batch, threads, blas, args.rounds)
        for batch in (args.batch or MODELS[model]) if "scaling" in args.parts and args.netc else ():
            results["scaling"].append(scaling_of(trainer_of(model, args, batch), model, "training", batch, args))
        batch = MODELS[model][0]
        if "memory" in args.parts and args.netc:
            results["memory"].append(memory_of(model, batch, trainer_of(model, args, batch), args, folder))
        if "cold" in args.parts and args.netc:
            results["cold"].append(cold_of(model, batch, args))
        save(results, args.json)
    if "cold" in args.parts and args.netc:
        results["resnet152_ms"] = resnet152_ms(args)


def numbers(text):
    return [int(n) for n in text.split(",")]


def words(allowed):
    def parse(text):
        chosen = text.split(",") if text else []
        for word in chosen:
            if word not in allowed:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(allowed)}")
        return chosen
    return parse


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL[=TRAINER]")
    parser.add_argument("--merge", nargs="+", metavar="FILE", help="prints what these files hold together, with --json writes it")
    parser.add_argument("--netc", default=os.path.join(ROOT, "build", "netc"), help="the compiler; empty: only the peers")
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "bench"), help="where trainers are built")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has the peers")
    parser.add_argument("--peers", type=words(PEERS), default=list(PEERS), help="of " + ",".join(PEERS))
    parser.add_argument("--modes", type=lambda s: s.split(","), help="only modes that contain one of these words: eager,onnx")
    parser.add_argument("--parts", type=words(PARTS), default=list(PARTS), help="of " + ",".join(PARTS))
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--batch", type=numbers, help="instead of each model's own")
    parser.add_argument("--rounds", type=int, default=3, help="at least (3)")
    parser.add_argument("--budget", type=float, default=15, help="seconds of rounds a cell, if the least number takes no longer (15)")
    parser.add_argument("--burst", type=float, default=0.25, help="seconds of a contender in a round, at least one step (0.25)")
    parser.add_argument("--cache", help="a folder in which torch.compile finds what it compiled in an earlier run")
    parser.add_argument("--limit", type=float, default=900, help="seconds that a peer may take to compile (900)")
    parser.add_argument("--quick", action="store_true", help="two rounds of short bursts: to see whether it runs")
    parser.add_argument("--json", help="keeps all figures in this file, written anew after every cell")
    args = parser.parse_args()
    args.trainers, models = {}, []
    for given in args.models:
        model, equals, path = given.partition("=")
        if model not in MODELS or (equals and not path):
            parser.error(f"{given}: not MODEL or MODEL=TRAINER with MODEL one of {', '.join(MODELS)}")
        models.append(model)
        args.trainers[model] = path
    args.models = models or list(MODELS)
    args.batches = {"training": args.batch, "inference": args.batch} if args.batch else {}
    if args.quick:
        args.rounds, args.budget, args.burst = 2, 1, 0.05
    return args


def main():
    args = options()
    if args.merge:
        results = merge(args.merge)
        print_all(results)
        save(results, args.json)
        return 0
    if args.netc and not os.path.exists(args.netc):
        sys.exit(f"{args.netc}: no such program; `make` builds it")
    if os.getloadavg()[0] > 0.5:
        print(f"the load is {os.getloadavg()[0]:.1f}: what else runs costs long steps more than short ones, so no ratio is to be "
              "trusted", file=sys.stderr)
    args.targets = {}
    results = {"machine": machine(), "peaks": {}, "versions": {}, "targets": args.targets, "cells": [], "layers": [], "gemm": [], "memory": [], "cold": [],
               "scaling": []}
    folder = tempfile.mkdtemp()
    try:
        if "training" in args.parts or "inference" in args.parts:
            measure_cells(results, args, folder)
        measure_rest(results, args, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print()
    print_settings(results)
    print_summary(results)
    save(results, args.json)
    if args.peers and results["versions"] and all("error" in about for about in results["versions"].values()):
        print(INSTALL, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
