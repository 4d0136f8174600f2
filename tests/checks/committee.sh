#!/bin/sh
# committee.sh NETC - committees: members are runs of their own, with seeds that follow each other; stopped and resumed, they are the same; vote,
# average and rejection as they follow from what each member predicts, worked out anew by awk; and what is refused.
set -eu
netc=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive
cd "$work"
fail() {
    echo "FAIL $*"
    cat log
    exit 1
}

# Three clouds that overlap, so that members err and disagree.
mkdir data
awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.2831853 * rand()) }
     BEGIN { srand(1)
             for (i = 0; i < 900; i++) {
                 k = i % 3
                 printf "%.5f,%.5f,%s\n", 1.4 * cos(2.1 * k) + normal(), 1.4 * sin(2.1 * k) + normal(), substr("abc", k + 1, 1) >(i < 300 ? "data/train.csv" : "data/test.csv") } }'
cut -d, -f1,2 data/test.csv >inputs.csv
cut -d, -f3 data/test.csv | tr abc 012 >labels
cat >clouds.net <<'END'
network clouds {
    input(2)
    dense(12) -> tanh
    out: dense(3)
}

data {
    source = csv("data")
}

train {
    optimizer = sgd(lr=0.3, momentum=0.9)
    epochs = 20
    batch = 10
    seed = 5
}
END
: >log
"$netc" build clouds.net -o clouds
./clouds train --plain --members 4 --out four >said 2>log || fail "training four members"
[ "$(grep -c '^member [1-4] of 4$' log)" -eq 4 ] || fail "the members are not announced"

# A member is the run with that seed, whether it is trained with the others, alone, or by no committee.
for k in 1 2 3 4; do
    ./clouds train --plain --seed $((4 + k)) --out single >/dev/null 2>log || fail "a single run"
    cmp four/member$k/last.safetensors single/last.safetensors || fail "member $k is not the run with seed $((4 + k))"
done
./clouds train --plain --members 4 --member 3 --out third --threads 2 >/dev/null 2>log || fail "member 3 alone"
cmp four/member3/last.safetensors third/member3/last.safetensors || fail "member 3 alone is another one"
[ ! -e third/member1 ] || fail "--member 3 trained more than that"

# Stopped in the second member and resumed, with what was asked for at first: the same weights.
./clouds train --plain --members 3 --seed 9 --epochs 400 --lr 0.1 --bootstrap --out whole >/dev/null 2>log || fail "training whole"
./clouds train --plain --members 3 --seed 9 --epochs 400 --lr 0.1 --bootstrap --out parts >/dev/null 2>log &
run=$!
for i in $(seq 600); do
    [ -s parts/member2/log.jsonl ] && break
    sleep 0.05
done
kill -s TERM $run
status=0
wait $run || status=$?
[ $status -eq 130 ] && [ ! -e parts/member3 ] || fail "stopping: status $status, or the third member had begun"
./clouds train --plain --members 3 --resume --out parts >/dev/null 2>log || fail "resuming"
for k in 1 2 3; do
    cmp whole/member$k/last.safetensors parts/member$k/last.safetensors || fail "member $k is another one after the resume"
done
./clouds train --plain --members 3 --seed 9 --epochs 400 --lr 0.1 --out plain >/dev/null 2>log || fail "training without bootstrap"
! cmp -s whole/member1/last.safetensors plain/member1/last.safetensors || fail "bootstrap samples are the whole set"

# Each member's probabilities for all test samples, one file a member; from them, by other means, all that eval says.
for k in 1 2 3 4; do
    ./clouds predict --weights four/member$k/best.safetensors --format json inputs.csv 2>log | sed 's/.*"probabilities":\[\(.*\)\].*/\1/' >p$k
done
paste -d, labels p1 p2 p3 p4 | awk -F, '
    function top(first, i, k) { k = 0; for (i = 1; i < 3; i++) if ($(first + i) + 0 > $(first + k) + 0) k = i; return k }
    { delete votes; best = 0; vote = 0
      for (k = 0; k < 3; k++) mean[k] = ($(2 + k) + $(5 + k) + $(8 + k) + $(11 + k)) / 4
      for (m = 0; m < 4; m++) { c = top(2 + 3 * m); votes[c]++; right[m] += c == $1 }
      for (k = 1; k < 3; k++) { if (mean[k] > mean[best]) best = k
                                if (votes[k] + mean[k] / 2 > votes[vote] + mean[vote] / 2) vote = k }
      average += best == $1; voted += vote == $1; differ += best != vote; loss -= log(mean[$1]) }
    END { printf "%.6f %.6f %.6f %.6f %.6f %.6f %.6f\n", average / NR, voted / NR, right[0] / NR, right[1] / NR, right[2] / NR, right[3] / NR, loss / NR
          exit !differ }' >expected || fail "vote and average agree everywhere: nothing is tested"
