#!/bin/sh
# per_layer.sh NETC - `bench --per-layer` of a small trainer: every step has a time, and their products are those that the report
# counts: once forward, and in training twice more, but for the first layer, whose input wants no gradient.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$netc" build volume.net -o "$work/volume"
"$work/volume" bench --per-layer --batch 4 --threads 2 --steps 3 --format json >"$work/steps.json"
"$work/volume" bench --per-layer --batch 4 --threads 2 --steps 3 >"$work/steps.txt"
"$netc" report volume.net --format csv >"$work/report.csv"

# the csv's columns by their names
awk -F, -v OFS=' ' '
    FNR == NR && FNR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    FNR == NR { macs = $column["macs"]; total += macs; if (macs > 0 && !first) first = macs; next }
    /"phase"/ {
        n++
        match($0, /"phase":"[a-z ]*"/); phase = substr($0, RSTART + 9, RLENGTH - 10)
        match($0, /"ms":[0-9.e+-]*/); ms = substr($0, RSTART + 5, RLENGTH - 5)
        match($0, /"gflops":[0-9.e+-]*/); gflops = substr($0, RSTART + 9, RLENGTH - 9)
        if (ms + 0 <= 0) { print "FAIL no time: " $0; failed = 1 }
        sum[phase == "inference"] += ms * gflops * 1e6 / 2 / 4
    }
    function compare(what, got, wanted) {
        if (got < wanted * 0.999 || got > wanted * 1.001) { print "FAIL " what ": " got " products instead of " wanted; failed = 1 }
    }
    END {
        compare("training", sum[0], 3 * total - first)
        compare("inference", sum[1], total)
        if (n < 20) { print "FAIL only " n " steps"; failed = 1 }
        exit failed
    }' "$work/report.csv" "$work/steps.json"
for heading in forward loss backward update inference "training, by operator"; do
    grep -q "^$heading  " "$work/steps.txt" || { echo "FAIL no '$heading' in the table"; exit 1; }
done
