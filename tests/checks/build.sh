#!/bin/sh
# build.sh NETC - what happens when building goes wrong: a C compiler with much to say, and signals while it works. Compilers here are
# scripts: they take no time.
set -eu
netc=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir tmp
export TMPDIR="$work/tmp" XDG_CACHE_HOME="$work/cache" NETC_CFLAGS=

fail() {
    echo "FAIL $*"
    cat log
    exit 1
}

cat >toy.net <<'END'
network toy {
    input(2)
    dense(3) -> tanh
    dense(2)
}
data { source = spiral(classes=2) }
train { epochs = 1 }
END

# ---- errors ----

cat >wordy <<'END'
#!/bin/sh
for i in $(seq 100); do echo "toy.c:$i:1: warning: something unusual" >&2; done
echo "toy.c: In function 'forward':" >&2
for i in $(seq 200); do echo "toy.c:$i:2: error: number $i" >&2; done
exit 1
END
chmod +x wordy
for command in "build toy.net -o toy" "build toy.net --kind library -o toy.a" "train toy.net" "tune toy.net"; do
    status=0
    CC="$work/wordy" "$netc" $command 2>log || status=$?
    [ $status -eq 3 ] || fail "$command: status $status"
    [ "$(grep -c ': error: ' log)" -eq 19 ] && grep -q "In function 'forward'" log && grep -q 'error: number 1$' log || fail "$command: the first errors"
    ! grep -q warning log || fail "$command: what comes before the errors"
    grep -q '^(20 of 301 lines; NETC_VERBOSE=1 shows all)$' log || fail "$command: how much there is"
    grep -q "could not compile what was emitted for toy" log || fail "$command: the help"
done
NETC_VERBOSE=1 CC="$work/wordy" "$netc" build toy.net -o toy 2>log && fail "a compiler that fails"
[ "$(grep -c 'error: number 200$' log)" -ge 1 ] && [ "$(grep -c warning log)" -ge 100 ] || fail "all that there is"
[ -z "$(ls tmp)" ] && [ ! -e toy ] && [ ! -e toy.a ] || fail "left behind: $(ls . tmp)"

# ---- signals ----

cat >slow <<'END'
#!/bin/sh
echo $$ >>"$PIDS"
sleep 100
END
chmod +x slow
export PIDS="$work/pids"
for number in TERM INT HUP; do
    for command in "build toy.net -o toy" "build toy.net --kind library -o lib" "train toy.net" "tune toy.net"; do
        : >pids
        # a shell lets programs in the background ignore INT, and nohup HUP, and netc goes by that: python starts it as a terminal would
        CC="$work/slow" python3 -c 'import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$netc" $command 2>log &
        run=$!
        for i in $(seq 500); do
            [ ! -s pids ] || break
            sleep 0.02
        done
        [ -s pids ] || fail "$command: the compiler was not started"
        kill -$number $run
        status=0
        wait $run || status=$?
        [ $status -eq 130 ] || fail "$command, SIG$number: status $status"
        for pid in $(cat pids); do
            ! kill -0 "$pid" 2>/dev/null || fail "$command, SIG$number: a compiler goes on"
        done
        [ -z "$(ls tmp)" ] && [ -z "$(find . -name '*.??????' -type d)" ] && [ ! -e toy ] || fail "$command, SIG$number leaves $(ls . tmp)"
        ! grep -q 'could not' log || fail "$command, SIG$number: what it says"
    done
done

# A device is not replaced by a program.
mkfifo pipe
status=0
cp /bin/true quick && CC="$work/quick" "$netc" build toy.net -o pipe 2>log || status=$?
[ $status -eq 3 ] && [ -p pipe ] && grep -q 'no regular file' log || fail "a pipe"
echo "first errors only, and nothing is left behind: compilers that fail, signals to build, train and tune"
