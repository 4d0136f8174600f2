#!/bin/sh
# check.sh NETC - inference libraries: they say what the trainer's `predict` says, loaded and with weights compiled in, on any number
# of threads; hostile weights end with a status; the sources have no warnings, are the same each time, and ask for nothing but the C
# library, its mathematics and OpenMP.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")"
nets=$PWD/../torch/nets
fixtures=$PWD/../torch/fixtures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc=${CC:-cc}
flags='-std=c11 -Wall -Wextra -Wpedantic -Werror'
export NETC_CFLAGS=-O1
failed=0

fail() {
    echo "FAIL $*"
    failed=1
}

# user NAME SOURCE OUT FLAGS ...: a user of the library NAME; for it, the network is called `net`.
user() {
    name=$1 source=$2 out=$3
    upper=$(echo "$name" | tr a-z A-Z)
    shift 3
    set -- "$@" "-DNETWORK_H=\"$name.h\""
    for word in model status load load_file message run pretrained; do
        set -- "$@" "-Dnet_$word=${name}_$word"
    done
    for word in INPUT INPUT_H INPUT_W INPUT_C OUTPUT ALIGNMENT MODEL_BYTES WORKSPACE_BYTES LOADED CUT_SHORT NOT_SAFETENSORS CANNOT_READ \
        PARAMETER_MISSING PARAMETER_UNKNOWN PARAMETER_TWICE PARAMETER_SHAPE PARAMETER_TYPE CONSTANTS_INVALID; do
        set -- "$@" "-DNET_$word=${upper}_$word"
    done
    # shellcheck disable=SC2086 # flags are words
    "$cc" $flags -fopenmp -o "$out" "$source" "$@" -lm
}

# close MODE FILE JSON: the numbers of FILE against those of predict, 1e-5 apart at most.
close() {
    sed 's/.*"\(probabilities\|output\)":\[\([^]]*\)\].*/\2/; s/,/ /g' "$3" | paste -d ' ' "$2" - |
        awk -v what="$1" '{
                n = NF / 2
                for (i = 1; i <= n; i++) {
                    d = $i - $(n + i)
                    worst = d > worst ? d : -d > worst ? -d : worst
                    all++
                }
            }
            END {
                printf "%-44s %4d values, at most %.1e apart\n", what, all, worst
                exit !(all > 0 && worst < 1e-5)
            }' || fail "$1: not what predict says"
}

# compare NAME MODE WEIGHTS TARGET LABEL
compare() {
    lib=$work/$1.$4
    if [ ! -d "$lib" ]; then
        "$netc" build "$nets/$1.net" -o "$lib" --kind library --target "$4"
        user "$1" use.c "$lib/use" -O1 -I"$lib" "$lib/lib$1.a"
    fi
    "$lib/use" input "$lib/in.npy" 3
    "$work/$1" predict --weights "$3" --format json "$lib/in.npy" >"$lib/predicted"
    "$lib/use" "$2" "$3" "$lib/in.npy" >"$lib/values"
    if [ "$2" = run ]; then # hexadecimal floats, for others to compare bit by bit
        awk '{ for (i = 1; i <= NF; i++) printf "%s%s", $i, i < NF ? " " : "\n" }' "$lib/values" | to_decimal >"$lib/decimal"
    else
        cp "$lib/values" "$lib/decimal"
    fi
    close "$1 $4 $5" "$lib/decimal" "$lib/predicted"

    OMP_NUM_THREADS=1 "$lib/use" run "$3" "$lib/in.npy" >"$lib/one"
    OMP_NUM_THREADS=4 "$lib/use" run "$3" "$lib/in.npy" >"$lib/four"
    cmp "$lib/one" "$lib/four" || fail "$1: threads change the results"

    # As an archive, with the weights inside.
    "$netc" build "$nets/$1.net" -o "$lib/own/in.a" --kind library --target "$4" --weights "$3"
    user "$1" use.c "$lib/own/use" -O1 -DPRETRAINED -I"$lib/own" "$lib/own/in.a"
    "$lib/own/use" run - "$lib/in.npy" >"$lib/inside"
    cmp "$lib/one" "$lib/inside" || fail "$1: weights that are compiled in give other results"
    symbols "$lib/lib$1.a" "$1"
    symbols "$lib/own/in.a" "$1"
    ! grep -n "$1_load" "$lib/own/$1.h" || fail "$1.h speaks of loading, but the weights are compiled in"
    grep -q -e '-fopenmp -lm' "$lib/own/$1.h" || fail "$1.h does not say how to link"
}

to_decimal() {
    while read -r line; do
        # shellcheck disable=SC2086 # words
        printf '%.9g ' $line
        echo
    done
}

