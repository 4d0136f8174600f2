#!/bin/sh
# fashion.sh NETC - real images from end to end: an epoch of LeNet-5 on Fashion-MNIST, as people would build it.
set -eu
netc=$(realpath "$1")
data=$NETC_DATA/fashion-mnist
[ -d "$data" ] || { echo "$data is not there; NETC_DATA names the folder that holds fashion-mnist/"; exit 77; }
cd "$(dirname "$0")/../../examples"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
NETC_CFLAGS='' "$netc" build lenet5_fashion.net -o "$work/lenet5"
"$work/lenet5" train --plain --data "$data" --epochs 1 --out "$work/run" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/lenet5" eval --data "$data" --weights "$work/run/best.safetensors" --format json >"$work/eval"
accuracy=$(sed -n 's/.*"accuracy": *\([0-9.]*\).*/\1/p' "$work/eval")
awk -v a="$accuracy" 'BEGIN { exit !(a > 0.80 && a < 0.95) }' || { cat "$work/eval"; echo "80% and more are usual"; exit 1; }
grep -q '"samples": *10000' "$work/eval" || { cat "$work/eval"; exit 1; }
echo "accuracy $accuracy after an epoch"
