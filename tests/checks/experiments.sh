#!/bin/sh
# experiments.sh NETC - the lectures' experiments give their tables: scripts/experiments.sh beside examples/experiments/expected/. The
# activations are compared with the lecture's own figures, each layer's within 5%; the others, which are of our runs, as far as another
# compiler's or machine's rounding lets them agree, and by what they are to show.
set -eu
netc=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
expected=$root/examples/experiments/expected
fast=-O1 # these take longer to run than to compile

# compare NAME TOLERANCE LEAST: columns by their names, rows by their first word; a number may be off by TOLERANCE of itself and LEAST.
compare() {
    awk -v tolerance="$2" -v least="$3" '
        /^#/ || NF == 0 { next }
        FNR != NR && !second { second = 1; head = 0 }
        !head { head = 1; for (i = 1; i <= NF; i++) name[i] = $i; next }
        !second { for (i = 2; i <= NF; i++) want[$1, name[i]] = $i; next }
        { for (i = 2; i <= NF; i++) { w = want[$1, name[i]]; if (w == "" || w == "-") continue
              n++; d = $i - w; size = w < 0 ? -w : w
              off = w + 0 == w ? !($i + 0 == $i) || d > tolerance * size + least || d < -tolerance * size - least : $i != w
              if (off) { print $1, name[i] ": " $i ", not " w; bad++ } } }
        END { print n " figures"; exit bad > 0 || n < 10 }' "$expected/$1.txt" "$work/$1.txt" || { echo "FAIL $1"; exit 1; }
}
run() {
    "$root/scripts/experiments.sh" "$netc" "$work" "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

NETC_CFLAGS=$fast ACTIVATIONS="tanh_small tanh_large tanh_xavier relu_xavier relu_he" run activations
compare activations 0.05 6e-7
run optimizers batchnorm
NETC_CFLAGS=$fast run dropout
compare optimizers 0.3 0.02
compare batchnorm 0.5 0.05
compare dropout 0.2 0.005
# what they are to show
awk '$1 == 20 { exit !($3 < $2 / 2 && $4 < $2 / 2 && $7 < $2 / 2) }' "$work/optimizers.txt" || { echo "FAIL plain descent is as fast"; exit 1; }
awk '$1 == 1 { exit !($3 < $2 / 2) }' "$work/batchnorm.txt" || { echo "FAIL batchnorm bears no higher rate"; exit 1; }
awk '$1 == 1 { first = $3 } $1 == 256 { exit !($3 < first / 12 && $3 > first / 21) }' "$work/dropout.txt" || { echo "FAIL masks do not average out"; exit 1; }
# a table that is off is found
mkdir "$work/off"
sed 's/^\(3 *[^ ]*\) *[^ ]*/\1 0.9/' "$work/activations.txt" >"$work/off/activations.txt"
! (work=$work/off && compare activations 0.05 6e-7 >"$work/log") || { echo "FAIL nothing is compared"; exit 1; }
echo "the lecture's activations within 5%, optimizers, batchnorm and dropout as they were"