# symbols ARCHIVE NAME: what it asks others for, and what it shows.
symbols() {
    nm -u "$1" | awk 'NF == 2 { print $2 }' | sort -u >"$1.asks"
    if grep -Evx "$2_[a-z_]*|(GOMP|omp|__kmpc)_[a-z_0-9]*|mem(cpy|set|move)|f(open|read|close|error)|malloc|realloc|free|ldexp|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__mem(cpy|set)_chk|(exp|log|log1p|expm1|tanh|erf|sqrt|pow|fmax|fmin|fma)f" "$1.asks"; then
        fail "$(basename "$1") asks for more than the C library"
    fi
    if nm --defined-only -g "$1" | awk 'NF == 3 { print $3 }' | grep -v "^$2_"; then
        fail "$(basename "$1") shows names that are not the network's"
    fi
}

"$cc" -std=c11 -O1 -o "$work/annotate" annotate.c
for name in mini_lenet5 mini_resnet20 softmax mse flat_merges flat_end mini_googlenet activations_learnt; do
    "$netc" build "$nets/$name.net" -o "$work/$name"
    case $name in
    softmax | mse | flat_end) mode=run ;; # what it gives is what predict prints
    *) mode=softmax ;;
    esac
    weights=$fixtures/$name.weights.safetensors
    compare $name $mode "$weights" native ''
    [ $name != mini_resnet20 ] || compare $name $mode "$weights" generic ''
done

# The constants of the weights file are applied: one a channel, one a value.
for constants in '3 3 1.0' '432 0 1.0' '0 3 0.5'; do
    # shellcheck disable=SC2086 # words
    "$work/annotate" "$fixtures/mini_resnet20.weights.safetensors" "$work/annotated" $constants
    compare mini_resnet20 softmax "$work/annotated" native "means, stds, scale: $constants"
done

# Whitening goes along: its matrix comes from the file that training left.
cat >"$work/white.net" <<'END'
network white {
    input(5x4x3)
    conv(4, 3x3, pad=1) -> relu
    out: dense(3)
}

data {
    source = npy("none")
    normalize = whiten(eps=0.01)
}
END
mkdir "$work/pictures"
npy() {
    { printf '\223NUMPY\001\000\166\000'
      printf '%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': ($1), }"
      printf "$(cat)"; }
}
awk 'BEGIN { s = 7; for (i = 0; i < 150 * 60; i++) { s = (s * 16807) % 2147483647; printf "\\%03o", (s + last) % 256; last = s } }' |
    npy '150, 5, 4, 3' >"$work/pictures/x_train.npy"
awk 'BEGIN { for (i = 0; i < 150; i++) printf "\\%03o", i % 3 }' | npy '150,' >"$work/pictures/y_train.npy"
"$netc" build "$work/white.net" -o "$work/white"
"$work/white" train --plain --data "$work/pictures" --epochs 1 --out "$work/white.run" 2>"$work/log" || fail "training with whiten"
(
    nets=$work
    compare white softmax "$work/white.run/last.safetensors" native 'whitening'
    compare white softmax "$work/white.run/last.safetensors" generic 'whitening'
    exit $failed
) || failed=1
"$netc" emit "$work/white.net" -o "$work/refused" --kind library --weights "$fixtures/softmax.weights.safetensors" 2>/dev/null &&
    fail "another network's weights are taken for one that whitens"

# A network that ends in a flatten gives its values in the order of PyTorch.
printf 'network order {\n    input(3x4x10)\n    out: flatten\n}\n' >"$work/order.net"
printf '\002\0\0\0\0\0\0\0{}' >"$work/empty.safetensors"
"$netc" build "$work/order.net" -o "$work/order" --kind library
user order order.c "$work/order/check" -O1 -I"$work/order" "$work/order/liborder.a"
"$work/order/check" "$work/empty.safetensors" || fail "the order of a flattened result"

# Auxiliary heads serve training only: their parameters may be missing, and are not compiled in.
"$cc" -std=c11 -O1 -o "$work/without" without.c -ljansson
"$work/without" "$fixtures/mini_googlenet.weights.safetensors" "$work/without_aux" aux
lib=$work/mini_googlenet.native
"$lib/use" run "$work/without_aux" "$lib/in.npy" | cmp "$lib/one" - || fail "weights without those of auxiliary heads"
"$netc" emit "$nets/mini_googlenet.net" -o "$work/main" --kind library --weights "$work/without_aux"
! grep -q aux "$work/main/mini_googlenet_weights.c" || fail "weights of auxiliary heads are compiled in"
"$work/without" "$fixtures/mini_googlenet.weights.safetensors" "$work/without_main" main.bias
status=0
"$netc" emit "$nets/mini_googlenet.net" -o "$work/refused" --kind library --weights "$work/without_main" 2>"$work/log" || status=$?
if [ $status -ne 1 ] || ! grep -qF main.bias "$work/log"; then
    fail "weights without main.bias: status $status"