./clouds eval --weights four --format json >found 2>log || fail "eval of a folder"
sed 's/.*"vote":{"accuracy":\([^}]*\)}.*/\1/' found >vote
{ sed 's/{"loss":[^,]*,"accuracy":\([^,]*\),.*/\1/' found; cat vote; tr '{' '\n' <found | sed -n 's/.*best.safetensors".*"accuracy":\([^}]*\)}.*/\1/p'
  sed 's/{"loss":\([^,]*\),.*/\1/' found; } | awk '{ printf "%s%.6f", (NR > 1 ? " " : ""), $1 } END { print "" }' | cmp - expected ||
    fail "eval says $(cat found), expected $(cat expected)"
./clouds eval --weights four/member1/best.safetensors four/member2/best.safetensors four/member3/best.safetensors four/member4/best.safetensors \
    --format json 2>log | cmp - found || fail "eval of files is not eval of their folder"

# predict gives the average.
./clouds predict --weights four --format json inputs.csv 2>log | sed 's/.*"probabilities":\[\(.*\)\].*/\1/' >average
paste -d, average p1 p2 p3 p4 | awk -F, '{ for (k = 1; k <= 3; k++) { d = $k - ($(3 + k) + $(6 + k) + $(9 + k) + $(12 + k)) / 4
                                                                        if (d > 1e-7 || d < -1e-7) exit 1 } }' || fail "predict is not the average"

# Rejection: each point of the curve against a count of all samples, by both rules; and no sample less gives that error.
for by in margin largest; do
    ./clouds eval --weights four/member1/best.safetensors --rejection --by $by --format json --svg $by.svg >found 2>log || fail "--rejection --by $by"
    grep -q '<svg' $by.svg && grep -q 'error of the rest' $by.svg || fail "the picture of $by"
    sed 's/.*"curve":\[//' found | tr '{' '\n' | sed -n 's/^"threshold":\([^,]*\),"rejected":\([^,]*\),"share":[^,]*,"wrong":\([^,]*\),"error":\([^,}]*\)\(.*\)/\1 \2 \3 \4 \5/p' |
        sed 's/,"at_most":\([^}]*\).*/ \1/; s/[]}].*//' >points
    [ "$(wc -l <points)" -gt 100 ] || fail "$(wc -l <points) points"
    paste -d, labels p1 | awk -F, -v by=$by '
        function sure(a, b, c, t) { if (b > a) { t = a; a = b; b = t } if (c > a) { t = a; a = c; c = t } return by == "margin" ? a - (b > c ? b : c) : a }
        NR == FNR { best = $2 + 0 >= $3 + 0 ? 0 : 1; if ($4 + 0 > $(2 + best) + 0) best = 2
                    wrong[NR] = best != $1; conf[NR] = sure($2 + 0, $3 + 0, $4 + 0); n = NR; next }
        { split($0, p, " "); rejected = left = 0; next_error = 1
          for (i = 1; i <= n; i++) if (conf[i] < p[1] - 2e-9) rejected++; else left += wrong[i]
          error = left / (n - rejected)
          if (rejected != p[2] || left != p[3] || error - p[4] > 1e-6 || p[4] - error > 1e-6) { print "counted " rejected, left, error ", said " $0; bad = 1 }
          if (p[5] != "") { wanted++
              if (error > p[5]) { print "not that error: " $0; bad = 1 }
              for (j = 1; j <= n; j++) if (conf[j] < p[1] - 2e-9) { # would a lower threshold have done?
                  r = w = 0; for (i = 1; i <= n; i++) if (conf[i] < conf[j]) r++; else w += wrong[i]
                  if (w / (n - r) <= p[5]) { print "rejecting " r " would do: " $0; bad = 1; break } } } }
        END { exit bad || wanted < 3 }' - points >log || fail "the curve of $by"
done

# A digit that is rejected has no class.
./clouds predict --weights four/member1/best.safetensors --reject 0.3 --format json inputs.csv >found 2>log || fail "--reject"
paste p1 found | awk -F'\t' '{ split($1, p, ","); a = p[1] + 0; b = p[2] + 0; c = p[3] + 0; if (b > a) { t = a; a = b; b = t } if (c > a) { t = a; a = c; c = t }
    rejected = a - (b > c ? b : c) < 0.3; all += rejected
    if (rejected != ($2 ~ /"rejected":true/) || rejected == ($2 ~ /"class"/)) exit 1 } END { exit all == 0 || all == NR }' || fail "who is rejected"
./clouds predict --weights four/member1/best.safetensors --reject 0.3 inputs.csv 2>log | grep -q 'inputs.csv:[0-9]*  rejected  [abc] ' || fail "--reject as text"

# One output that is the probability of yes: as sure as it is far from 1/2.
sed 's/network clouds/network side/; s/dense(3)/dense(1)/; s/csv("data")/csv("sides")/; s/^train {/&\n    loss = binary_cross_entropy/' clouds.net >side.net
mkdir sides
for part in train test; do
    sed 's/[ab]$/0/; s/c$/1/' data/$part.csv >sides/$part.csv
