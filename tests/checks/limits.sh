#!/bin/sh
# limits.sh NETC - what is too large for emitted C is an error of the model, with the place and what to do; reports work all the same. And
# what is only long is split, not refused.
set -eu
netc=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

# refused NAME KIND: emission ends with status 1 and the diagnostics of standard input.
refused() {
    "$netc" check "$1.net"
    "$netc" report "$1.net" >"$1.report"
    status=0
    "$netc" emit "$1.net" -o out --kind "$2" --target generic >"$1.log" 2>&1 || status=$?
    if [ $status -ne 1 ] || ! diff -u - "$1.log"; then
        echo "FAIL $1 as a $2: status $status"
        failed=1
    fi
}

cat >heavy.net <<'END'
network heavy {
    input(40000)
    a: dense(40000) -> relu
    b: dense(40000)
}
END
refused heavy trainer <<'END'
heavy.net:1:9: error: network 'heavy' needs 3200080000 values of parameters: emitted C can count 2147483647
    1 | network heavy {
      |         ^~~~~
  note: the largest belongs to a.weight: 1600000000 values with its padding      heavy.net:3:8
  help: use fewer units or channels
END

cat >wide.net <<'END'
network wide {
    input(16384x16384x4)
    c1: conv(4, 3x3, pad=1) -> relu
    c2: conv(4, 3x3, pad=1, stride=16)
    out: dense(2)
}
END
refused wide library <<'END'
wide.net:1:9: error: network 'wide' needs 3221749792 values of activations for one sample in inference: emitted C can count 2147483647
    1 | network wide {
      |         ^~~~
  note: the largest belongs to c1.relu: 2147745808 values with its padding, 16384x16384x4      wide.net:3:32
  help: use a smaller input, fewer channels, or a stride or pooling earlier
END

cat >work.net <<'END'
network work {
    input(8x8x16384)
    a: conv(8192, 3x3, pad=1)
    c: dense(2)
}
END
refused work trainer <<'END'
work.net:1:9: error: network 'work' needs 4916981760 values of workspace in training: emitted C can count 2147483647
    1 | network work {
      |         ^~~~
  note: the largest belongs to a: 4916981760 values with its padding      work.net:3:8
  help: use fewer units or channels, or smaller windows
END

# A batch has at most 2^31 pixels in a layer: here 128 samples of 2^24, of which the last would be counted as below 0. Elements may be more:
# their places are worked out in size_t.
cat >large.net <<'END'
network large {
    input(4096x4096x1)
    avgpool(4096x4096) -> dense(2)
}
train { loss = cross_entropy  batch = 2 }
END
NETC_CFLAGS=-O0 "$netc" build large.net -o large
for batch in 128 1000; do
    status=0
    ./large bench --batch $batch --only inference >log 2>&1 || status=$?
    grep -q "^error: a batch of $batch samples has more than 2^31 pixels in a layer.* at most 127 samples$" log && [ $status -ne 0 ] ||
        { cat log; echo "FAIL a batch of $batch large samples: status $status"; failed=1; }
done
"$netc" emit large.net -o large.c
for file in large.c large_backward.c; do
    grep -q 'const size_t n = (size_t)p->n;' large.c/$file || { echo "FAIL places are worked out in int in $file"; failed=1; }
done

for merge in add mul max; do
    awk -v merge=$merge 'BEGIN {
        print "network many {\n    input(4x4x8)\n    a: conv(8, 3x3, pad=1)\n    " merge " {"
        for (i = 0; i < 100; i++)
            print "        conv(8, 1x1)"
        print "    }\n    dense(3)\n}"
    }' >many.net
    "$netc" emit many.net -o many
    "${CC:-cc}" -std=c11 -Wall -Wextra -Werror -fopenmp -fsyntax-only many/many.c many/many_backward.c || failed=1
done
exit $failed
