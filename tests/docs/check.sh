#!/bin/sh
# check.sh - what lang/ says is true: its generated files are up to date, and every example in it is a valid model.
#
#   tests/docs/check.sh NETC [WORKDIR]
#
# Generated: lang/operators.md and lang/editor/net.vim. Examples: the blocks that begin with "```net complete", in all files of
# lang/ and docs/ and in README.md. Exit status 1 if something is wrong.
set -eu

if [ $# -lt 1 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
netc=$1
if [ $# -gt 1 ]; then
    work=$2
    mkdir -p "$work"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
failed=0

# What netc doc makes of $1 must be the file $2.
compare() {
    "$netc" doc "$1" >"$work/fresh"
    if ! cmp -s "$work/fresh" "$root/$2"; then
        echo "FAIL  $2 is stale: netc doc $1 > $2"
        diff "$root/$2" "$work/fresh" | head -n 20
        failed=$((failed + 1))
    fi
}
compare operators lang/operators.md
compare editor lang/editor/net.vim

# Each example becomes a file that is named after the line of its block.
rm -rf "$work/examples"
mkdir -p "$work/examples"
ln -s "$root/examples/blocks" "$work/examples/blocks" # for `use`
for file in "$root"/lang/*.md "$root"/docs/*.md "$root"/docs/guide/*.md "$root/README.md"; do
    [ -f "$file" ] || continue
    awk -v out="$work/examples/$(basename "$file" .md)" '
        /^```net complete/ { inside = sprintf("%s-%04d.net", out, NR); next }
        /^```/ { inside = "" }
        inside != "" { print > inside }' "$file"
done
count=0
for example in "$work"/examples/*.net; do
    count=$((count + 1))
    if ! "$netc" check "$example" >"$work/log" 2>&1 || [ -s "$work/log" ]; then
        echo "FAIL  $example"
        sed 's/^/      /' "$work/log"
        failed=$((failed + 1))
    fi
done

# Every operator has its own example: as many as there are headings of operators and losses.
operators=$(awk '/^## Optimizers/ { exit } /^### / { n++ } END { print n + 0 }' "$root/lang/operators.md")
shown=$(find "$work/examples" -name 'operators-*.net' | wc -l)
if [ "$operators" -eq 0 ] || [ "$operators" -ne "$shown" ]; then
    echo "FAIL  $operators operators with $shown examples"
    failed=$((failed + 1))
fi

if [ "$failed" -gt 0 ]; then
    echo "$failed faults in the documentation"
    exit 1
fi
echo "$count examples of the documentation compile; generated files are up to date"
