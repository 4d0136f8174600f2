#!/usr/bin/env python3
"""Other programs' times for the networks of the benchmark, as a worker that run.py drives.

    peers.py KIND THREADS        KIND one of torch, onnxruntime, openvino, tvm

It prints one line of JSON with its version and settings, then reads requests, one line of JSON each, and answers each
with a line of JSON, {"error": ..} where something failed:
    {"do": "prepare", "model": .., "what": "training"|"inference", "batch": N, "mode": ..}
        makes the network and runs it until it is warm -> {"compile_s": .., "flops": ..}
    {"do": "burst", "mode": .., "seconds": S}   runs for so long, at least once -> {"ms": median, "n": runs}
    {"do": "drop", "mode": ..}                  forgets it
    {"do": "export", "model": .., "batch": N, "path": ..}   writes the network as ONNX (torch only)
    {"do": "memory"}                            -> {"peak": bytes}

A training step is: gradients to zero, forward, loss, backward, clipping where the model clips, one step of the
optimizer (fused, which measures fastest). Nothing is loaded or copied in. Inference is in evaluation mode, and takes
its input where it lies.
"""
import contextlib
import gc
import json
import os
import statistics
import sys
import time

WARM_UP = 2  # runs after the first, which compiles
LONG = 1.0  # seconds: a run that takes longer than this warms up by itself


def run_for(step, seconds):
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return {"ms": 1e3 * statistics.median(times), "n": len(times)}


def warm(step):
    """Seconds that the first run took longer than the next."""
    start = time.perf_counter()
    step()
    first = again = time.perf_counter() - start
    for _ in range(WARM_UP):
        start = time.perf_counter()
        step()
        again = time.perf_counter() - start
        if again > LONG:
            break
    return max(0.0, first - again)


class Kind:
    def forget(self):
        """Called when nothing is held any more."""


class Torch(Kind):
    """Modes: eager, compile, max-autotune; with "+cl", tensors and weights are in channels_last order."""
    COMPILED = {"compile": "default", "max-autotune": "max-autotune"}

    def __init__(self, threads):
        import torch
        import networks
        self.torch, self.networks = torch, networks
        torch.set_num_threads(threads)
        # several modes of a network are held at once; what is not compiled after all must not pass for compiled
        torch._dynamo.config.fail_on_recompile_limit_hit = True
        self.version = torch.__version__
        self.settings = "fused optimizer; compiled inference with frozen weights; float32 throughout"

    def forget(self):
        self.torch._dynamo.reset()

    def module(self, request):
        self.torch.manual_seed(1)
        network = self.networks.NETWORKS[request["model"]]
        return network, network.make().train(request["what"] == "training")

    def prepare(self, request):
        torch, batch = self.torch, request["batch"]
        name, _, order = request["mode"].partition("+")
        network, module = self.module(request)
        flops = self.networks.count_flops(network, module, batch)[request["what"]]
        module.train(request["what"] == "training")
        layout = torch.channels_last if order else torch.contiguous_format
        module = module.to(memory_format=layout)
        x = torch.randn(batch, *network.shape).contiguous(memory_format=layout)
        make = self.training if request["what"] == "training" else self.inference
        if name in self.COMPILED:
            torch._inductor.config.freezing = request["what"] == "inference"
        step = make(network, module, x, self.COMPILED.get(name))
        return step, {"compile_s": warm(step), "flops": flops}

    def training(self, network, module, x, compiled):
        torch, how = self.torch, network.training
        cross_entropy = torch.nn.functional.cross_entropy
        parameters = list(module.parameters())
        optimizer = torch.optim.SGD(parameters, lr=1e-5, momentum=how.momentum, nesterov=how.nesterov,
                                    weight_decay=how.weight_decay, fused=True)
        answers = torch.randint(0, 10, (len(x),))

        def loss_of(x, answers):
            heads = module(x)
            heads = heads if isinstance(heads, tuple) else (heads,)
            return sum(weight * cross_entropy(head, answers) for weight, head in zip(how.heads, heads))

        forward = torch.compile(loss_of, mode=compiled) if compiled else loss_of

        def step():
            optimizer.zero_grad()
            forward(x, answers).backward()
            if how.clip:
                torch.nn.utils.clip_grad_norm_(parameters, how.clip)
            optimizer.step()

        return step

    def inference(self, _, module, x, compiled):
        torch = self.torch
        forward = torch.compile(module, mode=compiled) if compiled else module

        def step():
            # frozen weights want no_grad while they are compiled
            with torch.no_grad() if compiled else torch.inference_mode():
                forward(x)

        return step

    def export(self, request):
        torch = self.torch
        network, module = self.module({**request, "what": "inference"})
        with contextlib.redirect_stdout(sys.stderr):
            torch.onnx.export(module, (torch.randn(request["batch"], *network.shape),), request["path"],
                              input_names=["input"], output_names=["output"], dynamo=True, external_data=False,
                              verbose=False)
        return {}


