#!/bin/sh
# transfer.sh NETC WORKDIR WEIGHTS [SAMPLES] - the table of docs/transfer.md: a network that was trained on other
# pictures learns Fashion-MNIST from the first SAMPLES (2000) of its training part: its head alone, the last stage as
# well, all of it at rates by layer, and all from nothing.
#
# WEIGHTS is ResNet-20 of akamaster/pytorch_resnet_cifar10 as a safetensors file. EPOCHS in the environment, 10 unless
# given. Steps are timed with one thread, in turns, and the fastest of three counts, as the machine may have other work.
set -eu
if [ $# -lt 3 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
netc=$(realpath "$1")
weights=$(realpath "$3")
samples=${4:-2000}
epochs=${EPOCHS:-10}
mkdir -p "$2/data"
work=$(realpath "$2")
cd "$(dirname "$0")/.."
full=/usr/share/datasets/fashion-mnist
if [ ! -f $full/train-images-idx3-ubyte.gz ]; then
    echo "Fashion-MNIST is not in $full. On Debian, as root: apt-get install dataset-fashion-mnist" >&2
    exit 1
fi

# first FILE HEADER BYTES: of an idx file with so many bytes before the samples and in each, the first samples. Bytes 5
# to 8 are their number, the highest byte first.
first() {
    gzip -dc "$full/$1.gz" >"$work/whole"
    n=$samples
    { head -c 4 "$work/whole"
      printf "$(printf '\\%03o' $((n >> 24 & 255)) $((n >> 16 & 255)) $((n >> 8 & 255)) $((n & 255)))"
      head -c $(($2 + n * $3)) "$work/whole" | tail -c +9; } >"$work/data/$1"
    rm "$work/whole"
}
first train-images-idx3-ubyte 16 784
first train-labels-idx1-ubyte 8 1
cp $full/t10k-*.gz "$work/data"

build() { # NAME MODEL [-D ...]
    name=$1 model=$2
    shift 2
    "$netc" build "examples/$model.net" -o "$work/$name" "$@"
}
build head transfer_fashion
build stage transfer_fashion -D 'learnt=[layer3, head]'
build rates transfer_fashion_rates
build nothing transfer_fashion_rates -D start=none -D 'slower=[]'

for name in head stage rates nothing; do
    start="--weights $weights --except head"
    [ $name != nothing ] || start=
    "$work/$name" train --plain --data "$work/data" --epochs "$epochs" --out "$work/$name.run" $start \
        >"$work/$name.test" 2>"$work/$name.log"
done
for round in 1 2 3; do
    for name in head stage rates; do
        "$work/$name" bench --only training --batch 64 --threads 1 --steps 15 | sed 's/.*"train_ms":\([0-9.]*\).*/\1/' >>"$work/$name.steps"
    done
done
cp "$work/rates.steps" "$work/nothing.steps"

echo "$samples samples, $epochs epochs, batches of 64"
echo 'trained                      | parameters | memory    | a step    | test accuracy'
for name in head stage rates nothing; do
    case $name in
    head) what='the head' ;;
    stage) what='the last stage and the head' ;;
    rates) what='all, rates by layer' ;;
    nothing) what='all, from nothing' ;;
    esac
    trained=$(sed -n 's/^ *\([0-9,]*\) of [0-9,]* parameters are trained.*/\1/p' "$work/$name.log")
    all=$("$work/$name" info | sed -n 's/^ *\([0-9,]*\) parameters .*/\1/p')
    memory=$("$work/$name" info --batch 64 --format json | sed 's/.*"training":\([0-9]*\).*/\1/')
    step=$(sort -n "$work/$name.steps" | head -n 1)
    accuracy=$(sed -n 's/.*accuracy \([0-9.]*%\).*/\1/p' "$work/$name.test")
    awk -v what="$what" -v trained="${trained:-$all}" -v memory="$memory" -v step="$step" -v accuracy="$accuracy" \
        'BEGIN { printf "%-28s | %10s | %6.1f MB | %6.1f ms | %s\n", what, trained, memory / 1e6, step, accuracy }'
done
