#!/bin/sh
# search.sh NETC - hyper-parameter search: draws are a function of the seed and lie in their ranges, evenly on their scale; hopeless runs
# end early; the best is found, kept, and repeated to the bit by the command that is printed; later stages look closer; a search that
# was killed goes on as if it had not been; and what cannot be searched is said.
set -eu
netc=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

fail() {
    echo "FAIL $*"
    failed=1
}

# model NAME OPTIMIZER DATA
model() {
    cat >"$1.net" <<END
network toy {
    input(2)
    hidden: dense(20) -> relu
    out: dense(3)
}
data {
    source = spiral(points=100, noise=0.2)
    $3
}
train {
    optimizer = $2
    batch = 32
    epochs = 40
}
END
    "$netc" build "$1.net" -o "$1"
}
model toy 'sgd(lr=log(1e-6, 1e3), momentum=choice(0.5, 0.9), weight_decay=uniform(0, 0.001))' 'validation = 25%'

# ---- the same draws for the same seed, for any number of threads, and others for another ----
search() { # DIR ARGUMENTS ...
    dir=$1
    shift
    ./toy search --plain --out "$dir" "$@" >"$dir.out" 2>"$dir.err" || { cat "$dir.err"; fail "search in $dir"; }
}
values() { sed 's/,"seconds":.*//' "$1/search.jsonl"; }
search one --trials 12 --threads 1
search two --trials 12 --threads 2
search other --trials 12 --seed 7
values one >one.values
values two >two.values
cmp one.values two.values || fail "other results with two threads"
values other | cmp -s - one.values && fail "another seed draws the same"
cmp one/search.svg two/search.svg
grep -q '<svg' one/search.svg || fail "no picture"
cmp one/best.safetensors two/best.safetensors

# ---- the draws: inside, and spread over the logarithms (of 200, 9 decades, 22 a decade; a uniform law puts 180 in the last) ----
search many --trials 200 --stages 1 --epochs 1
sed -n 's/.*"lr":\([^,]*\),"momentum":\([^,]*\),"weight_decay":\([^,]*\),.*/\1 \2 \3/p' many/search.jsonl | awk '
    { n++
      if ($1 < 1e-6 || $1 > 1e3 || ($2 != 0.5 && $2 != 0.9) || $3 < 0 || $3 > 0.001) { print "outside: " $0; exit bad = 1 }
      decade[int(log($1) / log(10) + 6)]++; low += $2 == 0.5; sum += $3; squares += $3 * $3 }
    END {
        if (bad || n != 200) { print n " draws"; exit 1 }
        for (k = 0; k < 9; k++) if (decade[k] < 8 || decade[k] > 40) { print "decade " k ": " decade[k]; exit 1 }
        if (low < 70 || low > 130) { print "momentum 0.5: " low; exit 1 }
        sd = sqrt(squares / n - (sum / n) ^ 2) # of a uniform law 1e-3 / sqrt(12) = 2.89e-4
        if (sum / n < 4.3e-4 || sum / n > 5.7e-4 || sd < 2.5e-4 || sd > 3.3e-4) { print "weight_decay: " sum / n " " sd; exit 1 } }' ||
    fail "the draws"
given_up=$(grep -c '"end":"loss too high"\|"end":"not finite"' many/search.jsonl || true)
[ "$given_up" -gt 20 ] || fail "only $given_up of 200 given up, with rates up to 1000"
grep -q '"end":"loss too high".*"epochs":0,' many/search.jsonl || fail "hopeless trials are not ended within the epoch"

# ---- a rate that learns is found, and the second stage looks closer ----
awk -F'[:,]' '/"stage":1/ && $6 + 0 > 0 { if (!a++ || $6 < lo) lo = $6; if ($6 > hi) hi = $6 }
    /"stage":2/ { if (!b++ || $6 < low) low = $6; if ($6 > high) high = $6 }
    END { if (a != 12 || b != 12 || log(high / low) > 0.7 * log(hi / lo)) { print lo, hi, low, high; exit 1 } }' one/search.jsonl ||
    fail "the second stage is as wide as the first"
