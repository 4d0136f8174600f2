#!/bin/sh
# transfer.sh NETC - transfer learning: what is frozen stays to the bit and the rest is trained as it would be without;
# the account of what was loaded; loads in part only when asked for; what is frozen has no code, no gradient, no state;
# runs with frozen parts are resumed.
set -eu
netc=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
compare=$(realpath "$here/../../${BUILD:-build}/tests/compare")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

fail() {
    echo "FAIL $*"
    failed=1
}

# Four classes of features, with some noise.
awk 'BEGIN { s = 11; print "a,b,c,d,e,f,y"; for (i = 0; i < 160; i++) { for (k = 0; k < 6; k++) {
    s = (s * 16807) % 2147483647; printf "%.4f,", s / 2147483647 + (k % 4 == i % 4) } print i % 4 } }' >train.csv
cp train.csv test.csv

# model NAME LINES ...: of the train section
model() {
    name=$1
    shift
    {
        cat <<END
network body {
    input(6)
    one: dense(8) -> tanh
    bn: batchnorm
    two: seq { dense(8) -> prelu  dense(5) -> tanh }
    head: dense(4)
}
data { source = csv(".", label=y) }
train {
    optimizer = adam(lr=0.02, weight_decay=1e-3)
    batch = 32
    epochs = 4
END
        for line; do echo "    $line"; done
        echo "}"
    } >"$name.net"
    "$netc" build "$name.net" -o "$name" || { cat "$name.net"; exit 1; }
}
train() { # NAME ARGUMENTS ...
    name=$1
    shift
    "./$name" train --plain "$@" >"$name.out" 2>"$name.err" || { cat "$name.err"; fail "$name: training"; }
}

# ---- frozen: to the bit, and nothing else ----

# stays A B NAMES: between two weights files these tensors are the same to the bit, and all others differ
stays() {
    "$compare" "$1" "$2" 0 | awk -v names="$3" '
        $3 == "values" {
            n++; same = $5 == 0; kept = 0
            for (k = split(names, name, " "); k > 0; k--) kept = kept || index($1 ".", name[k] ".") == 1
            if (same != kept) { print $1 (same ? " did not change" : " changed"); wrong = 1 } }
        END { exit wrong || n != 13 }' || fail "$3 in $2"
}
model base
train base --out base.run
start='weights = "base.run/best.safetensors"'
model lower "$start" 'freeze = [one, bn]'
train lower --out lower.run
stays base.run/best.safetensors lower.run/last.safetensors "one bn"
model upper "$start" 'trainable = [one]'
train upper --out upper.run
stays base.run/best.safetensors upper.run/last.safetensors "bn two head"
model biases "$start" 'freeze = ["*.bias"]'
train biases --out biases.run
stays base.run/best.safetensors biases.run/last.safetensors "one.bias bn.bias two.0.bias two.2.bias head.bias"
for threads in 1 2; do
    train lower --out lower.$threads --threads $threads
    cmp lower.run/last.safetensors lower.$threads/last.safetensors || fail "$threads threads, other weights"
done

# The rest has the gradients that it has without; a batchnorm of the batch has to be there in both. (As in eval(): tests/torch/nets/frozen_*.)
printf '%s' '{"input":{"dtype":"F32","shape":[3,6],"data_offsets":[0,72]},"target":{"dtype":"F32","shape":[3],"data_offsets":[72,84]}}' >header
{ printf "$(printf '\\%03o' "$(wc -c <header)")\0\0\0\0\0\0\0"
  cat header
  for value in 000 200 300 000 200 277 100 277 000 300 200 077 000 077 000 100 100 300; do printf "\0\0\\$value\\077"; done
  printf '\0\0\0\0\0\0\200\077\0\0\100\100'; } >batch.safetensors
model part 'freeze = [one.weight, two, head.bias]'
for name in base part; do
    "./$name" gradient --weights base.run/best.safetensors --batch batch.safetensors --out $name.gradient
done
"$compare" part.gradient base.gradient 1e-6 >log || { cat log; fail "gradients of the rest"; }
grep -q '^ *one.bias ' log && grep -q '^ *bn.weight ' log && grep -q '^ *head.weight ' log || { cat log; fail "gradients are missing"; }
! grep -q '^ *\(one.weight\|two\|head.bias\|input\)' log || { cat log; fail "gradients of what is frozen"; }
! "$compare" base.gradient part.gradient 1e-6 >/dev/null || fail "without freezing there are no more gradients"
for name in lower upper biases part; do
    "./$name" gradcheck >log && grep -q ' frozen' log || { cat log; fail "$name: gradcheck"; }
done

# ---- what is frozen has no code behind the forward pass, no gradients, no state ----

"$netc" emit lower.net -o lower.c
awk '/^void run_backward/,/^}/' lower.c/body_backward.c >backward
grep -q two_2 backward || { cat backward; fail "run_backward is empty"; }
! grep -q 'P_ONE\|P_BN\|  one_\|  bn_' backward || { cat backward; fail "the backward pass goes below what is trained"; }
memory() { # NAME KEY
    "./$1" info --batch 32 --format json | sed "s/.*\"$2\":\([0-9]*\).*/\1/"
}
[ "$(memory lower gradients)" -lt "$(memory base gradients)" ] || fail "gradients of what is frozen are in memory"
[ "$(memory lower optimizer)" -eq $((2 * $(memory lower gradients))) ] || fail "the optimizer keeps what is frozen"
[ "$(memory lower parameters)" -eq "$(memory base parameters)" ] || fail "parameters"

# ---- groups ----

# A group without a rate of its own is none. (Those with one: tests/torch/fixtures/opt_groups*.)
model same "$start" 'groups = [group([one]), group(["two.*"], lr_scale=1)]'
model plain "$start"
train same --out same.run
train plain --out plain.run
"$compare" plain.run/last.safetensors same.run/last.safetensors 0 >log || { cat log; fail "a group without a rate of its own"; }

# ---- resumed ----

model groups "$start" 'freeze = [one]' 'groups = group([two], lr_scale=0.1, decay_scale=0)'
train groups --out whole.run
train groups --out parts.run --epochs 2
train groups --out parts.run --epochs 4 --resume
cmp whole.run/last.safetensors parts.run/last.safetensors || fail "resumed, other weights"
if ./lower train --plain --out parts.run --resume 2>log; then
    fail "a run goes on with other parameters frozen"
fi
grep -q 'parts.run/state.safetensors: the run had other parameters frozen: train anew from its last.safetensors with --weights' log || { cat log; fail "the message for it"; }

# ---- the account ----

# said NAME: the account of its last training is what standard input has
said() {
    sed '/  1 thread  \|  2 threads  \|^epoch \|^note: replacing/d; s/ over [0-9]* samples$//' "$1.err" >account
    diff - account || fail "the account of $1"
}
said upper <<'END'
weights  base.run/best.safetensors
  parameters  tensors            values  start   training
  one               2                56  loaded  trained
  bn                4                32  loaded  frozen
  two               5               125  loaded  frozen
  head              2                24  loaded  frozen
  56 of 221 parameters are trained; frozen batchnorms use their running statistics, which stay
END
said groups <<'END'
note: --epochs is now 4, was 2
END
train groups --out groups.run
said groups <<'END'
weights  base.run/best.safetensors
  parameters  tensors            values  start   training
  one               2                56  loaded  frozen
  bn                4                32  loaded  trained
  two               5               125  loaded  trained, lr * 0.1
  head              2                24  loaded  trained
  165 of 221 parameters are trained
END

# Another head, and a wider layer: the file does not fit, and says how; it is taken in part when asked to.
sed 's/dense(5) -> tanh/dense(7) -> tanh/; s/head: dense(4)/last: dense(4)/; s/^train {/init { weight = lsuv }\n&/' base.net >other.net
"$netc" build other.net -o other
if ./other train --plain --weights base.run/best.safetensors --out other.run 2>log; then
    fail "a file that does not fit was taken"
fi
diff - log <<'END' || fail "the message for it"
error: base.run/best.safetensors does not fit the network body (it was written for another version of it):
  shape       two.2.weight is [5, 8] in the file, [7, 8] in the network
  shape       two.2.bias is [5] in the file, [7] in the network
  missing     last.weight [4, 7]
  missing     last.bias [4]; the file has head.bias [4]: did you mean that?
  unexpected  head.weight [4, 5]
  unexpected  head.bias [4]
help: weights = file("base.run/best.safetensors", except=[two.2,last]) under train, or --except two.2,last, starts that anew;
      partial=yes, or --partial, takes whatever fits
END
sed 's/network body/network head/' other.net >named.net
"$netc" build named.net -o named
if ./named train --plain --weights base.run/best.safetensors --out other.run 2>log || ./named train --plain --resume --out base.run 2>>log; then
    fail "the weights of another network were taken"
fi
grep -q '^error: base.run/best.safetensors does not fit the network head (it was written for the network body):$' log &&
    grep -q '^error: base.run/state.safetensors: the run was of the network body, this is head: ' log || { cat log; fail "whose weights they are"; }
train other --weights base.run/best.safetensors --except 'two.2,la*' --out other.run
said other <<'END'
weights  base.run/best.safetensors
  parameters    tensors            values  start                             training
  one                 2                56  loaded                            trained
  bn                  4                32  loaded                            trained
  two.0               2                72  loaded                            trained
  two.1.weight        1               [8]  loaded                            trained
  two.2               2                63  initial values: left out by name  trained
  last                2                32  initial values: left out by name  trained
  only in the file: head.weight [4, 5], head.bias [4]
  247 of 247 parameters are trained
lsuv: 2 layers scaled to unit variance
END
train other --weights base.run/best.safetensors --partial --out other.run
said other <<'END'
weights  base.run/best.safetensors
  parameters    tensors            values  start                               training
  one                 2                56  loaded                              trained
  bn                  4                32  loaded                              trained
  two.0               2                72  loaded                              trained
  two.1.weight        1               [8]  loaded                              trained
  two.2.weight        1            [7, 8]  initial values: [5, 8] in the file  trained
  two.2.bias          1               [7]  initial values: [5] in the file     trained
  last                2                32  initial values: not in the file     trained
  only in the file: head.weight [4, 5], head.bias [4]
  247 of 247 parameters are trained
lsuv: 2 layers scaled to unit variance
END
if ./other train --plain --weights base.run/best.safetensors --except 'lost' --out other.run 2>log; then
    fail "a name of nobody"
fi
grep -q "^error: no parameter is chosen by 'lost', which weights or --except leaves out; did you mean 'last'?" log || { cat log; fail "the message for a name of nobody"; }
if ./base train --plain --except head --out no.run 2>log; then
    fail "--except without a file"
fi
grep -q '^error: --except is about a weights file, and there is none: give --weights F as well' log || { cat log; fail "the message for --except alone"; }
if ./base train --plain --weights none.safetensors --out no.run 2>log; then
    fail "no such file"
fi
grep -q '^error: none.safetensors: ' log && grep -q '^help: the path is relative to where the trainer runs' log || { cat log; fail "the message for no file"; }

# What would go wrong in silence.
sed 's/source = csv.*)/& normalize = standardize/' lower.net >otherwise.net
"$netc" build otherwise.net -o otherwise
train otherwise --out otherwise.run
grep -q '^warning: the file is of a run with normalize = none, and this one has standardize' otherwise.err || { cat otherwise.err; fail "inputs that are normalised otherwise"; }
model alone 'freeze = [one]'
train alone --out alone.run
grep -q '^warning: what is frozen and not loaded stays at initial values' alone.err || { cat alone.err; fail "frozen initial values"; }
exit $failed
