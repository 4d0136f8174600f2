#!/bin/sh
# report_page.sh NETC - the page that a run leaves: its sections and their figures, for networks of all kinds of input and output; whole in
# itself; the same for any number of threads, of a run that was resumed, and made anew; and what becomes of one that cannot be written.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")"
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive
. ./npy.inc
cd "$work"
failed=0
fail() {
    echo "FAIL $*"
    tail -n 5 log
    failed=1
}

# Images whose colour tells the class, with noise that makes some of them hard to tell.
images() {
    awk -v n="$1" 'BEGIN { s = 7; for (i = 0; i < n; i++) { s = (s * 16807) % 2147483647; odd = s % 100 < 15
        for (p = 0; p < 192; p++) { s = (s * 16807) % 2147483647; v = s % 150 + (p % 3 == (i + odd) % 3) * 60; printf "\\%03o", v } } }'
}
labels() {
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "\\%03o", i % 3 }'
}
mkdir data
for part in train:150 test:60; do
    n=${part#*:}
    printf "$(images "$n")" | npy "data/x_${part%:*}.npy" "$n, 8, 8, 3"
    printf "$(labels "$n")" | npy "data/y_${part%:*}.npy" "$n,"
done

cat >colours.net <<'END'
network colours {
    input(8x8x3)
    first: conv(6, 3x3, pad=1) -> relu
    maxpool(2x2)
    out: dense(3)
}

data {
    source = npy("data")
    validation = 30
    classes = ["red & <b>", "green", "blue"]
}

train {
    optimizer = sgd(lr=0.05, momentum=0.9)
    epochs = 4
    batch = 16
}
END
cat >plane.net <<'END'
network plane {
    input(2)
    dense(20) -> relu
    out: dense(3)
}

data {
    source = spiral
}

train {
    optimizer = adam(lr=0.01)
    epochs = 30
}
END
cat >road.net <<'END'
network road {
    input(30x32x1)
    dense(4) -> sigmoid
    out: dense(30) -> sigmoid
}

data {
    source = road(images=60)
}

train {
    loss = mse
    optimizer = sgd(lr=0.05)
    epochs = 3
}
END
cat >line.net <<'END'
network line {
    input(3)
    out: dense(1)
}

data {
    source = csv("line.csv")
    validation = k_fold(2)
}

train {
    loss = mse
    optimizer = sgd(lr=0.1)
    epochs = 5
}
END
cat >volume.net <<'END'
network volume {
    input(8x8x3)
    out: conv(3, 3x3, pad=1) -> sigmoid
}

data {
    source = npy("volumes")
}

train {
    loss = mse
    optimizer = sgd(lr=0.001)
    epochs = 2
}
END
mkdir volumes
for part in train test; do
    cp data/x_$part.npy volumes/
    cp data/x_$part.npy volumes/y_$part.npy
done
awk -v OFS=, 'BEGIN { print "a,b,c,y"; for (i = 0; i < 60; i++) print i % 7 / 7, i % 5 / 5, i % 3 / 3, i % 7 / 7 - i % 3 / 3 }' >line.csv
: >log
for model in colours plane road line volume; do
    "$netc" build $model.net -o $model 2>>log
    ./$model train --plain --out runs/$model --threads 2 >$model.said 2>>log || fail "training $model"
done

# Every page: well-formed, and nothing in it that would have to be fetched.
for page in runs/*/report.html runs/line/fold1/report.html runs/line/fold2/report.html; do
    [ "$page" != "runs/*/report.html" ] && [ -s "$page" ] || { fail "there is no $page"; continue; }
    if grep -o 'http[s]*:[^"<]*' "$page" | grep -vxF http://www.w3.org/2000/svg; then
        fail "$page refers to a place elsewhere"
    fi
    ! grep -Eiq '<script|<link|<iframe|@import|url\(' "$page" || fail "$page has what does not belong there"
    ! grep -Eo '(src|href)="[^"]{0,30}' "$page" | grep -v '="data:image/png;base64,' || fail "$page loads something"
    ! grep -Eiq '[^a-z](nan|inf)[^a-z]' "$page" || fail "$page shows what is no number"
    if command -v python3 >/dev/null; then
        python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$page" 2>>log || fail "$page is not well-formed"
    fi
done

# sections PAGE TITLE ...: these, in this order.
sections() {
    name=$1
    shift
    grep -o '<h2>[^<]*' "runs/$name/report.html" | sed 's/<h2>//' >got
    printf '%s\n' "$@" | cmp -s - got || fail "$name has the sections $(tr '\n' ',' <got)"
}
sections colours "Learning curves" Mistakes Rejection "Filters of the first layer" "Feature maps" "Values in the layers" "The network"
sections plane "Learning curves" "The plane" Mistakes Rejection "Values in the layers" "The network"
sections road "Learning curves" Answers "Filters of the first layer" "Values in the layers" "The network"
sections line/fold1 "Learning curves" Answers "Values in the layers" "The network"
sections volume "Learning curves" Answers "Filters of the first layer" "Feature maps" "Values in the layers" "The network"
[ "$(grep -o '>output 1: ' runs/line/fold1/report.html | wc -l)" = 12 ] || fail "line: not every answer of the 12 samples is beside its target"
[ "$(grep -c '>answer</div>' runs/volume/report.html)" = 8 ] || fail "volume: there are not eight answers"

# The figures are those of the log and of eval.
page=runs/colours/report.html
./colours eval --weights runs/colours/best.safetensors --format json >eval 2>>log
accuracy=$(sed 's/.*"accuracy":\([0-9.]*\).*/\1/' eval)
wrong=$(awk -v a="$accuracy" 'BEGIN { printf "%d", 60 * (1 - a) + 0.5 }')
[ "$wrong" -gt 0 ] || fail "the test is too easy: nothing is wrong"
grep -q "<div class=\"value\">$(awk -v a="$accuracy" 'BEGIN { printf "%.2f%%", 100 * a }')</div>" $page || fail "the accuracy is not that of eval"
grep -q "$wrong of 60 wrong" $page || fail "not $wrong of 60 are wrong"
[ "$(grep -c ' → [a-z]' $page)" -ge "$wrong" ] || fail "not every mistake is shown"
matrix=$(sed -n 's/.*<rect class="\(right\|wrong\)".*: \([0-9]*\)<\/title>.*/\1 \2/p' $page |
    awk '{ n[$1] += $2 } END { print n["right"], n["wrong"] + 0 }')
[ "$matrix" = "$((60 - wrong)) $wrong" ] || fail "the matrix has $matrix samples right and wrong, not $((60 - wrong)) $wrong"
./colours eval --weights runs/colours/best.safetensors 2>>log | tail -n 3 | # a row a class: name, samples, right, counts
    awk '{ for (i = NF - 2; i <= NF; i++) if ($i > 0) print $i }' >rows
sed -n 's/.*<rect class="[a-z]*" fill-op.*: \([0-9]*\)<\/title>.*/\1/p' $page | cmp -s - rows || fail "the matrix is not that of eval"
sed -n 's/^\([0-9.]*\)%<\/div>$/\1/p' $page >sure
[ "$(wc -l <sure)" = "$wrong" ] && sort -gr sure | cmp -s - sure || fail "the mistakes do not begin with the surest"
if command -v python3 >/dev/null; then
    python3 "$here/report_page/inside.py" $page runs/colours/best.safetensors data/x_test.npy >>log 2>&1 || fail "filters and feature maps"
fi
grep -q 'red &amp; &lt;b&gt;' $page || fail "the names of the classes"
for key in train_loss val_loss; do
    sed "s/.*\"$key\":\([^,]*\).*/\1/" runs/colours/log.jsonl | awk '{ printf "%.5g at %d<\n", $1, NR }' >values
    while read -r value; do
        grep -qF ": $value" $page || fail "$key: there is no value $value"
    done <values
done
[ "$(sed -n '/Filters of/,/<\/figure>/p' $page | grep -c '<img')" = 6 ] || fail "there are not six filters"
grep -q 'conv 3x3 + relu' $page && grep -q '^    optimizer = sgd(lr=0.05' $page || fail "layers and settings"

# The time apart, the page is the same for any number of threads, in two parts, and made anew.
timeless() {
    sed 's/\(training time.*"value">\)[^<]*/\1/' "$1"
}
./colours train --plain --out runs/one --threads 1 >/dev/null 2>>log || fail "one thread"
./colours train --plain --out runs/parts --epochs 2 >/dev/null 2>>log && grep -q '2 of 2' runs/parts/report.html || fail "two epochs"
./colours train --plain --out runs/parts --epochs 4 --resume >/dev/null 2>>log || fail "resuming"
timeless $page >expected
for run in one parts; do
    timeless runs/$run/report.html | cmp -s - expected || fail "the page of runs/$run is another one"
done
./colours report --run runs/colours --out again.html >said 2>>log || fail "report"
grep -qx 'page  again.html' said || fail "report says $(cat said)"
timeless again.html | cmp -s - expected || fail "report makes another page"
./colours train --plain --out runs/short --epochs 1 --no-report >said 2>>log || fail "--no-report"
[ ! -e runs/short/report.html ] && ! grep -q '^page' said || fail "--no-report leaves a page"

# A run that is stopped leaves its page as well, and a killed one what it had; report makes the rest of it.
./plane train --plain --out runs/stopped --epochs 100000000 >/dev/null 2>>log &
pid=$!
for i in $(seq 100); do
    [ "$(cat runs/stopped/log.jsonl 2>/dev/null | wc -l)" -lt 3 ] || break
    sleep 0.1
done
kill -INT $pid
status=0
wait $pid || status=$?
stopped=runs/stopped/report.html
[ $status -eq 130 ] && grep -q "stopped in epoch" $stopped && grep -q "Learning curves" $stopped && ! grep -q "Mistakes" $stopped ||
    fail "the page of a stopped run: status $status"
./plane report --run runs/stopped >/dev/null 2>>log && grep -q "not finished" $stopped && grep -q "Mistakes" $stopped ||
    fail "report on a stopped run"

# What cannot be written is said, with its place.
status=0
./colours report --run runs/colours --out /dev/full 2>said || status=$?
[ $status -eq 3 ] && grep -q '/dev/full: cannot write: No space left on device; free some space' said || fail "full: $status, $(cat said)"
mkdir -p runs/blocked/report.html/x
status=0
./colours train --plain --out runs/blocked --epochs 1 >/dev/null 2>said || status=$?
[ $status -eq 3 ] && grep -q 'runs/blocked/report.html: cannot write' said || fail "a folder in its place: $status, $(cat said)"
[ -s runs/blocked/best.safetensors ] && [ ! -e runs/blocked/report.html.tmp ] || fail "what is left of a page that cannot be written"
status=0
./colours report --run nowhere 2>said || status=$?
[ $status -eq 1 ] && grep -q 'there is no run; name its folder with --run' said || fail "no run: $status, $(cat said)"
mkdir -p runs/several/member1
: >runs/several/member1/state.safetensors
status=0
./colours report --run runs/several 2>said || status=$?
[ $status -eq 1 ] && grep -q 'with --run: that of one member, such as member1' said || fail "a committee: $status, $(cat said)"

# So are results that get lost on the way, by every command; a limit on file sizes ends nothing without a word.
for words in "info" "eval --weights runs/colours/best.safetensors" "--help"; do
    status=0
    ./colours $words >/dev/full 2>said || status=$?
    [ $status -eq 3 ] && grep -q 'cannot write the results: No space left on device' said || fail "lost $words: $status, $(cat said)"
done
status=0
(ulimit -f 8 && ./colours report --run runs/colours --out small.html >/dev/full) 2>said || status=$?
[ $status -eq 3 ] && grep -q 'small.html: cannot write: File too large' said || fail "a limit: $status, $(cat said)"
status=0
"$netc" report colours.net >/dev/full 2>said || status=$?
[ $status -eq 3 ] && grep -q 'cannot write the report: No space left on device' said || fail "netc report: $status, $(cat said)"
status=0
(ulimit -f 8 && "$netc" emit colours.net -o small) >/dev/null 2>&1 || status=$?
[ $status -eq 3 ] || fail "netc emit under a limit: $status"
[ $failed -eq 0 ] && echo "pages of five networks: their figures, whole in themselves, the same however they came about"
exit $failed
