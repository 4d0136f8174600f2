#!/bin/sh
# lsuv.sh NETC - initial values that depend on data: the results of the layers have unit variance over the samples, as predictions show;
# a layer's weights do not depend on what comes after it.
set -eu
netc=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
compare=$here/../../${BUILD:-build}/tests/compare
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Features of different sizes and means.
awk 'BEGIN { s = 11; print "a,b,c,d,y"; for (i = 0; i < 120; i++) { for (k = 1; k <= 4; k++) {
    s = (s * 16807) % 2147483647; printf "%.4f,", k * k * (s / 2147483647 - 0.2) } print i % 5 } }' >train.csv
cp train.csv test.csv
cut -d, -f1-4 train.csv >inputs.csv

model() {
    cat >"$1.net" <<END
network $1 {
    input(4)
    a: dense(1, bias=no)
    $2
}
init { weight = lsuv }
data { source = csv(".", label=y) }
train { loss = mse  optimizer = sgd(lr=1e-12)  batch = all  epochs = 1 }
END
    "$netc" build "$1.net" -o "$1"
    "./$1" train --plain --out "$1.run" >log 2>&1 || { cat log; exit 1; }
    "./$1" predict --weights "$1.run/last.safetensors" inputs.csv >"$1.out" 2>>log || { cat log; exit 1; }
    awk -v name="$1" '{ n++; x = $NF; sum += x; squares += x * x }
        END { v = squares / n - (sum / n) ^ 2; print name ": variance " v " of " n; exit !(n == 120 && v > 0.89 && v < 1.11) }' "$1.out"
}
model one ""
grep -q '^lsuv: 1 layer scaled to unit variance over' log || { cat log; exit 1; }
model two "b: dense(5) -> tanh
    c: dense(1)"
grep -q '^lsuv: 3 layers' log || { cat log; exit 1; }
"$compare" one.run/last.safetensors two.run/last.safetensors 0

# Results that are all the same cannot be scaled.
sed 's/weight = lsuv/weight = lsuv  b = 0/' two.net >flat.net
"$netc" build flat.net -o flat
if ./flat train --plain --out flat.run >log 2>&1 || ! grep -q 'error: lsuv: the results of c.weight have variance 0' log; then
    cat log
    exit 1
fi
