#!/bin/sh
# winograd.sh NETC - convolutions computed by Winograd's filtering: the gradients of the emitted code against central differences, at
# the tolerance of all others; and `exact=yes` does without.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$netc" explain winograd.net >"$work/explained"
for way in 'Winograd F:6' 'Winograd F(2x2, 5x5):3'; do
    [ "$(grep -c "${way%:*}" "$work/explained")" -ge "${way#*:}" ] || { echo "FAIL: ${way%:*} is not chosen"; exit 1; }
done
sed 's/\([35]x[35], pad=[12]\)/\1, exact=yes/' winograd.net >"$work/exact.net"
"$netc" explain "$work/exact.net" >"$work/exact"
if grep 'Winograd F' "$work/exact"; then
    echo "FAIL: exact=yes does not turn it off"
    exit 1
fi
"$netc" build winograd.net -o "$work/winograd"
"$work/winograd" gradcheck
