#!/bin/sh
# generated.sh NETC [--bless] - generated/ holds what netc emits for some examples, for people who want to read it before they
# install anything. It must be what this netc emits.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for name in lenet5 spiral; do
    "$netc" emit "examples/$name.net" -o "$work/$name" --target avx2
    for file in "$name.c" "${name}_backward.c" "${name}_memory.h"; do
        if [ "${2:-}" = --bless ]; then
            cp "$work/$name/$file" "generated/$file"
        elif ! cmp "$work/$name/$file" "generated/$file"; then
            echo "FAIL generated/$file is stale: tests/checks/generated.sh $1 --bless"
            failed=1
        fi
    done
done
exit $failed
