#!/bin/sh
# check.sh - netc's gradients and optimizers against the stored values of PyTorch.
#
#   tests/torch/check.sh NETC WORKDIR [NAME ...]
#
# Builds every network of nets/ and fixtures/, runs it on its stored weights and batch, and compares. Prints a line a network, and
# the tensors of those that differ. Exit status 1 if one does. Needs a C compiler ($CC, else cc) and jansson.
set -eu

if [ $# -lt 2 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
netc=$1
work=$2
shift 2
mkdir -p "$work"
"${CC:-cc}" -std=c11 -O1 "$here/compare.c" -o "$work/compare" -ljansson -lm

if [ $# -eq 0 ]; then
    for expected in "$here"/fixtures/*.expected.safetensors; do
        set -- "$@" "$(basename "$expected" .expected.safetensors)"
    done
fi

# Runs the network $1 on its fixture, comparing; everything it prints is shown only when it fails.
check() {
    stored=$here/fixtures/$1
    case $1 in
    opt_*)
        "$netc" build "$stored.net" -o "$work/$1" &&
            "$work/$1" train --plain --weights "$stored.weights.safetensors" --data "$here/fixtures/samples" \
                --out "$work/$1.run" &&
            "$work/compare" "$stored.expected.safetensors" "$work/$1.run/last.safetensors"
        ;;
    *)
        "$netc" build "$here/nets/$1.net" -o "$work/$1" &&
            "$work/$1" gradient --weights "$stored.weights.safetensors" --batch "$stored.batch.safetensors" \
                --out "$work/$1.got.safetensors" &&
            "$work/compare" "$stored.expected.safetensors" "$work/$1.got.safetensors"
        ;;
    esac
}

failed=0
for name; do
    if check "$name" >"$work/$name.log" 2>&1; then
        # The largest error, from the comparison's lines "NAME N values   error E".
        awk -v name="$name" '$3 == "values" { n++; if ($5 + 0 >= worst) { worst = $5 + 0; at = $1 } }
            END { printf "ok    %-18s %3d tensors   worst %.1e  %s\n", name, n, worst, at }' "$work/$name.log"
    else
        failed=$((failed + 1))
        echo "FAIL  $name"
        sed 's/^/      /' "$work/$name.log"
    fi
done
if [ "$failed" -gt 0 ]; then
    echo "$failed of $# networks differ from PyTorch"
    exit 1
fi
echo "$# networks agree with PyTorch"
