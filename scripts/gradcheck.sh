#!/bin/sh
# gradcheck.sh NETC [NAME ...] - checks the gradients of all examples, or of those named (`lenet5`, `experiments/dropout`), against
# central differences, and prints a table for docs/checks.md. Networks for large pictures are built for small ones, at full depth and width.
#
# JOBS (2) networks at a time, each on one thread, the longest first. NETC_CFLAGS (-O1): what is checked is the emitted text, and
# optimising it takes most of the time. Status 1 if a gradient disagrees or could not be checked.
set -eu
cd "$(dirname "$0")/.."

# NAME  BATCH  DIRECTIONS  SIZE  OPTIONS of gradcheck, the longest checks first; a network that is not here is checked as it is. Batches
# give batchnorm's last stage, of 1x1 pixels, more than a few values to work on. The scales before a residual sum are 0.1 instead of 1
# (Goyal et al., 2017, begin at 0): else the branches of fifty random blocks make of a last digit of float a tenth of the gradient.
# With the seeds of the two deepest no activation lies so near its kink that float sees it on the other side: one of a few million is enough
# for an error of a hundredth. AlexNet's weights begin so small that its loss hardly depends on the first layers; so do those of the two
# experiments that show just that.
settings() {
    cat <<'EOF'
resnet152  8  1  size=32  --set bn3.weight=0.1 --noise 0.02 --seed 6
resnet101  8  1  size=32  --set bn3.weight=0.1 --noise 0.02 --seed 3
resnet50   8  2  size=32  --set bn3.weight=0.1 --noise 0.02
googlenet  4  2  size=65
vgg_e      4  2  size=32
vgg_d      4  2  size=32
vgg_c      4  2  size=32
resnet34   8  2  size=32  --set bn2.weight=0.1 --noise 0.02
alexnet    4  2  size=67  --gain 3
vgg_b      4  2  size=32
vgg_a_lrn  4  2  size=32
vgg_a      4  2  size=32
resnet18   8  2  size=32  --set bn2.weight=0.1 --noise 0.02
resnet110_cifar  8  1  -  --set bn2.weight=0.1 --noise 0.02
resnet56_cifar   8  2  -  --set bn2.weight=0.1 --noise 0.02 --seed 2
resnet44_cifar   8  2  -  --set bn2.weight=0.1 --noise 0.02
resnet32_cifar   8  2  -  --set bn2.weight=0.1 --noise 0.02
vgg_cifar  4  3  -
experiments/activations_relu_small  8  3  -  --gain 4
experiments/activations_tanh_small  8  3  -  --gain 4
EOF
}

# check NAME BATCH DIRECTIONS SIZE [OPTION ...]: one row of the table into WORK/NAME.row
check() {
    name=$1 batch=$2 directions=$3 size=${4#-}
    shift 4
    settings="$size${size:+${1:+ }}$*"
    file=$WORK/$(basename "$name") # the experiments are called otherwise than the examples
    log=$file.log
    status=failed
    start=$(date +%s)
    if "$NETC" build ${size:+-D "$size"} "examples/$name.net" -o "$file" >"$log" 2>&1; then
        built=$(date +%s)
        if "$file" gradcheck --batch "$batch" --directions "$directions" --threads 1 "$@" >"$log" 2>&1; then
            status=ok
        fi
    else
        built=$(date +%s)
    fi
    rm -f "$file"
    awk -v name="$name" -v settings="$settings" -v batch="$batch" -v status=$status -v compile=$((built - start)) -v run=$(($(date +%s) - built)) '
        / zero, by both$/ { zero++ }
        / float as near as its rounding lets it$/ { rounded++ }
        / (ok|ok, float .*|zero, by both|WRONG|WRONG in float|WRONG: .*|not checked: .*)$/ { tensors++ }
        /^largest relative error / { worst = $4; sub(/,$/, "", worst); match($0, /in float [^,]*/); float = substr($0, RSTART + 9, RLENGTH - 9) }
        / directions measured, / { measured = $1; left = $4 }
        END { printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", name, settings == "" ? "as it is" : settings, batch,
              tensors + 0, zero + 0, measured + 0, left + 0, worst, float, rounded + 0, compile " + " run, status }' "$log" >"$file.row"
    echo "$name: $status" >&2
    [ $status = ok ] || { cat "$log" >&2; return 1; }
}

if [ "${1-}" = --one ]; then
    shift
    check "$@"
    exit
fi

[ $# -gt 0 ] || { echo "usage: scripts/gradcheck.sh NETC [NAME ...]" >&2; exit 2; }
NETC=$(realpath "$1") NETC_CFLAGS=${NETC_CFLAGS--O1} WORK=$(mktemp -d)
export NETC NETC_CFLAGS WORK TMPDIR="$WORK"
shift
[ $# -gt 0 ] || set -- $(ls examples/*.net examples/experiments/*.net | sed 's|examples/\(.*\)\.net|\1|')

# The checks are a process group of their own, so that a signal to this script ends all that they have started.
checks=
interrupted() {
    trap '' HUP INT TERM
    if [ -n "$checks" ]; then
        kill -s TERM -- "-$checks" 2>/dev/null || kill -s TERM "$checks" # the group is not there yet in the first moment
        wait "$checks" || true
    fi
    exit $((128 + $1))
}
trap 'rm -rf "$WORK"' EXIT
trap 'interrupted 1' HUP
trap 'interrupted 2' INT
trap 'interrupted 15' TERM

for name in "$@"; do
    settings | grep "^$name " || echo "$name 8 3 -"
done >"$WORK/wanted"
{ settings | grep -Fx -f "$WORK/wanted" || true; settings | grep -Fxv -f - "$WORK/wanted" || true; } >"$WORK/order"

start=$(date +%s) failed=0
setsid xargs -P "${JOBS:-2}" -L 1 sh scripts/gradcheck.sh --one <"$WORK/order" &
checks=$!
wait "$checks" || failed=1
checks=
cat <<'EOF'
| network | settings | batch | tensors | of them zero | directions | left out | differences | float | rounded | seconds | |
|---|---|---|---|---|---|---|---|---|---|---|---|
EOF
cut -d' ' -f1 "$WORK/wanted" | while read -r name; do
    cat "$WORK/$(basename "$name").row" || echo "| $name | not run |"
done
echo
echo "$(wc -l <"$WORK/wanted") networks, $(($(date +%s) - start)) seconds$([ $failed -eq 0 ] || echo ", FAILED")"
exit $failed
