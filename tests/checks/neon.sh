#!/bin/sh
# neon.sh NETC - inference libraries for 64-bit Arm, made by a cross compiler and run by an emulator, say what this machine's say.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")/../torch"
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    if ! command -v $tool >/dev/null; then
        echo "$tool is missing: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
        exit 77
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# As many raw floats as 40 samples have at most, small and of both signs.
LC_ALL=C awk 'BEGIN { s = 7; for (i = 0; i < 40000; i++) { s = (s * 16807) % 2147483647; v = s % 160
    printf "%c%c%c%c", 0, 0, v, v % 2 ? 63 : 191 } }' >"$work/input.f32"

for net in mini_lenet5 mini_resnet20 mini_googlenet softmax activations_learnt; do
    for target in generic neon; do
        lib=$work/$net.$target cc=${CC:-cc} flags=
        [ $target = generic ] || cc=aarch64-linux-gnu-gcc flags=-static
        "$netc" emit "nets/$net.net" -o "$lib" --kind library --target $target
        sed -i 's/-O3/-O1 -Werror/' "$lib/Makefile"
        make -s -C "$lib" CC="$cc $flags" OPENMP=
    done
    weights=fixtures/$net.weights.safetensors
    "$work/$net.generic/${net}_example" "$weights" "$work/input.f32" >"$work/here"
    qemu-aarch64 "$work/$net.neon/${net}_example" "$weights" "$work/input.f32" >"$work/there"
    paste -d ' ' "$work/here" "$work/there" | awk -v what="$net" '{
            n = NF / 2
            for (i = 1; i <= n; i++) {
                d = $i - $(n + i); size = $i < 0 ? -$i : $i
                d = (d < 0 ? -d : d) / (1 + size)
                worst = d > worst ? d : worst
                all++
            }
        }
        END { printf "%-20s %5d values, at most %.1e apart\n", what, all, worst; exit !(all > 0 && worst < 1e-5) }' || failed=1
done
exit $failed
