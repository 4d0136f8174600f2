#!/bin/sh
# training.sh NETC - three small models, with all that is random or keeps state: the same weights for any number of threads, and for a run
# that was interrupted and resumed as for one that was not; gradients agree with differences; samples are learnt by heart.
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

# Images whose colour tells the class, with some noise; POSIX awk: octal escapes for printf to make bytes of.
images() {
    awk -v n="$1" 'BEGIN { s = 7; for (i = 0; i < n; i++) for (p = 0; p < 192; p++) {
        s = (s * 16807) % 2147483647; v = s % 90 + (p % 3 == i % 4) * 120; printf "\\%03o", v } }'
}
labels() {
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "\\%03o", i % 4 }'
}
mkdir "$work/data"
for part in train:200 test:48; do
    n=${part#*:}
    printf "$(images "$n")" | npy "$work/data/x_${part%:*}.npy" "$n, 8, 8, 3"
    printf "$(labels "$n")" | npy "$work/data/y_${part%:*}.npy" "$n,"
done

# train OUT ARGUMENTS ...
train() {
    out=$work/$model.$1
    shift
    "$work/$model" train --plain $data --epochs $epochs --out "$out" "$@" >>"$work/log" 2>&1
}

epochs_logged() {
    cat "$work/$model.parts/log.jsonl" 2>/dev/null | wc -l
}

for model in volume points course; do
    if [ $model = volume ]; then
        data="--data $work/data" epochs=8
    else
        data="" epochs=60
    fi
    : >"$work/log"
    "$netc" build $model.net -o "$work/$model" || exit 1
    train one --threads 1 && train two --threads 2 && train three --threads 3 || fail "$model: training"
    for other in two three; do
        cmp "$work/$model.one/last.safetensors" "$work/$model.$other/last.safetensors" || fail "$model: $other threads, other weights"
        cmp "$work/$model.one/best.safetensors" "$work/$model.$other/best.safetensors" || fail "$model: $other threads, other best weights"
    done
    train seed --seed 5 || fail "$model: training with a seed"
    ! cmp -s "$work/$model.one/last.safetensors" "$work/$model.seed/last.safetensors" || fail "$model: the seed changes nothing"

    # Interrupted three times after another epoch or more, then to the end.
    resume=
    for round in 1 2 3; do
        before=$(epochs_logged)
        "$work/$model" train --plain $data --epochs $epochs --out "$work/$model.parts" $resume >>"$work/log" 2>&1 &
        run=$!
        while kill -0 $run 2>/dev/null && [ "$(epochs_logged)" -le "$before" ]; do
            sleep 0.005
        done
        kill -INT $run 2>/dev/null || [ "$round" -gt 1 ] || fail "$model: was done before it could be interrupted"
        wait $run || true
        resume=--resume
    done
    train parts --resume || fail "$model: resuming"
    cmp "$work/$model.one/last.safetensors" "$work/$model.parts/last.safetensors" || fail "$model: resumed, other weights"

    "$work/$model" gradcheck >>"$work/log" 2>&1 || fail "$model: gradcheck"
    "$work/$model" overfit 12 $data >>"$work/log" 2>&1 || fail "$model: overfit"
    if [ $model = volume ]; then
        "$work/$model" eval --weights "$work/$model.one/best.safetensors" $data --format json >"$work/eval" 2>>"$work/log" ||
            fail "$model: eval"
        "$work/$model" samples $data --out "$work/sheet.png" --rows 3 --columns 4 >"$work/sheet" 2>>"$work/log" ||
            fail "$model: samples"
        [ "$(wc -l <"$work/sheet")" = 4 ] && [ "$(head -c 4 "$work/sheet.png" | tail -c 3)" = PNG ] ||
            fail "$model: samples says $(cat "$work/sheet")"
        grep -q '"samples": *48' "$work/eval" || fail "$model: eval says $(cat "$work/eval")"
        # Data that is missing or broken: the run that was to be replaced is still there, and nothing was said of replacing it.
        mkdir "$work/broken" && cp "$work/data/"* "$work/broken" && printf 'no array' >"$work/broken/y_train.npy"
        cp -r "$work/$model.one" "$work/kept"
        for place in missing broken; do
            ! "$work/$model" train --plain --data "$work/$place" --out "$work/$model.one" 2>"$work/said" || fail "$model: trained on $place data"
            ! grep -q replacing "$work/said" || fail "$model: with $place data it says $(cat "$work/said")"
            diff -r "$work/kept" "$work/$model.one" || fail "$model: $place data changed the earlier run"
        done
    fi
    [ $failed -eq 0 ] || tail -n 30 "$work/log"
done
exit $failed
