#!/bin/sh
# budget.sh NETC - training in little memory: what the backward pass computes again has the bits of what it would have found, for every
# number of threads and through resuming; the plan is what is allocated; the table of memory against time is in order; what cannot fit is
# refused, and what is said to help does.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive # three threads on fewer cores
failed=0

fail() {
    echo "FAIL $*"
    failed=1
}

. ./npy.inc
mkdir "$work/data"
for part in train:200 test:48; do
    n=${part#*:}
    printf "$(awk -v n="$n" 'BEGIN { s = 7; for (i = 0; i < n; i++) for (p = 0; p < 192; p++) {
        s = (s * 16807) % 2147483647; printf "\\%03o", s % 90 + (p % 3 == i % 4) * 120 } }')" | npy "$work/data/x_${part%:*}.npy" "$n, 8, 8, 3"
    printf "$(awk -v n="$n" 'BEGIN { for (i = 0; i < n; i++) printf "\\%03o", i % 4 }')" | npy "$work/data/y_${part%:*}.npy" "$n,"
done

# ---- the table ----

# number KEY: the first number behind a key in what standard input gives
number() {
    sed -n "s/.*\"$1\": *\([0-9.e+-]*\).*/\1/p" | head -n 1
}
"$netc" report --pareto --format json budget.net >"$work/table"
grep '"training"' "$work/table" >"$work/plans"
awk -F'[:,}]' '{ memory = $2 + 0; time = $12 + 0 }
    NR > 1 && (memory >= last || time < before) { print "line " NR " is no better than the one above"; bad = 1 }
    { last = memory; before = time }
    END { exit bad || NR < 5 }' "$work/plans" || fail "the table of memory against time"
all=$(head -n 1 "$work/plans" | number training)
least=$(tail -n 1 "$work/plans" | number training)
middle=$(((all + least) / 2))
[ "$all" = "$("$netc" report --format json budget.net | number training)" ] || fail "the table does not begin with what is planned without a limit"
[ $((least * 10)) -lt $((all * 7)) ] || fail "at least $least of $all bytes: that is hardly less"
"$netc" report --pareto budget.net >"$work/text"
[ "$(tail -n 1 "$work/text" | grep -o '[0-9]* operators')" = "$(tail -n 1 "$work/plans" | number computed_again) operators" ] || fail "the table as text"

# ---- what is computed again ----

# in_kb BYTES: rounded up
in_kb() {
    echo "$((($1 + 999) / 1000))KB"
}
"$netc" explain --memory "$(in_kb "$least")" budget.net >"$work/explained"
for kind in conv maxpool lrn; do
    grep -q ", again: $kind" "$work/explained" || fail "no $kind is computed again: the test is not about it any more"
done
for kind in dropout noise relu bn_apply prelu; do
    grep -A3 ", again:" "$work/explained" | grep -Eq "(fused|does) .*$kind" || fail "no $kind is computed again: the test is not about it any more"
done
! grep -q ", again: bn_stats" "$work/explained" || fail "statistics would be updated twice"

# ---- planned is allocated; the same bits ----

"$netc" build budget.net -o "$work/all"
"$netc" build --memory "$(in_kb "$middle")" budget.net -o "$work/middle"
"$netc" build --memory "$(in_kb "$least")" budget.net -o "$work/least"
for name in middle least; do
    limit=$(in_kb $(($name)))
    plan=$("$netc" report --memory "$limit" --format json budget.net | number training)
    made=$("$work/$name" info --format json | number training)
    [ "$plan" = "$made" ] || fail "$name: $plan bytes are planned, and $made allocated"
    [ "$made" -le $((${limit%KB} * 1000)) ] || fail "$name: $made bytes are more than $limit"
done

# train PROGRAM OUT ARGUMENTS ...
train() {
    program=$work/$1 out=$work/$2
    shift 2
    "$program" train --plain --data "$work/data" --out "$out" "$@" >>"$work/log" 2>&1
}
same() {
    for file in last best; do
        cmp "$work/ref/$file.safetensors" "$work/$1/$file.safetensors" || fail "$1: other $file weights"
    done
}
train all ref --threads 1 || fail "training: $(tail -n 1 "$work/log")"
train least l1 --threads 1 && train least l3 --threads 3 && train middle m2 --threads 2 || fail "training: $(tail -n 1 "$work/log")"
for run in l1 l3 m2; do
    same $run
