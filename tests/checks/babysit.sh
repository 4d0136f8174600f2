#!/bin/sh
# babysit.sh NETC - the commands that look at a training: stats, lr-range, sanity, adversarial. Their figures are compared with PyTorch's
# (babysit/make_golden.py) and with closed forms, and each is seen to find what is wrong.
set -eu
netc=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp -r "$here/babysit/arrays" "$here/babysit/weights.safetensors" "$here/babysit/small.net" .
expected=$here/babysit/expected.txt
"$netc" build small.net -o small

fail() {
    echo "FAIL $*"
    exit 1
}

# values FILE: JSON with an object a line, as lines "object name value"; the object is its first member's value.
values() {
    tr -d '{}[]"' <"$1" | awk -F '[,:]' '{ of = $2; for (i = 3; i < NF; i++) if ($(i + 1) != "") print of, $i, $(i + 1) }'
}
# compare FILE PREFIX TOLERANCE: every expected line whose object begins so is in FILE, and its value is near.
compare() {
    grep -E "^($2)" "$expected" >wanted || fail "nothing expected of $2"
    awk -v tolerance="$3" 'NR == FNR { have[$1 " " $2] = $3; next }
        { n++; key = $1 " " $2; d = have[key] - $3; size = $3 < 0 ? -$3 : $3
          if (!(key in have)) { print "missing: " key; bad++ }
          else if (have[key] == "null" || d > tolerance * size + 1e-6 || d < -tolerance * size - 1e-6) { print key ": " have[key] ", not " $3; bad++ } }
        END { exit bad > 0 || n == 0 }' "$1" wanted || fail "$2"
}
# says FILE TEXT
says() {
    grep -q -- "$2" "$1" || { cat "$1"; fail "'$2' is not said"; }
}

# ---- stats ----
./small stats --weights weights.safetensors --format json >stats.json
values stats.json >have
compare have 'input|c|p|h|out' 2e-5
compare have '.*\.(weight|bias) ' 2e-5
# the layers' figures do not depend on batches and threads
./small stats --weights weights.safetensors --batch 16 --threads 3 --format json >other.json
values other.json >have
compare have '(input|c|p|h|out) ' 2e-5
./small stats --weights weights.safetensors --lr 5 >stats.txt
says stats.txt '^  c  *conv + relu .* 25\.0% '
says stats.txt 'look at h.weight: a step changes it by .*: the rate may be too high'
./small stats --weights weights.safetensors --random 50 --steps 3 >stats.txt
says stats.txt '50 random samples'

# A network whose units are dead or saturated, or whose signal gets lost, is told apart.
cat >sick.net <<'NET'
network sick {
    input(10)
    full: dense(8, init=normal(100)) -> tanh
    some: dense(8) -> relu
    dead: dense(8, init=constant(-1), bias=no) -> relu
    out: dense(3)
}
init { bias = 0 }
train { loss = cross_entropy  optimizer = sgd(lr=0.1) }
NET
"$netc" build sick.net -o sick
./sick stats --random 100 >stats.txt
says stats.txt 'look at full: [89].% of its values are saturated'
says stats.txt 'look at dead: 8 of its 8 units gave 0 for every sample'
says stats.txt "look at init: of the input's spread 0.0e+00 is left at out"
says stats.txt 'look at full.weight: no gradient reaches it'
! grep -q "look at some:" stats.txt || { cat stats.txt; fail "some is found fault with"; }

# ---- lr-range ----
./small lr-range --weights weights.safetensors --from 1e-3 --to 3 --steps 30 --format json --picture curve.svg >range.json
awk '/^"loss"/ { gsub(/"loss":\[|\],?/, ""); n = split($0, loss, ","); for (i = 1; i <= n; i++) print "range loss" i - 1 " " loss[i] + 0 }' range.json >have
compare have 'range loss(.|1.) ' 1e-4
says curve.svg '<svg'

