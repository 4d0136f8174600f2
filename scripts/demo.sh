#!/bin/sh
# demo.sh NETC WORKDIR - trains LeNet-5 on Fashion-MNIST, measures it on the test set, and shows what it says of some clothes.
set -eu
netc=$1
work=$2
data=/usr/share/datasets/fashion-mnist
cd "$(dirname "$0")/.."
if [ ! -f $data/train-images-idx3-ubyte.gz ]; then
    echo "Fashion-MNIST is not in $data. On Debian, as root:" >&2
    echo "    apt-get install dataset-fashion-mnist" >&2
    exit 1
fi
mkdir -p "$work"

# What a person would type is shown, and done with the program of this tree.
step() {
    echo "$ $*"
    command=$1
    shift
    [ "$command" != netc ] || command=$netc
    "$command" "$@"
    echo
}
step netc report examples/lenet5_fashion.net
step netc build examples/lenet5_fashion.net -o "$work/lenet5_fashion"
step "$work/lenet5_fashion" train --out "$work/run"
echo "The page about this run, with its curves and mistakes, for a browser: $work/run/report.html"
echo
step "$work/lenet5_fashion" eval --weights "$work/run/best.safetensors"

# Ten images of the test set as a NumPy file: 16 bytes of header before the pixels, 8 before the labels.
{ printf '\223NUMPY\001\000\166\000'
  printf '%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (10, 28, 28, 1), }"
  gzip -dc $data/t10k-images-idx3-ubyte.gz | tail -c +17 | head -c 7840; } >"$work/ten.npy" 2>/dev/null
echo "$ $work/lenet5_fashion predict --weights $work/run/best.safetensors $work/ten.npy"
"$work/lenet5_fashion" predict --weights "$work/run/best.safetensors" "$work/ten.npy" >"$work/predictions"
names='T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Ankle_boot'
gzip -dc $data/t10k-labels-idx1-ubyte.gz 2>/dev/null | tail -c +9 | head -c 10 | od -An -v -tu1 -w1 |
    awk -v names="$names" 'BEGIN { split(names, name) } { sub("_", " ", name[$1 + 1]); print name[$1 + 1] }' >"$work/answers"
echo 'it is            the network says'
paste "$work/answers" "$work/predictions" | awk -F '\t' '{ sub(/^[^ ]* */, "", $2); printf "%-16s %s\n", $1, $2 }'
