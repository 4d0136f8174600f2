#!/bin/sh
# roofline.sh NETC [--bless] - `netc explain --roofline`: stored tables, figures worked out by hand, a measurement of a real trainer. With
# --bless, or BLESS=1, the stored tables are made anew.
netc=$(realpath "$1")
bless=${2:-${BLESS:+--bless}}
cd "$(dirname "$0")" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "FAIL $1"
    failed=1
}

golden() {
    if [ "$bless" = --bless ]; then
        cp "$work/out" "golden/$1"
    elif ! diff "golden/$1" "$work/out" >"$work/difference"; then
        head -n 40 "$work/difference"
        fail "$1: after a change of what the compiler chooses, roofline.sh NETC --bless"
    fi
}

# roofline MODEL MACHINE ARGUMENT ...
roofline() {
    model=$1 machine=$2
    shift 2
    "$netc" explain "$model" --roofline --target avx2 --machine "$machine" "$@" || fail "explain --roofline $model $*"
}

lenet5=../../examples/lenet5.net
epyc=peak=118.2,bandwidth=21.3,1M=99.6,16M=61.8
roofline $lenet5 $epyc --batch 64 >"$work/out"
golden lenet5.roofline.txt
roofline roofline.net $epyc --format json >"$work/out"
golden roofline.json

${CC:-cc} -std=c11 -Wall -Wextra -Werror -o "$work/check" check_roofline.c -ljansson -lm || exit 2
measured=$work/measured.json
roofline $lenet5 $epyc --batch 64 --format json | "$work/check" --as-measured >"$measured" || fail "a measurement"
"$netc" explain $lenet5 --roofline --measured "$measured" >"$work/out" || fail "explain --measured"
golden lenet5.measured.txt
"$netc" explain $lenet5 --roofline --measured "$measured" --format json >"$work/out" || fail "explain --measured as json"
"$work/check" <"$work/out" || fail "the measured report does not add up"
for model in lenet5 resnet20_cifar alexnet googlenet spiral; do
    roofline ../../examples/$model.net $epyc --format json | "$work/check" || fail "$model does not add up"
done

# Products: 64 samples of c5, whose 400 products fill its lanes; of c3 to the input, 10x10 pixels of 16 channels by 25 taps of
# 8 lanes (6 are needed), and as many weights are turned once. Of the 10 outputs 6 lanes more are computed.
roofline $lenet5 $epyc --batch 64 --format json |
    "$work/check" training/c5/to\ weights/direct_flops=6144000 training/c5/to\ weights/executed_flops=6144000 \
        training/c3/to\ input/direct_flops=$((64 * 2 * 10 * 10 * 25 * 6 * 16)) \
        training/c3/to\ input/executed_flops=$((2 * (64 * 10 * 10 * 8 * 25 * 16 + 25 * 16 * 8))) \
        training/c3/to\ input/needed_flops=$((64 * 2 * 10 * 10 * 25 * 6 * 16)) \
        inference/out/forward/executed_flops=$((64 * 2 * (84 * 16 + 16))) || fail "products of lenet5"

# Winograd F(4x4, 3x3): 16 tiles of 36 products for each pair of channels, 12 transforms of lines with 12 operations for each channel in,
# 10 for each channel out; 9 of 11 operations for each weight pair.
cat >"$work/tiles.net" <<'END'
network tiles {
    input(16x16x32)
    c: conv(32, 3x3, pad=1, bias=no)
    out: dense(10, bias=no)
}
train { loss = cross_entropy optimizer = sgd(lr=0.1) batch = 64 }
END
roofline "$work/tiles.net" $epyc --format json |
    "$work/check" training/c/forward/direct_flops=$((64 * 2 * 256 * 9 * 32 * 32)) \
        training/c/forward/executed_flops=$((2 * (64 * 16 * (36 * 32 * 32 + (144 + 120) * 32) + 99 * 32 * 32))) ||
    fail "operations of Winograd's filtering"

