#!/bin/sh
# memory.sh NETC - what a built trainer allocates is what the report plans, to the byte.
netc=$(realpath "$1")
cd "$(dirname "$0")/../../examples" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0

# bytes FILE KEY: the number behind a key of the memory object; 0 where it is not there
bytes() {
    sed -n 's/.*"memory": *{\(.*\)}.*/\1/p' "$1" | tr ',' '\n' | sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p"
}

for model in lenet5 spiral resnet20_cifar; do
    "$netc" build $model.net -o "$work/trainer" 2>"$work/log" || { cat "$work/log"; exit 1; }
    for batch in 1 3; do
        "$netc" report $model.net --batch $batch --format json >"$work/plan"
        "$work/trainer" info --batch $batch --format json >"$work/made" || failed=1
        for key in training inference parameters gradients optimizer; do
            plan=$(bytes "$work/plan" $key) made=$(bytes "$work/made" $key)
            if [ -z "$plan" ] || [ "$plan" != "$made" ]; then
                echo "FAIL $model, batch $batch: $key is planned as $plan and made as $made bytes"
                failed=1
            fi
        done
        arena=$(($(bytes "$work/plan" activations) + $(bytes "$work/plan" workspace)))
        [ $arena = "$(bytes "$work/made" arena)" ] || { echo "FAIL $model, batch $batch: arena"; failed=1; }
    done
done
[ $failed -eq 0 ] && echo "memory: planned is allocated"
[ $failed -eq 0 ]