fi

# Hostile weights, under the sanitizers where the compiler has them.
"$netc" emit "$nets/mini_lenet5.net" -o "$work/hostile" --kind library --target generic
if user mini_lenet5 hostile.c "$work/hostile/run" -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -I"$work/hostile" \
    "$work/hostile/mini_lenet5.c" "$work/hostile/mini_lenet5_load.c"; then
    "$work/hostile/run" "$fixtures/mini_lenet5.weights.safetensors" || fail "hostile weights"
else
    fail "hostile.c cannot be compiled"
fi

# Weights that are not the network's are refused, with the place.
head -c 3000 "$fixtures/mini_lenet5.weights.safetensors" >"$work/short"
for weights in "$work/short" "$fixtures/softmax.weights.safetensors" "$work/none"; do
    status=0
    "$netc" emit "$nets/mini_lenet5.net" -o "$work/refused" --kind library --weights "$weights" 2>"$work/log" || status=$?
    if [ $status -ne 1 ] || ! grep -qF "$weights" "$work/log"; then
        cat "$work/log"
        fail "$weights as weights of mini_lenet5: status $status"
    fi
done
status=0
"$netc" emit "$nets/mini_lenet5.net" -o "$work/refused" --weights "$work/short" 2>"$work/log" || status=$?
[ $status -eq 2 ] || fail "--weights with a trainer: status $status"

# Sources: the same bytes each time, no warnings with or without OpenMP, for C++ too; the example runs.
compilers=0
for name in mini_lenet5 mini_resnet20 mini_googlenet; do
    weights=$fixtures/$name.weights.safetensors
    for target in generic avx2 avx512; do
        one=$work/one two=$work/elsewhere/two
        "$netc" emit "$nets/$name.net" -o "$one" --kind library --target $target
        "$netc" emit "$nets/$name.net" -o "$one" --kind library --target $target --weights "$weights"
        (
            cd "$work"
            "$netc" emit "$nets/$name.net" -o elsewhere/two --kind library --target $target
            "$netc" emit "$nets/$name.net" -o elsewhere/two --kind library --target $target --weights "$weights"
        )
        diff -rq "$one" "$two" || fail "$name for $target: two emissions differ"
        if grep -rnF -e "$work" -e "$PWD" "$one"; then
            fail "$name for $target: a path in the sources"
        fi
        case $target in
        generic) isa= ;;
        avx2) isa='-march=haswell -DNT_TARGET_AVX2' ;;
        avx512) isa='-march=x86-64-v4 -DNT_TARGET_AVX512' ;;
        esac
        for compiler in gcc clang clang-14; do
            command -v $compiler >/dev/null || continue
            compilers=$((compilers + 1))
            for openmp in '' -fopenmp; do
                for source in "$one/$name.c" "$one/${name}_weights.c" "$one/${name}_example.c"; do
                    # shellcheck disable=SC2086 # flags are words
                    $compiler $flags $isa $openmp -fsyntax-only "$source" || fail "$compiler $isa $openmp $(basename "$source")"
                done
            done
        done
        rm -rf "$one" "$two"
    done
done
[ $compilers -gt 0 ] || fail "there is neither gcc nor clang"

# What the header says of the stack, for the kernel with the largest blocks.
echo 'network deep { input(14x14x512) conv(512, 3x3, pad=1) -> relu -> avgpool(global) -> dense(10) }' >"$work/deep.net"
for target in generic avx2 avx512; do
    "$netc" emit "$work/deep.net" -o "$work/deep" --kind library --target "$target"
    grep -q ' winograd_' "$work/deep/deep.c" || fail "the network with the largest blocks has others now"
    isa=$(sed -n 's/^CFLAGS = .*-fPIC \(.*\) -Wall.*/\1/p' "$work/deep/Makefile")
    # shellcheck disable=SC2086 # flags are words
    "$cc" $flags $isa -O1 -fopenmp -Wframe-larger-than=614400 -c "$work/deep/deep.c" -o "$work/deep/deep.o" || fail "$target: the stack that a run takes"
done

"$netc" emit "$nets/mini_lenet5.net" -o "$work/example" --kind library
make -s -C "$work/example" CC="$cc -Werror" OPENMP=
tail -c +129 "$work/mini_lenet5.native/in.npy" >"$work/in.f32"
make -s -C "$work/example" run WEIGHTS="$fixtures/mini_lenet5.weights.safetensors" INPUT="$work/in.f32" | tail -n 3 >"$work/shown"
to_decimal <"$work/mini_lenet5.native/one" | sed 's/ $//' | cmp - "$work/shown" || fail "the example prints other values"
echo '#include "mini_lenet5.h"' >"$work/example/user.cc"
if command -v c++ >/dev/null; then
    c++ -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$work/example/user.cc" || fail "the header in C++"
fi
exit $failed
