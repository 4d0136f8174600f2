#!/bin/sh
# winograd.sh NETC - convolutions computed by Winograd's filtering: the gradients of the emitted code against central differences, at
# the tolerance of all others; and `exact=yes` does without.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ "$("$netc" explain winograd.net | grep -c 'Winograd F')" -ge 6 ] || { echo "FAIL: Winograd is not chosen"; exit 1; }
sed 's/3x3, pad=1/3x3, pad=1, exact=yes/' winograd.net >"$work/exact.net"
"$netc" explain "$work/exact.net" >"$work/exact"
if grep 'Winograd F' "$work/exact"; then
    echo "FAIL: exact=yes does not turn it off"
    exit 1
fi
"$netc" build winograd.net -o "$work/winograd"
"$work/winograd" gradcheck