done
"$netc" build side.net -o side
./side train --plain --out side.run --no-report >/dev/null 2>log || fail "a network of one output"
./side predict --weights side.run --format json inputs.csv >said 2>log || fail "predictions of one output"
for by in margin largest; do
    ./side predict --weights side.run --reject 0.9 --by $by --format json inputs.csv >found 2>log || fail "--reject of one output"
    paste said found | awk -v by=$by 'match($0, /"output":\[[-0-9.e]*/) { p = substr($0, RSTART + 10, RLENGTH - 10) + 0
            sure = by == "margin" ? (p > 0.5 ? 2 * p - 1 : 1 - 2 * p) : p > 0.5 ? p : 1 - p
            if ((sure < 0.9) != ($0 ~ /"rejected":true/)) { print; exit 1 }
            n++; all += sure < 0.9 }
        END { exit n != 600 || all == 0 || all == n }' || fail "who is rejected of one output, by $by"
done
./side predict --weights side.run --reject 0.9 inputs.csv | grep -q 'inputs.csv:[0-9]*  rejected  0\.[0-9]*$' || fail "--reject of one output as text"
cut -d, -f3 sides/test.csv >sides/labels
paste sides/labels said | awk 'match($0, /"output":\[[-0-9.e]*/) { p = substr($0, RSTART + 10, RLENGTH - 10) + 0; print (p > 0.5 ? 2 * p - 1 : 1 - 2 * p), (p > 0.5) != $1 }' |
    sort -g | awk '{ wrong[NR] = $2; sum += $2 } END { for (i = 1; i <= NR / 5; i++) sum -= wrong[i]; printf "  20.00%%  %16.2f%%\n", 100 * sum / (NR - int(NR / 5)) }' >wanted
./side eval --weights side.run --rejection >curve 2>log || fail "eval --rejection of one output"
grep -qF "$(cat wanted)" curve || { cat curve wanted; fail "the curve of one output"; }

# refused STATUS PATTERN COMMAND ...
refused() {
    want=$1 pattern=$2 status=0
    shift 2
    ./clouds "$@" >/dev/null 2>log || status=$?
    [ $status -eq "$want" ] && grep -q -- "$pattern" log || fail "$*: status $status"
}
sed 's/dense(12)/dense(13)/' clouds.net >other.net
"$netc" build other.net -o other
./other train --plain --epochs 1 --out other.run >/dev/null 2>log || fail "another network"
refused 1 'other.run/best.safetensors' eval --weights four/member1/best.safetensors other.run/best.safetensors
refused 1 'neither member1 nor best.safetensors' eval --weights data
# A run's folder is its best weights, for every command; the folder of a committee is not one network.
for command in stats adversarial gradcheck lr-range "train --epochs 1 --out again --no-report"; do
    ./clouds $command --weights four/member1 >of.folder 2>log || fail "$command: weights from a folder"
    ./clouds $command --weights four/member1/best.safetensors >of.file 2>log || fail "$command: weights from a file"
    sed -i 's|four/member1/best.safetensors|four/member1|' of.file
    cmp of.folder of.file || fail "$command: the folder's weights are others"
    refused 1 'one network is wanted: name a member, such as four/member1' $command --weights four
done
./clouds report --run four/member2 --weights four/member1 --out page.html >/dev/null 2>log || fail "report: weights from a folder"
refused 1 'one network is wanted' report --run four/member2 --weights four --out page.html
sed 's|^train {|&\n    weights = "four/member1"|' clouds.net >begun.net
"$netc" build begun.net -o begun
./begun train --plain --epochs 1 --out begun.run >/dev/null 2>log && grep -q '^weights  four/member1/best.safetensors' log || fail "weights = a folder"
for weights in four/member1 four/member1/best.safetensors; do
    "$netc" emit clouds.net --kind library --weights $weights -o inside
    mv inside/clouds_weights.c "inside.$(basename $weights)"
done
cmp inside.member1 inside.best.safetensors || fail "weights of a folder compiled in"
refused 2 'from 2, not' train --members 0
refused 2 'from 2, not' train --members 1
refused 2 'there are 3 members' train --members 3 --member 4
refused 2 'add --members' train --bootstrap
refused 2 'each member writes its own' train --members 3 --log x
refused 1 'no committee to resume' train --members 3 --resume --out nowhere
refused 2 'began without it' train --members 3 --resume --bootstrap --out plain
refused 2 'add --rejection' eval --weights four --by margin
refused 2 'is margin' eval --weights four --rejection --by luck
refused 2 'at least one INPUT' predict --weights four/member1/best.safetensors four/member2/best.safetensors
rm four/member2/best.safetensors
refused 1 'member 2 has not finished' eval --weights four
echo "members are runs of their own; vote, average and rejection as worked out from each member's predictions"
