#!/bin/sh
# targets.sh NETC - dense targets from files to predictions: vectors of a table, volumes of an array (channels first), shares of classes.
# The targets are linear in the inputs, so that a linear network must come to predict them as they are.
set -eu
netc=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/npy.inc"
cd "$work"

cat >vectors.net <<'NET'
network vectors {
    input(2)
    out: dense(3)
}
data { source = csv("vectors.csv", label=sum)  normalize = none }
train { loss = 4*smooth_l1(delta=2)  optimizer = sgd(lr=0.2)  batch = 10  epochs = 60 }
NET
awk 'BEGIN { print "x,sum,difference,twice,y"; s = 7
    for (i = 0; i < 100; i++) { s = (s * 16807) % 2147483647; x = s % 200 / 100 - 1; s = (s * 16807) % 2147483647; y = s % 200 / 100 - 1
        printf "%g,%g,%g,%g,%g\n", x, x + y, x - y, 2 * x + 1, y } }' >vectors.csv
printf '0.5,-0.25\n' >ask.csv

cat >volumes.net <<'NET'
network volumes {
    input(3x2x1)
    out: conv(2, 1x1)
}
data { source = npy("arrays") }
train { loss = mse  optimizer = sgd(lr=0.05)  batch = 10  epochs = 80 }
NET
# Bytes 51 k, which are read as k/5; the targets are k and 5 - k, first all of the one and then of the other.
bytes() {
    awk -v n=60 -v want="$1" 'BEGIN { s = 3; for (i = 0; i < n; i++) { for (p = 0; p < 6; p++) { s = (s * 16807) % 2147483647; k[p] = s % 6 }
        if (want == "x") for (p = 0; p < 6; p++) printf "\\%03o", 51 * k[p]
        else for (c = 0; c < 2; c++) for (p = 0; p < 6; p++) printf "\\%03o", c ? 5 - k[p] : k[p] } }'
}
mkdir arrays
for part in train test; do
    printf "$(bytes x)" | npy arrays/x_$part.npy "60, 3, 2"
    printf "$(bytes y)" | npy arrays/y_$part.npy "60, 2, 3, 2"
done
printf '\000\063\146\231\314\377' | npy volume.npy "1, 3, 2"

cat >shares.net <<'NET'
network shares {
    input(2)
    out: dense(3) -> softmax
}
data { source = csv("shares.csv")  normalize = none }
train { loss = cross_entropy  optimizer = adam(lr=0.05)  batch = 10  epochs = 40 }
NET
awk 'BEGIN { s = 7
    for (i = 0; i < 100; i++) { s = (s * 16807) % 2147483647; x = s % 200 / 100 - 1; s = (s * 16807) % 2147483647; y = s % 200 / 100 - 1
        a = exp(x); b = exp(y); c = exp(-x - y); printf "%g,%g,%.7f,%.7f,%.7f\n", x, y, a / (a + b + c), b / (a + b + c), c / (a + b + c) } }' >shares.csv

# The same vectors as numbers to be close to; the accuracy that the model asks for is that of their largest.
sed -e 's/network shares/network largest/; s/loss = cross_entropy/loss = mse  metrics = [accuracy, top_k(2)]/' shares.net >largest.net

# near FILE VALUE ...: the numbers behind the name on its first line are these, but for 0.02
near() {
    head -n 1 "$1" | awk -v want="$*" '{ n = split(want, w, " "); if (NF != n) exit 1
        for (i = 2; i <= n; i++) { d = $i - w[i]; if (d > 0.02 || d < -0.02) exit 1 } }' || { echo "FAIL $*"; cat "$1"; exit 1; }
}
learn() {
    "$netc" build "$1.net" -o "$1"
    "./$1" train --plain --out "$1.run" >"$1.log" 2>&1 || { cat "$1.log"; exit 1; }
}
learn vectors
./vectors predict --weights vectors.run/last.safetensors ask.csv >vectors.out
near vectors.out 0.25 0.75 2
learn volumes
./volumes predict --weights volumes.run/last.safetensors volume.npy >volumes.out
near volumes.out 0 5 1 4 2 3 3 2 4 1 5 0
learn shares
grep -q 'accuracy 100' shares.log || { cat shares.log; echo "FAIL shares: the largest share is not the class"; exit 1; }
./shares predict --weights shares.run/last.safetensors --format json ask.csv | sed 's/.*"probabilities":\[\([^]]*\)\].*/x \1/; s/,/ /g' >shares.out
near shares.out 0.514 0.243 0.243

