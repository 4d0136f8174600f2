#!/bin/sh
# names.sh NETC - names that differ in the language stay apart in C: names.net compiles, as a trainer and as a library, and its gradients
# are those of the right parameters.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$netc" build names.net -o "$work/names"
"$work/names" gradcheck
"$netc" emit names.net -o "$work/library" --kind library
"${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -fopenmp -fsyntax-only "$work"/library/*.c
