#!/bin/sh
# gradcheck.sh NETC - the gradient check itself: some examples pass, and a gradient that cancels is no false alarm; a formula that is
# wrong in float alone is found there too, and a tensor whose every direction meets a kink does not pass for checked. The script that
# checks the examples, interrupted, leaves nothing behind.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    cat "$work/log"
    echo "FAIL: $*"
    exit 1
}

scripts/gradcheck.sh "$netc" spiral lenet5 >"$work/log" 2>&1 || fail "examples"

# Its processes, by a folder that only they know.
mkdir "$work/interrupted"
running() {
    grep -ls "$work/[i]nterrupted" /proc/[0-9]*/cmdline || true
}
TMPDIR=$work/interrupted scripts/gradcheck.sh "$netc" resnet20_cifar vgg_cifar >"$work/log" 2>&1 &
script=$!
while [ -z "$(running)" ]; do
    kill -0 $script 2>/dev/null || fail "it is done before anything of it was seen to run"
    sleep 0.1
done
sleep 1
kill -TERM $script
! wait $script || fail "it was interrupted, and says that all is well"
! grep ': ok$' "$work/log" || fail "it was interrupted, and went on"
sleep 1
[ -z "$(running)" ] || fail "it was interrupted, and left processes behind: $(running)"
[ -z "$(ls "$work/interrupted")" ] || fail "it was interrupted, and left files behind"

# compile OBJECT SOURCE FLAGS ...: of the emitted folder
compile() {
    object=$1 source=$2
    shift 2
    ${CC:-cc} -std=c11 -O1 -fopenmp -D_POSIX_C_SOURCE=200809L "$@" -c -o "$work/$object.o" "$work/emitted/$source.c" >>"$work/log" 2>&1 ||
        fail "compiling $source"
}

# compile_model OBJECT FLAGS ...: both files of the model
compile_model() {
    object=$1
    shift
    compile "$object" cancelling "$@"
    compile "${object}_backward" cancelling_backward "$@"
}

# link NAME: of the float model NAME
link() {
    ${CC:-cc} -fopenmp -o "$work/$1" "$work/$1.o" "$work/$1_backward.o" "$work/double.o" "$work/double_backward.o" "$work/main.o" \
        "$(dirname "$netc")/libnetc-runtime.a" -ljansson -lpng -ljpeg -lz -lm >>"$work/log" 2>&1 || fail "linking $1"
}

"$netc" emit --target generic tests/checks/gradcheck_cancelling.net -o "$work/emitted" >"$work/log"
compile main cancelling_main
compile_model double -DNT_DOUBLE
compile_model right
link right
# The slope of swish, a thousandth too steep, for float alone.
sed -i '/^static inline vf v_swish_slope/,/^}/s/return v_mul(s, /return v_mul(v_mul(s, v_set1((real)1.001)), /' "$work/emitted/runtime/emitted.h"
! cmp -s runtime/emitted.h "$work/emitted/runtime/emitted.h" || fail "the slope of swish does not look as this test expects"
compile_model wrong
link wrong
# And one that is steeper with each call: no rounding either.
sed -i 's/return v_mul(v_mul(s, v_set1((real)1.001)), /static int calls; return v_mul(v_mul(s, v_set1((real)(1 + 1e-8 * calls++))), /' \
    "$work/emitted/runtime/emitted.h"
grep -q 'calls++' "$work/emitted/runtime/emitted.h" || fail "the slope of swish is not changed"
compile_model unsteady
link unsteady

"$work/right" gradcheck >"$work/log" 2>&1 || fail "a gradient that cancels"
grep -q '^m.conv0.bias .*  ok, float as near as its rounding lets it$' "$work/log" || fail "m.conv0.bias does not cancel"
"$work/right" gradcheck --set b.bias=-9 >"$work/log" 2>&1 || fail "gradients that are zero"
grep -q '^out.weight .*  zero, by both$' "$work/log" || fail "a layer that relu cuts off is not zero"
"$work/right" gradcheck --set b.bias=-9 --noise 9 >"$work/log" 2>&1 || fail "noise"
grep -q '^out.weight .*  ok$' "$work/log" || fail "noise does not reach the constants"
! "$work/right" gradcheck --gain 1e-9 >"$work/log" 2>&1 || fail "differences that are lost in rounding pass"
grep -q '^out.weight .*  not checked: differences are too small for double$' "$work/log" || fail "a gain does not reach the weights"
! "$work/right" gradcheck --gain 1e30 >"$work/log" 2>&1 || fail "a loss that float cannot hold passes"
! "$work/right" gradcheck --set onv1.bias=1 >"$work/log" 2>&1 || fail "--set of nothing passes"
grep -q 'no parameter has this name' "$work/log" || fail "--set of nothing is not told"
! "$work/wrong" gradcheck >"$work/log" 2>&1 || fail "a slope that is wrong in float passes"
grep -q '^m.conv1.weight .*  WRONG in float$' "$work/log" || fail "a slope that is wrong in float is taken for something else"
grep -q '^out.weight .*  ok$' "$work/log" || fail "what the wrong slope does not reach is wrong too"
! "$work/unsteady" gradcheck --threads 1 >"$work/log" 2>&1 || fail "a slope that changes passes"
grep -q '^m.conv1.weight .*  WRONG: another one the second time$' "$work/log" || fail "a slope that changes is taken for rounding"

"$netc" build tests/checks/gradcheck_kinks.net -o "$work/kinks" >"$work/log" 2>&1 || fail "build"
! "$work/kinks" gradcheck >"$work/log" 2>&1 || fail "kinks everywhere pass"
grep -q '^hidden.weight .*  not checked: kinks everywhere$' "$work/log" || fail "kinks everywhere are not told"
