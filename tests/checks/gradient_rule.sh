#!/bin/sh
# gradient_rule.sh NETC - a test of the test: netc with one derivative made wrong, in a copy, must fail its gradient check.
set -eu
netc=$(realpath "$1")
build=$(dirname "$netc")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -a Makefile compiler runtime lang "$work"
mkdir "$work/build"
cp -a "$build"/compiler "$build"/runtime "$build"/double "$build"/gen "$build"/embed "$build"/libnetc-runtime.a "$work/build"
network=tests/torch/nets/mini_lenet5.net

"$netc" build $network -o "$work/right"
"$work/right" gradcheck >"$work/log" 2>&1 || { cat "$work/log"; echo "the check fails as things are"; exit 1; }

# The derivative of tanh, g*(1 - y*y), with a little too much.
sed -i '/^const OpDef op_tanh_dx = {/,/^};/s/v_set1(1)/v_set1((real)1.001)/' "$work/compiler/ops/activations.c"
if cmp -s compiler/ops/activations.c "$work/compiler/ops/activations.c"; then
    echo "the derivative of tanh does not look as this test expects"
    exit 1
fi
make -C "$work" BUILD=build all >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/build/netc" build $network -o "$work/wrong"
if "$work/wrong" gradcheck >"$work/log" 2>&1; then
    cat "$work/log"
    echo "a wrong derivative of tanh passes the gradient check"
    exit 1
fi
grep -q 'c1' "$work/log" || { cat "$work/log"; echo "the check fails for another reason"; exit 1; }
