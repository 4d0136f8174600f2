#!/bin/sh
# experiments.sh - runs the lectures' experiments, examples/experiments/, and prints their tables.
#
#   scripts/experiments.sh NETC DIR [NAME ...]
#
# NAME: activations optimizers batchnorm dropout rates; without names all of them. DIR/NAME.txt keeps each table, DIR the programs and runs.
# `rates` needs CIFAR-10 as folders of pictures, train/CLASS/FILE and test/CLASS/FILE, in $NETC_CIFAR (data/cifar10). It says so where
# that is missing. What the tables should hold is in examples/experiments/expected/; tests/checks/experiments.sh compares.
set -eu
if [ $# -lt 2 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d' >&2
    exit 2
fi
netc=$(realpath "$1")
nets=$(cd "$(dirname "$0")/.." && pwd)/examples/experiments
mkdir -p "$2"
cd "$2"
shift 2
[ $# -gt 0 ] || set -- activations optimizers batchnorm dropout rates

# build MODEL
build() {
    "$netc" build "$nets/$1.net" -o "$1"
}
# train MODEL [OPTION ...]: into MODEL.run; false where the run ends in an error. The networks are too small for two threads.
train() {
    model=$1
    shift
    rm -rf "$model.run"
    "./$model" train --plain --no-report --threads 1 --out "$model.run" "$@" >"$model.log" 2>&1
}
# logged MODEL EPOCH MEMBER: a number from the run's log, four digits
logged() {
    awk -v member="\"$3\"" -v wanted="$2" -F '[,:{}]' '{ for (i = 2; i < NF; i++) { if ($i == "\"epoch\"") epoch = $(i + 1); if ($i == member) value = $(i + 1) }
        if (epoch == wanted) printf "%.4f", value }' "$1.run/log.jsonl"
}

# The standard deviation of each layer's activations, from 1000 samples of 500 standard normals.
activations() {
    all=${ACTIVATIONS:-tanh_small tanh_large tanh_xavier tanh_he relu_small relu_large relu_xavier relu_he}
    for kind in $all; do
        build "activations_$kind"
        "./activations_$kind" stats --random 1000 --format json | awk -F '[,:]' -v kind="$kind" '
            BEGIN { print kind } /^{"layer":"hidden/ { for (i = 1; i < NF; i++) if ($i == "\"std\"") printf "%.6g\n", $(i + 1) }' >"$kind.column"
    done
    { echo layer; seq 1 10; } >layer.column
    # shellcheck disable=SC2046 # a list of files
    paste layer.column $(for kind in $all; do echo "$kind.column"; done) | awk '{ printf "%-6s", $1; for (i = 2; i <= NF; i++) printf " %12s", $i; print "" }'
}

# The training loss after some epochs, and the accuracy after the last.
optimizers() {
    all="sgd momentum nesterov adagrad rmsprop adam"
    for kind in $all; do
        build "optimizer_$kind"
        train "optimizer_$kind"
    done
    printf '%-8s' epoch
    printf ' %9s' $all
    for epoch in 1 2 5 10 20 50 100; do
        printf '\n%-8s' "$epoch"
        for kind in $all; do
            printf ' %9s' "$(logged "optimizer_$kind" "$epoch" train_loss)"
        done
    done
    printf '\n%-8s' accuracy
    for kind in $all; do
        printf ' %9s' "$(logged "optimizer_$kind" 100 train_accuracy)"
    done
    echo
}

# The training loss after 40 epochs at a range of rates.
batchnorm() {
    build batchnorm_without
    build batchnorm_with
    printf '%-6s %10s %10s\n' rate without with
    for rate in 0.01 0.1 0.3 1 3; do
        printf '%-6s' "$rate"
        for kind in without with; do
            if train "batchnorm_$kind" --lr "$rate"; then
                printf ' %10s' "$(logged "batchnorm_$kind" 40 train_loss)"
            else
                printf ' %10s' diverges
            fi
        done
        echo
    done
}

# The distance of the mean of masked passes from the pass without masks.
dropout() {
    for model in dropout dropout_linear; do
        build "$model"
        train "$model"
        "./$model" dropout --threads 1 --weights "$model.run/last.safetensors" --format json |
            awk -F '[,:{}]' -v model="$model" 'BEGIN { print model } { for (i = 1; i < NF; i++) if ($i == "\"distance\"") printf "%.5f\n", $(i + 1) }' >"$model.column"
    done
    { echo passes; printf '%s\n' 1 4 16 64 256; } >passes.column
    paste passes.column dropout.column dropout_linear.column | awk '{ printf "%-6s %10s %14s\n", $1, $2, $3 }'
}

# Loss and accuracies after each epoch at the lecture's rates, and at one that is right.
rates() {
    data=${NETC_CIFAR:-data/cifar10}
    if [ ! -d "$data/train" ]; then
        echo "# skipped: no $data/train; NETC_CIFAR names the folder of CIFAR-10's pictures"
        return
    fi
    data=$(realpath "$data")
    build two_layer_rates
    printf '%-8s %6s %9s %9s %9s\n' rate epoch loss train val
    for rate in 1e-6 1e-4 3e-3 1e6; do
        if ! train two_layer_rates --data "$data" --lr "$rate"; then
            printf '%-8s %6s  %s\n' "$rate" 1 "$(sed -n 's/^error: the //p' two_layer_rates.log)"
            continue
        fi
        for epoch in 1 2 4 6 8 10; do
            printf '%-8s %6s %9s %9s %9s\n' "$rate" "$epoch" "$(logged two_layer_rates "$epoch" train_loss)" \
                "$(logged two_layer_rates "$epoch" train_accuracy)" "$(logged two_layer_rates "$epoch" val_accuracy)"
        done
    done
}

for name in "$@"; do
    case $name in
    activations | optimizers | batchnorm | dropout | rates) ;;
    *)
        echo "experiments.sh: there is no experiment '$name'" >&2
        exit 2
        ;;
    esac
    echo "$name"
    "$name" >"$name.new"
    mv "$name.new" "$name.txt"
    sed 's/^/  /' "$name.txt"
done
