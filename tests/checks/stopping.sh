#!/bin/sh
# stopping.sh NETC - stopping rules, plateaus and growing batches in whole runs: when they strike, what is said and logged, and that a run
# which is over stays over. One full-batch step an epoch with clip = sign moves every weight by lr, so its changes are known.
set -eu
netc=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

# run NAME SETTINGS: trains on the spiral; what it says goes to NAME.err.
run() {
    cat >"$1.net" <<END
network $1 {
    input(2)
    hidden: dense(8) -> tanh
    out: dense(3)
}
data { source = spiral(points=40)  validation = 25% }
train {
    epochs = 40
    $2
}
END
    "$netc" build "$1.net" -o "$1"
    "./$1" train --plain --out "$1.run" >"$1.out" 2>"$1.err" || { cat "$1.err"; exit 1; }
}

# says FILE TEXT, lines FILE N
says() {
    grep -qF -- "$2" "$1" || { echo "FAIL $1 does not say '$2':"; tail -n 5 "$1"; failed=1; }
}
lines() {
    n=$(wc -l <"$1")
    [ "$n" -eq "$2" ] || { echo "FAIL $1 has $n lines, not $2"; failed=1; }
}

run weights 'batch = all
    optimizer = sgd(lr=1e-4)
    clip = sign
    early_stop = weight_change(window=5, rho=6e-4, then=2)'
says weights.err 'no weight changed by more than 0.0005 over 5 epochs, less than 0.0006: 2 more epochs at lr 1e-05'
says weights.err 'stopped early: no weight changed by more than 0.0005'
lines weights.run/log.jsonl 7
says weights.run/log.jsonl '"epoch":5,"step":5,'
says weights.run/log.jsonl '"note":"no weight changed by more than 0.0005 over 5 epochs, less than 0.0006: 2 more epochs at lr 1e-05"}'
./weights train --plain --out weights.run --resume >again.out 2>again.err
lines weights.run/log.jsonl 7
says again.err 'stopped early: no weight changed by more than 0.0005'
cmp weights.out again.out
# Stopped while the last epochs are run at the lower rate, then resumed.
./weights train --plain --out parts --epochs 6 >/dev/null 2>&1
./weights train --plain --out parts --epochs 40 --resume >/dev/null 2>&1
cmp weights.run/last.safetensors parts/last.safetensors
lines parts/log.jsonl 7

# 0.0005 is below 1e-3 of the norm of the weights, which is 2.6; not below a tenth of that.
run share 'batch = all
    optimizer = sgd(lr=1e-4)
    clip = sign
    early_stop = [weight_change(window=5, rho=1e-3, relative=yes), gradient_norm(1e-9)]'
lines share.run/log.jsonl 5

# A rate that is far too large: the loss gets no better, and the rate falls until it does.
run plateau 'batch = grow(10, 45, every=2)
    optimizer = sgd(lr=20)
    schedule = plateau(1, factor=0.5)
    early_stop = [patience(30), gradient_norm(1e9, then=12, factor=1)]'
says plateau.err 'plateau: lr 20 -> 10'
says plateau.run/log.jsonl '"note":"plateau: lr 20 -> 10"'
says plateau.err 'below 1e+09: 12 more epochs at lr 20'
says plateau.err "best epoch"
says plateau.run/log.jsonl "\"batch\":20,"
lines plateau.run/log.jsonl 13
# 90 samples by 10 for two epochs, by 20 for two, by 40 for two, then by 45
for place in 2:18 4:28 6:34 13:48; do
    says plateau.run/log.jsonl "\"epoch\":${place%:*},\"step\":${place#*:},"
done
exit $failed
