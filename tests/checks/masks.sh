#!/bin/sh
# masks.sh NETC - dropout, dropconnect and noise: the backward pass makes the masks of the forward pass again; and a test of the test.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$netc" emit masks.net -o "$work/masks"
# check NAME: the emitted model against differences
check() {
    (cd "$work/masks" && "${CC:-cc}" -std=c11 -O1 -DNT_DOUBLE -D_POSIX_C_SOURCE=200809L -fopenmp -I. "$here/masks.c" masks.c \
        masks_backward.c runtime/params.c runtime/error.c runtime/rng.c -o "$work/$1" -lm) && "$work/$1" >"$work/$1.log" 2>&1
}
here=$PWD
check right || { cat "$work/right.log"; exit 1; }
tail -n 1 "$work/right.log"

# The masks of the gradient to the weights, one weight further on.
sed -i '/_dropconnect_dw(int n/,/^}/s/const uint32_t index = /&1 + /' "$work/masks/masks_backward.c"
if check wrong; then
    echo "other masks in the backward pass are not noticed"
    exit 1
fi
[ -s "$work/wrong.log" ] # it ran