done
train least seed --seed 5 && ! cmp -s "$work/ref/last.safetensors" "$work/seed/last.safetensors" || fail "the seed changes nothing"

# An epoch with everything kept, the next with the least memory, the last in between.
train all parts --epochs 1 && train least parts --resume --epochs 2 && train middle parts --resume --epochs 3 || fail "resuming: $(tail -n 1 "$work/log")"
same parts

# A dropout whose copy draws other numbers is noticed.
"$netc" emit --memory "$(in_kb "$least")" budget.net -o "$work/emitted"
sed '/_again(int n/,/^}/s/nt_dropout(\([^,]*\), pass, /&9/' "$work/emitted/budget_backward.c" >"$work/emitted/wrong.c"
! cmp -s "$work/emitted/budget_backward.c" "$work/emitted/wrong.c" || fail "there is no dropout to change"
flags=$(sed -n 's/^CFLAGS = \(.*\)-O3\(.*\)/\1\2/p' "$work/emitted/Makefile")
(cd "$work/emitted" && ${CC:-cc} $flags -Werror -O0 -DNT_TRAIN_ONLY -o "$work/wrong" budget.c wrong.c budget_main.c \
    "$(dirname "$netc")/libnetc-runtime.a" -ljansson -lpng -ljpeg -lz -lm) || fail "compiling the wrong one"
train wrong other --threads 1 || fail "the wrong one does not run"
! cmp -s "$work/ref/last.safetensors" "$work/other/last.safetensors" || fail "other masks in the backward pass are not noticed"

# ---- limits ----

# refused STATUS COMMAND ...: and what it says goes to $work/said
refused() {
    want=$1 status=0
    shift
    "$@" >"$work/said" 2>&1 || status=$?
    [ $status -eq "$want" ] || fail "status $status, not $want: $*"
}
refused 3 "$work/least" train --plain --data "$work/data" --batch 37 --out "$work/no"
grep -q "batches of at most 36 samples" "$work/said" || fail "a batch that is too large: $(cat "$work/said")"
limit=$(in_kb $((least / 2)))
for command in report explain check "build -o $work/no" "emit -o $work/no"; do
    if [ "$command" = check ]; then
        sed "s/^    epochs.*/&\n    memory = $limit/" budget.net >"$work/budget.net"
        refused 1 "$netc" check "$work/budget.net"
    else
        refused 1 "$netc" $command --memory "$limit" budget.net
    fi
    grep -q "takes at least" "$work/said" || fail "$command: $(cat "$work/said")"
done
sed "s/^    epochs.*/&\n    memory = $limit/" budget.net >"$work/budget.net"
"$netc" emit --kind library "$work/budget.net" -o "$work/library" || fail "a library does not train, and needs no limit"
batch=$(sed -n 's/.*a batch of \([0-9]*\) fits.*/\1/p' "$work/said")
kept=$(sed -n 's/.*, \([0-9]*\) with nothing computed again.*/\1/p' "$work/said")
size=$(sed -n 's/.*memory = \([0-9]*[KM]B\) is the least.*/\1/p' "$work/said")
[ -n "$batch" ] && [ -n "$kept" ] && [ -n "$size" ] || fail "remedies: $(cat "$work/said")"
"$netc" report --batch "$batch" --memory "$limit" budget.net >"$work/said" || fail "a batch of $batch was said to fit"
"$netc" report --batch "$kept" --memory "$limit" budget.net | grep -q "everything is kept" || fail "with batches of $kept everything was to be kept"
[ "$kept" -lt "$batch" ] || fail "batches of $kept and $batch fit: computing again saves nothing"
"$netc" report --memory "$size" budget.net >"$work/said" || fail "$size was said to be enough"
[ $failed -eq 0 ] && echo "$(tail -n 1 "$work/plans" | number computed_again) operators computed again in $least of $all bytes: the same bits"
[ $failed -eq 0 ]