# One weight w, from 2, input 1, target 0: the loss is w^2/2, and a step makes of w (1 - lr) w. All of it is known.
printf 'x,y\n1,0\n1,0\n1,0\n1,0\n1,0\n' >line.csv
cat >line.net <<'NET'
network line {
    input(1)
    w: dense(1, bias=no)
}
init { weight = constant(2) }
data { source = csv("line.csv", label=y)  normalize = none }
train { loss = mse  optimizer = sgd(lr=0.1)  batch = all  epochs = 1 }
NET
"$netc" build line.net -o line
./line lr-range --from 0.01 --to 100 --steps 50 --format json >range.json
awk 'function near(a, b) { return a - b < 1e-4 * b + 1e-12 && b - a < 1e-4 * b + 1e-12 }
    /^"loss"/ { gsub(/"loss":\[|\],?/, ""); n = split($0, loss, ",") }
    /^"smoothed"/ { gsub(/"smoothed":\[|\]\}?/, ""); split($0, smoothed, ",") }
    /"diverged":true/ { diverged = 1 }
    match($0, /"lowest":[0-9.e+-]*/) { lowest = substr($0, RSTART + 9, RLENGTH - 9) }
    match($0, /"steepest":[0-9.e+-]*/) { steepest = substr($0, RSTART + 11, RLENGTH - 11) }
    match($0, /"suggested":[0-9.e+-]*/) { suggested = substr($0, RSTART + 12, RLENGTH - 12) }
    END { w = 2; best = 1e300
        for (i = 1; i <= n; i++) {
            lr = 0.01 * 10000 ^ ((i - 1) / 49); sum = 0.9 * sum + 0.1 * w * w / 2; s = sum / (1 - 0.9 ^ i)
            if (!near(loss[i] + 0, w * w / 2) || !near(smoothed[i] + 0, s)) { print "step " i ": " loss[i] ", " w * w / 2; exit 1 }
            rate[i] = lr; curve[i] = s
            if (s < best) { best = s; at = lr; last = i }
            w *= 1 - lr
            if (i < n && s > 4 * best) { print "went on behind " i; exit 1 } }
        for (i = last; i > 0; i--) { back = 0.9 * back + 0.1 * curve[i]; both[i] = back / (1 - 0.9 ^ (last - i + 1)) }
        margin = int((last - 1) / 4) < 10 ? int((last - 1) / 4) : 10
        for (i = 2 + margin; i <= last - margin; i++)
            if (both[i - 1] - both[i] > fall) { fall = both[i - 1] - both[i]; steep = rate[i] }
        if (!near(steepest + 0, steep)) { print "steepest at " steepest ", not " steep; exit 1 }
        if (!diverged || s <= 4 * best || !near(lowest + 0, at) || !near(suggested + 0, at / 10)) { print diverged, n, s, best, lowest, at, suggested; exit 1 } }' range.json ||
    fail "lr-range of one weight"
# Samples without an input, of losses from 0 to 4, are noise of the batches: it moves the largest step of the smoothed loss about, but not
# what is said to be steepest.
awk 'BEGIN { print "x,y"; for (i = 0; i < 400; i++) { seed = (seed * 16807 + 7) % 2147483647; print i % 2 "," (i % 2 ? 0 : seed % 2829 / 1000) } }' >noisy.csv
sed 's/network line/network noisy/; s/line.csv/noisy.csv/; s/batch = all/batch = 40/' line.net >noisy.net
"$netc" build noisy.net -o noisy
for seed in 1 2 3 4 5 6 7 8; do
    ./noisy lr-range --from 1e-4 --to 10 --steps 200 --seed $seed --threads 1 --format json