class OnnxRuntime(Kind):
    """Modes: onnx."""

    def __init__(self, threads):
        import numpy
        import onnxruntime
        self.numpy, self.ort, self.threads = numpy, onnxruntime, threads
        self.version = onnxruntime.__version__
        self.settings = "all graph optimisations, sequential, intra-op threads as given, one inter-op, outputs bound"

    def prepare(self, request):
        ort, options = self.ort, self.ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        start = time.perf_counter()
        session = ort.InferenceSession(request["path"], options, providers=["CPUExecutionProvider"])
        seconds = time.perf_counter() - start
        x = self.numpy.random.default_rng(1).standard_normal(session.get_inputs()[0].shape, dtype="float32")
        binding = session.io_binding()
        binding.bind_cpu_input("input", x)
        binding.bind_output("output")

        def step():
            session.run_with_iobinding(binding)

        return step, {"compile_s": seconds + warm(step)}


class OpenVino(Kind):
    """Modes: onnx."""

    def __init__(self, threads):
        import numpy
        import openvino
        self.numpy, self.ov = numpy, openvino
        self.version = openvino.__version__
        # without the hint it would compute in bfloat16 where the processor can
        self.config = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": str(threads),
                       "INFERENCE_PRECISION_HINT": "f32"}
        self.settings = ", ".join(f"{key}={value}" for key, value in self.config.items())

    def prepare(self, request):
        core = self.ov.Core()
        start = time.perf_counter()
        compiled = core.compile_model(core.read_model(request["path"]), "CPU", self.config)
        seconds = time.perf_counter() - start
        x = self.numpy.random.default_rng(1).standard_normal(compiled.input(0).shape, dtype="float32")
        ask = compiled.create_infer_request()
        ask.set_input_tensor(self.ov.Tensor(x, shared_memory=True))
        return ask.infer, {"compile_s": seconds + warm(ask.infer)}


class Tvm(Kind):
    """Modes: onnx. Compiled with the standard pipeline for this processor; not tuned, which takes hours a network."""

    def __init__(self, threads):
        os.environ["TVM_NUM_THREADS"] = str(threads)
        import numpy
        import onnx
        import tvm
        from tvm import relax
        from tvm.relax.frontend.onnx import from_onnx
        self.numpy, self.onnx, self.tvm, self.relax, self.from_onnx = numpy, onnx, tvm, relax, from_onnx
        self.version = tvm.__version__
        self.settings = "relax from ONNX, standard pipeline, not tuned"

    def prepare(self, request):
        tvm = self.tvm
        start = time.perf_counter()
        network = self.onnx.load(request["path"])
        module = self.from_onnx(network, keep_params_in_input=False)
        target = tvm.target.Target.from_device("cpu")
        machine = self.relax.VirtualMachine(tvm.compile(module, target=target), tvm.cpu())
        seconds = time.perf_counter() - start
        shape = [d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim]
        x = tvm.runtime.tensor(self.numpy.random.default_rng(1).standard_normal(shape, dtype="float32"))

        def step():
            machine["main"](x)

        return step, {"compile_s": seconds + warm(step)}


KINDS = {"torch": Torch, "onnxruntime": OnnxRuntime, "openvino": OpenVino, "tvm": Tvm}


def peak_memory():
    with open("/proc/self/status", encoding="ascii") as f:
        return next(1024 * int(line.split()[1]) for line in f if line.startswith("VmHWM:"))


def serve(peer, answer):
    steps = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                steps[request["mode"]], reply = peer.prepare(request)
            elif request["do"] == "burst":
                reply = run_for(steps[request["mode"]], request["seconds"])
            elif request["do"] == "drop":
                steps.pop(request["mode"], None)
                if not steps:
                    peer.forget()
                gc.collect()
                reply = {}
            elif request["do"] == "export":
                reply = peer.export(request)
            else:
                reply = {"peak": peak_memory()}
        except Exception as e:  # whatever goes wrong in a peer is its result
            reply = {"error": f"{type(e).__name__}: {str(e).strip()[:300]}"}
        answer(reply)


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        sys.exit(__doc__)
    # libraries print as they please: answers have a channel of their own
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(reply):
        channel.write(json.dumps(reply) + "\n")
        channel.flush()

    try:
        peer = KINDS[sys.argv[1]](int(sys.argv[2]))
    except ImportError as e:
        answer({"error": str(e)})
        return
    answer({"version": peer.version, "settings": peer.settings})
    serve(peer, answer)


if __name__ == "__main__":
    main()