# How far answers stand from targets, against the same worked out from what is predicted for each sample: the centre of mass of the largest
# output and its neighbours.
mkdir all
cp shares.csv all/train.csv
cp shares.csv all/test.csv
cut -d, -f1,2 shares.csv >asked.csv
./shares predict --weights shares.run/last.safetensors --format json asked.csv | sed 's/.*"probabilities":\[\([^]]*\)\].*/\1/' >answers.csv
cut -d, -f3- shares.csv | paste -d, answers.csv - | awk -F, '
    function place(from,   peak, i, mass, moment) { peak = 0; for (i = 1; i < 3; i++) if ($(from + i) > $(from + peak)) peak = i
        for (i = 0; i < 3; i++) if (i - peak <= 1 && peak - i <= 1) { mass += $(from + i); moment += i * $(from + i) }
        return moment / mass }
    { d = place(1) - place(4); d = d < 0 ? -d : d; sum += d; square += d * d; if (d > most) most = d }
    END { print "hill", sum / NR, sqrt(square / NR), most }' >hill.want
./shares eval --weights shares.run/last.safetensors --data all --hill 1 --format json |
    sed 's/.*"hill":{"radius":1,"mean":\([0-9.e-]*\),"rms":\([0-9.e-]*\),"largest":\([0-9.e-]*\)}.*/hill \1 \2 \3/' >hill.got
paste -d' ' hill.got hill.want | awk '{ for (i = 2; i <= 4; i++) { d = $i - $(i + 4); if (d > 1e-4 || d < -1e-4 || $i <= 0) exit 1 } }' ||
    { echo "FAIL hill"; cat hill.got hill.want; exit 1; }
if ./volumes eval --weights volumes.run/last.safetensors --hill 1 2>message || ! grep -q 'with 3x2x2' message; then
    cat message; echo "FAIL the hill of a volume"; exit 1
fi

learn largest
grep -q 'test .*accuracy [89][0-9]\|test .*accuracy 100' largest.log || { cat largest.log; echo "FAIL largest: no accuracy, or a low one"; exit 1; }
./largest eval --weights largest.run/last.safetensors --format json | grep -q '"top_2":1' || { echo "FAIL largest: no top_k"; exit 1; }
if ./largest eval 2>message; then echo "FAIL eval without weights"; exit 1; fi
grep -q 'runs/largest/best.safetensors' message || { cat message; echo "FAIL eval does not say where weights are"; exit 1; }

# The accuracy that `dropout` shows of the pass without it is that of eval, for target vectors and for one output that says yes or no.
cat >yes.net <<'NET'
network yes {
    input(2)
    dense(16) -> relu -> dropout(0.2)
    out: dense(1)
}
data { source = csv("yes.csv") }
train { loss = binary_cross_entropy  optimizer = adam(lr=0.02)  batch = 10  epochs = 10 }
NET
awk -F, 'BEGIN { OFS = "," } { print $1, $2, ($1 > 0.3) }' shares.csv >yes.csv
sed -e 's/network shares/network masked/; s/-> softmax/-> dropout(0.1)/; s/epochs = 40/epochs = 10/' shares.net >masked.net
for name in yes masked; do
    learn $name
    figure() { sed 's/.*"accuracy":\([^,}]*\).*/\1/; q'; }
    wanted=$(./$name eval --weights $name.run/last.safetensors --format json | figure)
    shown=$(./$name dropout --weights $name.run/last.safetensors --passes 4 --format json | figure)
    awk "BEGIN { exit !($wanted == $shown) }" || { echo "FAIL $name: dropout shows an accuracy of $shown, eval of $wanted"; exit 1; }
done

# A class that no row has is told.
awk -F, 'BEGIN { OFS = "," } { print $1, $2, 2 * ($1 > 0.3) }' shares.csv >gaps.csv
./shares train --plain --no-report --epochs 1 --data gaps.csv --out gaps 2>&1 | grep -q 'note: 1 of 3 classes has no training sample, which is 1$' || {
    echo "FAIL a class without samples is not told"
    exit 1
}