sed -n '2s/ *1 *\([0-9.]*\)%.*/\1/p' one.out | awk '$1 < 80 { print "the best has " $1 "%"; exit 1 } END { if (NR != 1) exit 1 }' ||
    fail "no good rate found"
awk '/%/ && NF >= 8 { if (seen++ && $2 + 0 > last) exit 1; last = $2 + 0 } END { if (seen < 10) exit 1 }' one.out || fail "the table is not sorted"

# ---- the command that is printed repeats the best run ----
again=$(sed -n 's/^again *//p' one.out)
# shellcheck disable=SC2086 # the words of a command
$again --plain --out again >again.out 2>again.err
cmp one/best.safetensors again/best.safetensors || fail "'$again' gives other weights"
grep -qF "$again" one/best.json || fail "best.json does not hold the command"
./toy train --plain --out middle --epochs 1 >middle.out 2>middle.err
grep -q 'note: lr 0.03162, momentum 0.9, weight_decay 0.0005: the middles of ranges; `.* search` looks for better ones' middle.err ||
    { cat middle.err; fail "train does not say what it takes of the ranges"; }

# ---- killed and resumed: the log without its end, and with half a line ----
cp -r one killed
head -n 9 one/search.jsonl >killed/search.jsonl
printf '{"trial":9,"sta' >>killed/search.jsonl
search killed --trials 12 --resume
values killed | cmp - one.values || fail "the resumed search differs"
cmp one/best.safetensors killed/best.safetensors || fail "the resumed search has another best"
sed 's/  *[0-9:]*$//' one.out | sed 's/one/DIR/g' >one.table
sed 's/  *[0-9:]*$//' killed.out | sed 's/killed/DIR/g' | cmp - one.table || fail "the resumed search prints another table"
./toy search --plain --out killed --trials 5 --resume >refused.out 2>refused.err && fail "resumed with other options"
grep -q 'not the log of this very search' refused.err || fail "refused.err: $(cat refused.err)"

# ---- settings on the command line ----
./toy train --plain --out x --momentum 1 >x.out 2>x.err && fail "--momentum 1"
grep -q 'must be less than 1' x.err || fail "x.err: $(cat x.err)"
./toy train --plain --out x --l1 0.1 >x.out 2>x.err && fail "--l1 without an l1"
grep -q "the model's optimizer has no l1; write l1=... there first" x.err || fail "x.err: $(cat x.err)"

# --weight-decay 0 is the model without, to the bit; and a resumed run keeps what it was given
model with 'sgd(lr=0.1, momentum=0.9, weight_decay=0.01, l1=0.001)' ''
model without 'sgd(lr=0.1, momentum=0.9)' ''
./with train --plain --epochs 4 --weight-decay 0 --l1 0 --out with.run >x.out 2>x.err
./without train --plain --epochs 4 --out without.run >x.out 2>x.err
cmp with.run/last.safetensors without.run/last.safetensors && : || fail "--weight-decay 0 --l1 0 differ from none"
./with train --plain --epochs 2 --weight-decay 0 --l1 0 --out parts.run >x.out 2>x.err
./with train --plain --epochs 4 --resume --out parts.run >x.out 2>x.err
cmp parts.run/last.safetensors with.run/last.safetensors || fail "a resumed run forgets --weight-decay"

# ---- what cannot be searched ----
./without search --plain >x.out 2>x.err && fail "a search without ranges"
grep -q 'the model has no ranges to search' x.err || fail "x.err: $(cat x.err)"
model bare 'sgd(lr=log(1e-3, 1))' ''
./bare search --plain >x.out 2>x.err && fail "a search without a validation part"
grep -q 'write validation = 10% under data' x.err || fail "x.err: $(cat x.err)"
model high 'sgd(lr=log(1e5, 1e6))' 'validation = 25%'
./high search --plain --trials 3 >x.out 2>x.err && fail "nothing but hopeless trials"
grep -q 'no trial of stage 1 came to an end' x.err || fail "x.err: $(cat x.err)"

[ "$failed" -eq 0 ] || exit 1
echo "draws, stages, the best and its repetition, resuming, refusals"
