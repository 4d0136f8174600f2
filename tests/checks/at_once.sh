#!/bin/sh
# at_once.sh NETC - large weights of dense layers are updated where their gradients are made, and these are never stored: training is the
# same, bit for bit, as with gradients stored, for any optimizer, batch and number of threads; commands that look at gradients have them.
set -eu
netc=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export NETC_CFLAGS="${NETC_CFLAGS--O0} -O1" # a million weights, some steps
failed=0
fail() {
    echo "FAIL $*"
    failed=1
}

# model FOLDER OPTIMIZER SETTING: `large` has 2^20 values, and groups of their own rates.
model() {
    mkdir -p "$1"
    cat >"$1/m.net" <<END
network m {
    input(2)
    first: dense(1024) -> relu
    large: dense(1024) -> tanh
    out: dense(3)
}
init { weight = he_normal  bias = 0.1 }
data { source = spiral(classes=3, points=60)  validation = 10% }
train {
    loss = cross_entropy
    optimizer = $2
    groups = group(["large"], lr_scale=0.5, decay_scale=2)
    $3
    batch = 70
    epochs = 2
    seed = 5
}
END
    "$netc" build "$1/m.net" -o "$1/m"
}

# What is stored of the gradients of m: not that of large.weight. Clipping needs them all: so values are clipped that never occur.
same() {
    model used "$1" ""
    model stored "$1" "clip = value(1e12)"
    for threads in 1 3; do
        for m in used stored; do
            rm -rf $m/run
            $m/m train --threads $threads --out $m/run --plain >$m/log 2>&1 || { cat $m/log; fail "$1: $m"; }
        done
        cmp used/run/last.safetensors stored/run/last.safetensors || fail "$1, $threads threads: other weights"
    done
    sed 's/.*"grad_norm":\([^,}]*\).*/\1/' stored/run/log.jsonl >norms
    sed 's/.*"grad_norm":\([^,}]*\).*/\1/' used/run/log.jsonl | paste norms - |
        awk '!($1 > 0) || ($1 - $2) ^ 2 > 1e-14 * $1 ^ 2 { exit 1 } END { exit NR != 2 }' || { paste norms used/run/log.jsonl; fail "$1: other norms"; }
}
same "adamw(lr=0.002, weight_decay=0.01)"
same "nesterov(lr=0.01, momentum=0.9, weight_decay=0.001, l1=0.0001)"

gradients() {
    $1/m info --format json | sed 's/.*"gradients":\([0-9]*\).*/\1/'
}
[ $(($(gradients stored) - $(gradients used))) -eq 4194304 ] || fail "gradients take $(gradients used) bytes, stored $(gradients stored)"
"$netc" report used/m.net | grep -q 'gradients [0-9.]* KB' || { "$netc" report used/m.net; fail "the report has all gradients"; }

# Commands that look at gradients.
used/m gradcheck >log 2>&1 || { cat log; fail gradcheck; }
used/m stats >stats 2>&1 || { cat stats; fail stats; }
stored/m stats >expected 2>&1
diff expected stats || fail "other statistics"
used/m sanity >log 2>&1 || { cat log; fail sanity; }

# A loss that is not finite ends the run, and is told.
used/m train --lr 1e30 --out bad --plain >log 2>&1 && fail "a rate of 1e30"
grep -q 'finite' log || { cat log; fail "nothing is said of a loss that is not finite"; }
exit $failed
