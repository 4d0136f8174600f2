#!/bin/sh
# bench_tables.sh NETC - the benchmark's arithmetic: results written by hand, in two files, give the ratios, means and verdicts that
# they must. Needs no peer.
set -eu
cd "$(dirname "$0")/../bench"
if ! command -v python3 >/dev/null; then
    echo "python3 is missing"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# results FILE CELL ...: a cell is MODEL THREADS NETC-MS EAGER-MS COMPILE-MS
results() {
    file=$1
    shift
    {
        printf '{"machine": {"processor": "P", "cores": 2, "compiler": "cc", "load": 0}, "peaks": {"1": 100, "2": 200},\n'
        printf ' "versions": {}, "layers": [], "gemm": [], "memory": [], "cold": [], "cells": ['
        between=
        for cell; do
            # shellcheck disable=SC2086 # words
            set -- $cell
            printf '%s\n  {"model": "%s", "what": "training", "batch": 8, "threads": %s, "flops": 5e8, "peak_gflops": %s00,\n' \
                "$between" "$1" "$2" "$2"
            printf '   "netc": {"ms": %s, "spread": 0, "rounds": 3}, "peers": {\n' "$3"
            printf '    "eager": {"ms": %s, "spread": 0, "rounds": 1, "compile_s": 0, "screened": true},\n' "$4"
            printf '    "compile": {"ms": %s, "spread": 0, "rounds": 3, "compile_s": 9, "screened": false}}}' "$5"
            between=,
        done
        printf ']}\n'
    } >"$file"
}

says() {
    grep -qF "$1" "$work/table" || { echo "FAIL no '$1' in"; cat "$work/table"; exit 1; }
}

results "$work/old" "lenet5 1 10 99 1" "resnet18 1 10 12 10"
results "$work/new" "lenet5 1 10 60 40" "lenet5 2 5 30 20"
python3 run.py --merge "$work/old" "$work/new" --json "$work/all" >"$work/table"
says "4.00x  compile; eager 60*"  # the later file's
says "50%"                        # 5e8 in 10 ms of 100 GFLOP/s
says "geometric mean 2.52x of 3 cells (mark 2.0x: reached), least 1.00x at resnet18 batch 8, 1 threads (mark 1.2x: missed)"
says "below: resnet18 batch 8, 1 threads: 1.00x of compile"
says "two threads over one (mark 1.9x): geometric mean 2.00x"
python3 run.py --merge "$work/all" | cmp - "$work/table"
sed 's/"gemm": \[\]/"gemm": [], "scaling": [{"model": "lenet5", "what": "training", "batch": 64, "one": 10, "two": 6.25, "beside": 12.5}]/' \
    "$work/new" >"$work/scaling"
python3 run.py --merge "$work/old" "$work/scaling" >"$work/table"
says "1.60x     1.60x     100%"
