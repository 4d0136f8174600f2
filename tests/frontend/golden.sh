#!/bin/sh
# golden.sh FRONT [--bless] - the front end against the files beside its inputs.
#
# broken/NAME.net has NAME.err, its diagnostics. valid/NAME.net has NAME.ast, its tree, and NAME.fmt, its canonical form;
# the canonical form must be its own canonical form, and have the same tree. With --bless, the files are made anew.
front=$1
bless=$2
cd "$(dirname "$0")" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0

# fail MESSAGE
fail() {
    echo "FAIL $1"
    failed=$((failed + 1))
}

# golden STAGE NAME STATUS: the output of a stage against its file
golden() {
    "$front" "$1" "$2.net" >"$work/out" 2>"$work/stderr"
    status=$?
    if [ $status -ne "$3" ] || [ -s "$work/stderr" ]; then
        fail "$2.$1: status $status"
        cat "$work/stderr"
    elif [ "$bless" = --bless ]; then
        cp "$work/out" "$2.$1"
    elif ! diff "$2.$1" "$work/out"; then
        fail "$2.$1"
    fi
}

# tree FILE: without the places
tree() {
    "$front" ast "$1" | sed 's/ @[0-9:]*$//'
}

for input in broken/*.net; do
    golden err "${input%.net}" 1
done
for input in valid/*.net; do
    name=${input%.net}
    golden ast "$name" 0
    golden fmt "$name" 0
    "$front" fmt "$input" >"$work/once.net"
    "$front" fmt "$work/once.net" | diff "$work/once.net" - || fail "$name: the canonical form is not canonical"
    tree "$input" >"$work/tree"
    tree "$work/once.net" | diff "$work/tree" - || fail "$name: the canonical form means something else"
done
[ $failed -eq 0 ] && echo "front end: all golden files agree"
[ $failed -eq 0 ]
