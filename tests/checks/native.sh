#!/bin/sh
# native.sh NETC - which target `native` is, and what programs say on a processor that lacks what they were compiled to.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "FAIL $*"
    failed=1
}

target_of() {
    "$netc" explain "$@" | sed -n '1s/^[^ ]* for \([a-z0-9]*\),.*/\1/p'
}

# Wide vectors where the processor has them, but not for a network whose channels would be padding.
wide=generic narrow=generic
if [ "$(uname -m)" = x86_64 ] && grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; then
    wide=avx2 narrow=avx2
    [ "$(grep -m1 -ow -e avx512f -e avx512bw -e avx512cd -e avx512dq -e avx512vl /proc/cpuinfo | sort -u | wc -l)" -ne 5 ] || wide=avx512
fi
[ "$(uname -m)" != aarch64 ] || wide=neon narrow=neon
[ "$(target_of examples/resnet20_cifar.net)" = $wide ] || fail "native is $(target_of examples/resnet20_cifar.net) for ResNet-20, not $wide"
[ "$(target_of examples/lenet5.net)" = $narrow ] || fail "native is $(target_of examples/lenet5.net) for LeNet-5, not $narrow"
for target in generic neon avx2 avx512; do
    [ "$(target_of examples/lenet5.net --target $target)" = $target ] || fail "--target $target is not taken"
done
status=0
"$netc" explain examples/lenet5.net --target sse2 2>"$work/said" || status=$?
[ $status -eq 2 ] && grep -q "no target 'sse2'" "$work/said" || fail "--target sse2: status $status"

# An emulated processor without AVX-512 and one without AVX2.
if [ "$(uname -m)" = x86_64 ] && command -v qemu-x86_64 >/dev/null; then
    for case in avx512:Haswell avx2:Nehalem; do
        target=${case%:*} status=0
        "$netc" build examples/spiral.net -o "$work/exe" --target "$target"
        qemu-x86_64 -cpu "${case#*:}" "$work/exe" info >"$work/out" 2>"$work/said" || status=$?
        [ $status -eq 3 ] && grep -q "was compiled for processors with $target" "$work/said" || fail "$target on ${case#*:}: status $status"
        qemu-x86_64 -cpu "${case#*:}" "$work/exe" --help >"$work/out" 2>"$work/said" || fail "no help on ${case#*:}"
    done
else
    echo "without qemu-x86_64 nobody looks at programs on processors that they are not for"
fi
exit $failed