# Bytes of one sample at inference with a cache of 8 KiB: the input comes from memory (8192), stays until it is read, and so does the
# volume; weights were used a whole pass ago (256 and 131072), and nobody reads the output (64) until then.
cat >"$work/chain.net" <<'END'
network chain {
    input(16x16x8)
    c: conv(8, 1x1, bias=no)
    out: dense(10, bias=no)
}
train { loss = cross_entropy optimizer = sgd(lr=0.1) }
END
moved=$((8192 + 8192 + 8192 + 256 + 8192 + 8192 + 131072 + 64))
roofline "$work/chain.net" peak=1000,bandwidth=10,8K=100 --batch 1 --format json |
    "$work/check" inference/all/bytes=$moved inference/all/memory_bytes=$((8192 + 256 + 131072 + 64)) \
        inference/c/forward/memory_bytes=256 || fail "bytes from memory"
roofline "$work/chain.net" peak=1000,bandwidth=10 --batch 1 --format json |
    "$work/check" inference/all/memory_bytes=$moved training/out/update/memory_bytes=0 2>&1 | grep -q 'training out' || fail "a step that is not there is found"
roofline "$work/chain.net" peak=1000,bandwidth=10,1G=100 --batch 1 --format json |
    "$work/check" inference/all/memory_bytes=0 training/all/memory_bytes=0 || fail "all is kept by a large cache"

# A trainer's own measurement, and this machine's own figures.
export NETC_CFLAGS=-O0
"$netc" build ../checks/volume.net -o "$work/volume" || fail "build"
"$work/volume" bench --per-layer --batch 4 --threads 1 --steps 3 --format json >"$work/steps.json" || fail "bench"
"$netc" explain ../checks/volume.net --roofline --measured "$work/steps.json" --format json >"$work/out" || fail "measured"
"$work/check" <"$work/out" || fail "what was measured does not add up"
[ "$(grep -c measured_ms "$work/out")" -gt 40 ] || fail "times are missing"
"$work/volume" bench --per-layer --only training --batch 4 --threads 1 --steps 3 --format json >"$work/only.json" || fail "bench --only"
"$netc" explain ../checks/volume.net --roofline --measured "$work/only.json" >"$work/out" || fail "measured in part"
[ "$(grep -c 'ms/roof' "$work/out")" -ge 4 ] && sed -n '/^INFERENCE/,$p' "$work/out" | grep -q 'ms/roof' && fail "times of nothing"
"$netc" explain ../checks/volume.net --roofline >"$work/out" || fail "measuring the machine"
grep -q '^machine peak=[0-9.]*[1-9][0-9.]*,bandwidth=[0-9.]*[1-9]' "$work/out" || fail "the machine's figures"

# refuses STATUS WORDS ARGUMENT ...: the command ends so and says so.
refuses() {
    status=$1 words=$2
    shift 2
    "$netc" explain "$@" >/dev/null 2>"$work/err"
    got=$?
    [ $got -eq "$status" ] && grep -q "$words" "$work/err" || fail "explain $*: status $got, $(cat "$work/err")"
}

refuses 1 'is of another\|network lenet5' ../../examples/spiral.net --roofline --measured "$measured"
sed 's/direct, tile/direct, no tile/' "$measured" >"$work/other.json"
refuses 1 'its steps are not those of this model' $lenet5 --roofline --measured "$work/other.json"
head -c 700 "$measured" >"$work/cut.json"
refuses 1 'cut.json:[0-9]*:[0-9]*: ' $lenet5 --roofline --measured "$work/cut.json"
echo '{"network":"lenet5"}' >"$work/empty.json"
refuses 1 'target or machine is missing' $lenet5 --roofline --measured "$work/empty.json"
refuses 1 'cannot read' $lenet5 --roofline --measured "$work/none.json"
refuses 2 'bandwidth is missing' $lenet5 --roofline --machine peak=100
refuses 2 "'fast' is not NAME=NUMBER" $lenet5 --roofline --machine fast
refuses 2 "'2X' is neither" $lenet5 --roofline --machine peak=100,bandwidth=10,2X=4
refuses 2 'text or json' $lenet5 --roofline --format yaml
refuses 2 'with --roofline only' $lenet5 --format json
refuses 2 'leave out --batch' $lenet5 --roofline --measured "$measured" --batch 3

[ $failed -eq 0 ] && echo "roofline: tables, hand-made figures and measurements agree"
exit $failed
