#!/bin/sh
# run.sh NETC [--bless] - report, explain and graph on the examples. With --bless, or BLESS=1, the stored reports are made anew.
netc=$(realpath "$1")
[ -x "$netc" ] || { echo "$0: no program '$1'"; exit 2; }
bless=${2:-${BLESS:+--bless}}
cd "$(dirname "$0")" || exit 2
examples=../../examples
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8
failed=0

fail() {
    echo "FAIL $1"
    failed=$((failed + 1))
}

# golden NAME: what is in $work/out against its file. Planned bytes depend on the machine's instruction set: left out.
golden() {
    sed -e '/^  batch [0-9]*: inference/d' -e '/^  training = /,$d' -e '/"memory":/d' -e '/^With batches of/,$d' "$work/out" >"$work/plain"
    if [ "$bless" = --bless ]; then
        cp "$work/plain" "golden/$1"
    elif ! diff "golden/$1" "$work/plain"; then
        fail "$1"
    fi
}

mkdir -p golden
for model in lenet5 alexnet vgg_d; do
    for width in 80 100 140; do
        COLUMNS=$width "$netc" report $examples/$model.net >"$work/out" || fail "$model at $width"
        golden $model.$width.txt
    done
    for format in md csv json; do
        "$netc" report $examples/$model.net --format $format >"$work/out" || fail "$model as $format"
        golden $model.$format
    done
done

# No layer's products are 0.0 in the column's unit: of a network of a few dozen, and of a small layer beside large ones.
printf 'network tiny {\n input(2)\n dense(8) -> tanh\n dense(3)\n}\n' >"$work/tiny.net"
printf 'network mixed {\n input(64x64x16)\n conv(64, 3x3) -> avgpool(global) -> dense(2)\n}\n' >"$work/mixed.net"
for model in tiny:MAC:16:24:40 mixed:KMAC:35,426:0.1:35,426; do
    file=$work/${model%%:*}
    "$netc" report "$file.net" >"$file.txt" || fail "$model"
    "$netc" report "$file.net" --format md >"$file.md" || fail "$model as md"
    grep -q " $(echo "$model" | cut -d: -f2) *$" "$file.txt" || fail "$model: the unit"
    ! grep -q ' 0\.0$' "$file.txt" && ! grep -q '| 0\.0 |' "$file.md" || fail "$model: products of 0.0"
    for figure in $(echo "$model" | cut -d: -f3- | tr : ' '); do
        grep -q " $figure\(\.[0-9]\)*$" "$file.txt" || fail "$model: $figure"
    done
done

# What freezing leaves out of a training step: the whole backward pass below the head, and what would be kept for it.
"$netc" explain $examples/transfer_fashion.net --target avx2 | sed -n '/^FROZEN/,/^$/p' >"$work/out"
golden transfer_fashion.frozen.txt
"$netc" explain $examples/resnet20_cifar.net | grep -q '^FROZEN' && fail "resnet20_cifar: nothing is frozen"

# Totals that others state.
while read -r model parameters macs values; do
    [ "$model" = '#' ] && continue
    name=${model%%,*} constant=${model#"$name"}
    "$netc" report ${constant:+-D "${constant#,}"} $examples/$name.net --format csv >"$work/out" || fail "$model as csv"
    awk -F, -v p="$parameters" -v m="$macs" -v v="$values" \
        'NR > 1 { a += $7; b += $10; c += $11 } END { exit !(b == p && (m == "-" || c == m) && (v == "-" || a == v)) }' "$work/out" ||
        fail "$model: totals"
done <totals.txt

# The rows of the lecture's table.
"$netc" report $examples/vgg_d.net --format csv | awk -F, 'NR > 1 { print $6, $7, $8 }' >"$work/rows"
grep -v '^#' vgg_d.lecture | awk '{ n = split($2, f, "*"); m = 1; for (i = 1; i <= n; i++) m *= f[i]; print $1, m, $3 }' |
    diff - "$work/rows" || fail "vgg_d: rows of the lecture"

${CC:-cc} -std=c11 -Wall -Wextra -Werror -o "$work/check_json" check_json.c -ljansson || exit 2
for file in $examples/*.net; do
    model=$(basename "$file" .net)
    "$netc" report "$file" --format json | "$work/check_json" || fail "$model: json"
    "$netc" report "$file" --format json --batch 3 >"$work/three" && grep -q '"batch": 3' "$work/three" || fail "$model: --batch"

    for width in 60 72 80 90 100 110 120 140 200; do
        COLUMNS=$width "$netc" report "$file" >"$work/out" || fail "$model at $width"
        [ "$(wc -L <"$work/out")" -le $width ] || fail "$model: wider than $width columns"
        grep -q "$(printf '\033')" "$work/out" && fail "$model: colour in a file"
        grep -q '[[:space:]]$' "$work/out" && fail "$model: spaces at the end of a line"
    done

    "$netc" report "$file" --format html >"$work/out" || fail "$model as html"
    grep -Eq 'https?:|<script|src=' "$work/out" && fail "$model: the page needs other files"
    rows=$("$netc" report "$file" --format csv | awk 'END { print NR - 1 }')
    [ "$(grep -c '^<tr><td>' "$work/out")" -eq "$rows" ] || fail "$model: rows of the page"

    "$netc" explain "$file" >"$work/out" || fail "$model: explain"
    [ "$(wc -L <"$work/out")" -le 100 ] || fail "$model: explain is wider than 100 columns"
    sed -n '/^INFERENCE/,$p' "$work/out" | grep -q '^no element-wise operator is left alone' || fail "$model: fusion at inference"
    [ "$(grep -c '^memory: ' "$work/out")" -eq 2 ] || fail "$model: memory of both graphs"

    "$netc" graph "$file" --format svg >"$work/out" || fail "$model: graph"
    awk -f boxes.awk "$work/out" || fail "$model: picture"
    boxes=$(grep -c '^<rect class="box' "$work/out")
    [ "$("$netc" graph "$file" --format dot | grep -c 'b[0-9]* \[label=')" -eq "$boxes" ] || fail "$model: dot and svg differ"
done

# Every setting is shown, and what is shown is a model file's sections.
"$netc" report $examples/lenet5.net --effective >"$work/out" || fail "effective"
{ sed -n '/^network/,/^}/p' $examples/lenet5.net; cat "$work/out"; } >"$work/again.net"
"$netc" report "$work/again.net" --effective | diff "$work/out" - || fail "effective settings read back"

# Unknown formats are refused.
for command in report graph; do
    "$netc" $command $examples/lenet5.net --format yaml >/dev/null 2>"$work/err"
    [ $? -eq 2 ] && grep -q 'yaml: it is' "$work/err" || fail "$command: unknown format"
done

[ $failed -eq 0 ] && echo "report, explain, graph: all checks pass"
[ $failed -eq 0 ]
