#!/bin/sh
# folds.sh NETC - cross-validation: a run for each fold, in a folder of its own; the summary is the mean and the standard deviation of
# what the folds' logs say; one fold alone is the same run; and a road's buffer is the same after a resume.
set -eu
netc=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive
cd "$work"
fail() {
    echo "FAIL $*"
    cat log
    exit 1
}

cat >folds.net <<'END'
network folds {
    input(2)
    dense(20) -> relu
    out: dense(3)
}

data {
    source = spiral
    validation = k_fold(4)
}

train {
    optimizer = sgd(lr=0.2, momentum=0.9)
    epochs = 12
}
END
: >log
"$netc" build folds.net -o folds
./folds train --plain --out all >said 2>log || fail "training four folds"
./folds train --plain --fold 3 --out one >/dev/null 2>>log || fail "training one fold"
cmp all/fold3/last.safetensors one/fold3/last.safetensors || fail "one fold alone is another run"
! cmp -s all/fold3/last.safetensors all/fold2/last.safetensors || fail "two folds are the same run"
for k in 1 2 3 4; do # the best epoch's loss, and the accuracy with it
    sed 's/.*"val_loss":\([^,]*\),"val_accuracy":\([^,]*\),.*/\1 \2/' all/fold$k/log.jsonl | sort -g | head -n 1
done >best
awk '{ n++; l += $1; a += $2; ll += $1 * $1; aa += $2 * $2 }
     END { printf "4 folds, each held out once:  loss %.4f +- %.4f   accuracy %.2f%% +- %.2f\n", l / n, sqrt((ll - l * l / n) / (n - 1)),
                  100 * a / n, 100 * sqrt((aa - a * a / n) / (n - 1)) }' best >expected
tail -n 1 said | cmp - expected || fail "the folds' summary is $(tail -n 1 said), not $(cat expected)"
status=0
./folds train --fold 5 2>log || status=$?
[ $status -eq 2 ] && grep -q 'there are 4 folds' log || fail "--fold 5: status $status"

cat >road.net <<'END'
network road {
    input(960)
    dense(4) -> sigmoid
    out: dense(30) -> sigmoid
}

data {
    source = road(images=60)
    hard_examples = 20%
}

train {
    loss = mse
    optimizer = sgd(lr=0.05)
    batch = 7
}
END
"$netc" build road.net -o road
./road train --plain --epochs 9 --out whole >/dev/null 2>log || fail "training on the road"
./road train --plain --epochs 4 --out parts >/dev/null 2>>log && ./road train --plain --epochs 9 --out parts --resume >/dev/null 2>>log ||
    fail "resuming on the road"
cmp whole/last.safetensors parts/last.safetensors || fail "a resumed run on the road has other weights"
echo "folds are runs of their own; a resumed road has the same pictures"
