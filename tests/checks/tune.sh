#!/bin/sh
# tune.sh NETC - choices from a .tune file: the commands that emit use them for that target and batch and for no other, the emitted
# code is right by them, and files that are no good are refused or left aside. Then `netc tune` itself, briefly.
set -eu
netc=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp winograd.net "$work/w.net"
cd "$work"
failed=0

fail() {
    echo "FAIL $1"
    failed=1
}

"$netc" emit w.net -o own --target avx2
hash=$(sed -n 's/.*\.hash = "\([0-9a-f]*\)".*/\1/p' own/w.c)

# choices FILE: each way of the kernels that differs from the compiler's: other tiles forward than to the input, none, blocks both ways
choices() {
    cat >"$1" <<END
{"netc_tune": 1, "model": "$hash", "target": "avx2", "batch": 64, "threads": 1, "choices": [
 {"pass": "training", "layer": "c1", "direction": "forward", "winograd": 2, "blocks": 1, "before_ms": 1, "after_ms": 0.5},
 {"pass": "training", "layer": "c2", "direction": "forward", "winograd": 0, "blocks": -1},
 {"pass": "training", "layer": "c2", "direction": "to input", "winograd": 2, "blocks": -1},
 {"pass": "training", "layer": "c2", "direction": "to weights", "winograd": 0, "blocks": 1},
 {"pass": "training", "layer": "c3", "direction": "forward", "winograd": 4, "blocks": 1},
 {"pass": "training", "layer": "c3", "direction": "to input", "winograd": 0, "blocks": 1},
 {"pass": "training", "layer": "c3", "direction": "to weights", "winograd": 4, "blocks": -1},
 {"pass": "training", "layer": "c4", "direction": "to weights", "winograd": 2, "blocks": 1},
 {"pass": "training", "layer": "out", "direction": "forward", "winograd": 0, "blocks": 1},
 {"pass": "inference", "layer": "c3", "direction": "forward", "winograd": 2, "blocks": 0}]}
END
}

choices w.tune
"$netc" explain w.net --target avx2 >explained
grep -q 'of w.tune$' explained || fail "explain does not name the file"
[ "$(tr -s ' \n' ' ' <explained | grep -o '(tuned)' | wc -l)" -eq 10 ] || fail "explain marks other choices than the file has"
"$netc" explain w.net --target avx2 --roofline --machine peak=100,bandwidth=20 >roofline
grep -q 'w.tune$' roofline || fail "explain --roofline does not name the file"
[ "$(sed -n '/^A TRAINING/,/^INFERENCE/p' roofline | grep -E -c '^  (c1  conv \+|c2  conv to input) .* Winograd 2x2 +[0-9]')" -eq 2 ] || fail "tiles of 2x2"
[ "$(sed -n '/^A TRAINING/,/^INFERENCE/p' roofline | grep -E -c '^  (c2  conv \+|c2  conv to weights|c3  conv to input) .* direct +[0-9]')" -eq 3 ] ||
    fail "direct products"
"$netc" emit w.net -o tuned --target avx2
"$netc" emit w.net -o again --target avx2
for file in w.c w_backward.c; do
    cmp -s tuned/$file own/$file && fail "emit does not read the file for $file"
done
diff -r tuned again || fail "the same file gives other code"
NETC_CFLAGS=-O1 "$netc" build w.net -o trainer
./trainer gradcheck >log || { cat log; fail "gradients by the file's choices"; }

# other FILE WORDS ARGUMENT ...: emit leaves the file aside and says why
other() {
    words=$1
    shift
    "$netc" emit w.net -o aside "$@" 2>message || fail "emit $*: status $?"
    grep -q "w.tune is not used: .*$words" message || fail "emit $*: $(cat message)"
}

other 'batch 64 on avx2, and this is batch 64 on generic' --target generic
other 'batch 64 on avx2, and this is batch 7 on avx2' --target avx2 --batch 7
sed -i "s/$hash/0123456789abcdef/" w.tune
other 'the model has changed' --target avx2
cmp aside/w.c own/w.c || fail "a file that is not used changes the code"
"$netc" check w.net 2>message && [ ! -s message ] || fail "check reads the file"

# broken WORDS: emit refuses what stands in w.tune
broken() {
    status=0
    "$netc" emit w.net -o aside --target avx2 2>message || status=$?
    [ $status -eq 1 ] && grep -q "w.tune: .*$1" message && grep -q 'netc tune w.net' message || fail "status $status, $(cat message)"
}

choices w.tune && sed -i 's/"blocks": 1,/"blocks": 1;/' w.tune && broken 'line 2, column'
choices w.tune && sed -i 's/"winograd": 4/"winograd": 3/' w.tune && broken 'choice 5 '
choices w.tune && sed -i 's/"out"/"c1"/' w.tune && broken 'choice 9 is a second one for c1 forward'
choices w.tune && sed -i 's/netc_tune": 1/netc_tune": 2/' w.tune && broken 'another version'
choices w.tune && sed -i 's/"target": "avx2", //' w.tune && broken 'target'
: >w.tune && broken 'line 1'

# The command itself: it ends, leaves nothing behind, and what it writes is used.
mkdir scratch
rm w.tune
TMPDIR=$work/scratch NETC_CFLAGS=-O0 "$netc" tune w.net --batch 2 --seconds 20 >out 2>message || grep -q 'no time for 4 of 4' message ||
    { cat out message; fail "tune"; }
[ -z "$(ls scratch)" ] || fail "tune leaves $(ls scratch)"
grep -q '^as compiled ' message || fail "tune does not say what it measures"
if [ -e w.tune ]; then
    grep -q '^w.tune: [1-9][0-9]* of [0-9]* products' out || fail "tune does not say what it found: $(cat out)"
    "$netc" explain w.net --batch 2 2>message | grep -q '(tuned)' || fail "what tune has written is not used: $(cat message)"
    [ ! -s message ] || fail "$(cat message)"
else
    cat out message | grep -q 'there is no w.tune\|no time for 4' || fail "tune does not say that it found nothing"
fi
[ $failed -eq 0 ] && echo "tune: files are used where they count"
exit $failed
