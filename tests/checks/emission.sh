#!/bin/sh
# emission.sh NETC - every example is emitted twice, from different folders: the same bytes, without a path in them; and the emitted
# C has no warnings under the compilers at hand.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")/../../examples"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
compilers=0

# silent COMPILER FLAGS SOURCE
silent() {
    # shellcheck disable=SC2086 # flags are words
    "$1" -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -Werror $2 -fsyntax-only "$3" >"$work/log" 2>&1 && return
    echo "FAIL $1 $2 $(basename "$3")"
    head -n 20 "$work/log"
    failed=1
}

clang=${CLANG:-clang-14}
number=0
for model in *.net; do
    name=${model%.net}
    number=$((number + 1))
    for target in generic avx2 avx512; do
        "$netc" emit "$model" -o "$work/one" --target $target
        (cd "$work" && "$netc" emit "$OLDPWD/$model" -o "elsewhere/two" --target $target)
        if ! diff -rq "$work/one" "$work/elsewhere/two"; then
            echo "FAIL $name for $target: two emissions differ"
            failed=1
        fi
        if grep -rnF -e "$work" -e "$PWD" "$work/one"/*.c; then
            echo "FAIL $name for $target: holds a path"
            failed=1
        fi
        case $target in
        generic) flags= ;;
        avx2) flags="-mavx2 -mfma -DNT_TARGET_AVX2" ;;
        avx512) flags="-march=x86-64-v4 -DNT_TARGET_AVX512" ;;
        esac
        if [ $target = generic ] || [ "$(uname -m)" = x86_64 ]; then
            # of AVX2 and AVX-512 one by each compiler, in turns: half the time
            case $target:$((number % 2)) in
            generic:*) ccs="gcc $clang" ;;
            avx2:0 | avx512:1) ccs=gcc ;;
            *) ccs=$clang ;;
            esac
            for cc in $ccs; do
                command -v "$cc" >/dev/null || continue
                compilers=$((compilers + 1))
                for source in "$work/one"/*.c; do
                    case $source in
                    *_main.c) silent "$cc" "$flags" "$source" ;;
                    *) silent "$cc" "$flags -fopenmp" "$source" ;;
                    esac
                done
            done
        fi
        rm -rf "$work/one" "$work/elsewhere"
    done
done
"$netc" emit lenet5.net -o "$work/seven" --batch 7
if ! grep -q '\.batch = 7,' "$work/seven/lenet5.c"; then
    echo "FAIL --batch 7 is not what is emitted"
    failed=1
fi
[ $compilers -gt 0 ] || { echo "there is neither gcc nor clang"; exit 1; }
exit $failed