done | awk '/^"lr"/ { gsub(/"lr":\[|\],?/, ""); n = split($0, lr, ",") }
    /^"smoothed"/ { gsub(/"smoothed":\[|\]\}?/, ""); split($0, s, ","); fall = 0
        for (i = 2; i <= n; i++) if (lr[i] <= lowest && s[i - 1] - s[i] > fall) { fall = s[i - 1] - s[i]; raw = lr[i] }
        if (!raw_least || raw < raw_least) raw_least = raw + 0
        if (raw > raw_most) raw_most = raw + 0 }
    match($0, /"lowest":[0-9.e+-]*/) { lowest = substr($0, RSTART + 9, RLENGTH - 9) + 0 }
    match($0, /"steepest":[0-9.e+-]*/) { at = substr($0, RSTART + 11, RLENGTH - 11) + 0
        if (!least || at < least) least = at
        if (at > most) most = at }
    END { print "steepest from " least " to " most "; by single steps from " raw_least " to " raw_most
        exit !(most < 3 * least && raw_most > 6 * raw_least) }' || fail "the steepest rate is noise"
./line lr-range --from 1e-9 --to 1e-8 >range.txt
says range.txt 'The loss falls nowhere'
! ./line lr-range --from 1 --to 0.1 2>log || fail "a range that falls"
says log 'the rates grow'

# ---- sanity: the two-layer network of CS231n's lecture 5, with the lecture's figures ----
two_layer() {
    cat >"$1.net" <<NET
network $1 {
    input(32x32x3)
    hidden: dense(50) -> relu
    out: dense(10)
}
init { weight = $2  bias = 0 }
train { loss = cross_entropy  optimizer = sgd(lr=$3, momentum=0.9, weight_decay=$4)  batch = 100  epochs = 1 }
NET
    "$netc" build "$1.net" -o "$1"
}
two_layer deck 'normal(0.0001)' 0.001 0
./deck sanity --random 200 >sane.txt || { cat sane.txt; fail "the lecture's network is sane"; }
says sane.txt '^pass  first loss  *2\.302[0-9]; .* 2\.3026 (ln 10)'
says sane.txt '^pass  gradients '
says sane.txt '^-     penalty '
says sane.txt '^pass  by heart  *20 samples'
# The lecture's regularisation of 1e3 gives it 3.0686: 2.3026 + 500 * (3072 * 50 + 50 * 10) * 1e-8 = 3.0731. A tenth of it: 2.3797.
two_layer regular 'normal(0.0001)' 0.000001 100
./regular sanity --random 200 --lr 0.001 --format json >sane.json || { cat sane.json; fail "with a penalty"; }
awk '/"penalty","pass":true/ { sub(/.* to /, ""); sub(/,.*/, ""); found = 1; good = $0 > 2.3787 && $0 < 2.3807 } END { exit !(found && good) }' sane.json ||
    { cat sane.json; fail "the penalty raises the loss to 2.38"; }
two_layer large 'normal(1)' 0.001 0
! ./large sanity --random 200 --epochs 3 >sane.txt || fail "large weights pass"
says sane.txt '^FAIL  first loss '
two_layer same 'constant(0)' 0.001 0
! ./same sanity --random 200 --epochs 20 >sane.txt || fail "weights of 0 pass"
says sane.txt '^FAIL  gradients  *3 of 4 parameters get none'
two_layer fast 'normal(0.0001)' 1000000 0
! ./fast sanity --random 200 >sane.txt || fail "a rate of 1e6 passes"
says sane.txt '^FAIL  by heart '

# ---- adversarial ----
./small adversarial --weights weights.safetensors --eps 0.02,0.1,0.25 --format json --picture adversarial.html >adversarial.json
grep eps adversarial.json | sed '1s/.*\[//' | tr -d '{}[]"' | awk -F '[,:]' '$1 == "eps" { print "eps" $2, $3, $4; print "eps" $2, $5, $6 }' >have
compare have 'eps' 1e-4
says adversarial.html '<svg'
says adversarial.html 'data:image/png'
! ./line adversarial --weights weights.safetensors 2>log || fail "an attack on what has no classes"
! ./small adversarial --weights weights.safetensors --eps 0.1,x 2>log || fail "eps x"
says log 'numbers above 0'
echo "stats, lr-range and adversarial agree with PyTorch and closed forms, sanity finds what is wrong"
