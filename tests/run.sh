#!/bin/sh
# run.sh - runs tests, several at a time, and counts them: the last line is "N passed, N failed, N skipped".
#
#   tests/run.sh CASE ...
#
# A case is a file, and its name says what is to happen:
#   tests/frontend/*.err .ast .fmt   what the front end makes of the .net beside it
#   tests/sema/*.err .effective      what `netc check` and `netc report --effective` say of it
#   examples/*.net tests/results/*.net  is correct, and in canonical form
#   tests/torch/*.expected.*         PyTorch's gradients, or weights after some steps
#   *.sh                             a script that is given netc: status 77 skips, its last line says why
#   anything else                    a program of cmocka tests, or one that fails by its status
# Environment: BUILD (build), JOBS (2), NETC_DATA (folder with mnist/ and fashion-mnist/); BLESS=1
# writes the golden files anew, VERBOSE=1 shows what passed and what was slow.
# Status 1 if anything failed.
set -u
cd "$(dirname "$0")/.." || exit 2
BUILD=${BUILD:-build}
NETC=$BUILD/netc
NETC_CFLAGS=${NETC_CFLAGS--O0} # optimising would take most of the time
export BUILD NETC NETC_CFLAGS

# Tells how a case ended, and after `FAIL` what it printed.
verdict() {
    echo "$1 $2${3:+: $3}"
    [ "$1" != FAIL ] || sed 's/^/    /' "$log"
}

# golden FILE STATUS COMMAND ...: the command must end with that status, and print what the file holds.
golden() {
    want=$1 status=$2
    shift 2
    "$@" >"$work/out" 2>&1
    got=$?
    if [ $got -ne "$status" ]; then
        echo "status $got, not $status: $*" >"$log"
        cat "$work/out" >>"$log"
    elif [ -n "${BLESS:-}" ]; then
        cp "$work/out" "$want"
        verdict ok "$want" "written anew"
        return
    elif diff -u "$want" "$work/out" >"$log" 2>&1; then
        verdict ok "$want"
        return
    fi
    verdict FAIL "$want"
    return 1
}

# canonical FORM SOURCE: the canonical form must be its own, and mean the same: its tree is equal but for the places.
canonical() {
    cp "$1" "$work/form.net"
    "$BUILD/tests/front" ast "$work/form.net" | sed 's/ @[0-9:]*$//' >"$work/tree"
    if "$BUILD/tests/front" fmt "$work/form.net" | diff -u "$1" - >"$log" &&
        "$BUILD/tests/front" ast "$2" | sed 's/ @[0-9:]*$//' | diff -u - "$work/tree" >"$log"; then
        verdict ok "$1" "canonical"
    else
        verdict FAIL "$1" "is not its own canonical form, or means something else"
    fi
}

# The tests inside a cmocka program, each by its name; a program that dies is a failure of its own.
program() {
    case $1 in
    */test_checkpoint) "$1" "$BUILD/tests/toy_model" >"$log" 2>&1 ;;
    *) "$1" >"$log" 2>&1 ;;
    esac
    status=$?
    name=${1#"$BUILD"/}
    sed -n -e "s|^\[       OK \] |ok $name: |p" -e "s|^\[  SKIPPED \] \([a-z_0-9]*\)$|skip $name: \1|p" "$log" | sort -u >"$work/found"
    if [ $status -ne 0 ]; then
        verdict FAIL "$name" "status $status"
    elif [ ! -s "$work/found" ]; then
        verdict ok "$name"
    else
        cat "$work/found"
    fi
}

script() {
    sh "$1" "$NETC" >"$log" 2>&1
    status=$?
    case $status in
    0) verdict ok "$1" "$(tail -n 1 "$log")" ;;
    77) verdict skip "$1" "$(tail -n 1 "$log")" ;;
    *) verdict FAIL "$1" "status $status" ;;
    esac
}

example() {
    if "$NETC" check "$1" >"$log" 2>&1 && [ ! -s "$log" ] && "$NETC" fmt --check "$1" >"$log" 2>&1; then
        verdict ok "$1"
    else
        verdict FAIL "$1" "is not correct, or not in canonical form"
    fi
}

run_case() {
    work=$(mktemp -d) || exit 2
    trap 'rm -rf "$work"' EXIT
    export WORK="$work"
    log=$work/log
    base=${1%.*}
    case $1 in
    tests/frontend/*.err) golden "$1" 1 "$BUILD/tests/front" err "$base.net" ;;
    tests/frontend/*.ast) golden "$1" 0 "$BUILD/tests/front" ast "$base.net" ;;
    tests/frontend/*.fmt) golden "$1" 0 "$BUILD/tests/front" fmt "$base.net" && canonical "$1" "$base.net" ;;
    tests/sema/*.err) golden "$1" "$(grep -q ': error: ' "$1"; echo $((1 - $?)))" "$NETC" check "$base.net" ;;
    tests/sema/*.effective) golden "$1" 0 "$NETC" report --effective "$base.net" ;;
    examples/*.net | tests/results/*.net) example "$1" ;;
    tests/torch/*.expected.safetensors)
        name=$(basename "$1" .expected.safetensors)
        case $name in
        mini_lenet5 | merges | batchnorm) [ "$NETC_CFLAGS" != -O0 ] || NETC_CFLAGS= ;; # these as people would build them
        esac
        if tests/torch/check.sh "$NETC" "$work" "$name" >"$log" 2>&1; then
            verdict ok "$1" "$(sed -n 's/^ok *[^ ]* *//p' "$log")"
        else
            verdict FAIL "$1"
        fi
        ;;
    *.sh) script "$1" ;;
    *) program "$1" ;;
    esac
}

if [ "${1-}" = --one ]; then
    start=$(date +%s)
    verdicts=$(run_case "$2") # at once: others print as well
    printf '%s\n' "$verdicts"
    [ $(($(date +%s) - start)) -lt 10 ] || echo "slow $2: $(($(date +%s) - start)) s"
    exit 0
fi

# Data sets: in NETC_DATA, or where they often lie. What is missing is a test skipped.
if [ -z "${NETC_DATA:-}" ]; then
    mkdir -p "$BUILD/data" || exit 2
    NETC_DATA=$(cd "$BUILD/data" && pwd)
    for set in ../shared/data/mnist /usr/share/datasets/fashion-mnist; do
        [ ! -d "$set" ] || ln -sfn "$(realpath "$set")" "$NETC_DATA/$(basename "$set")"
    done
fi
export NETC_DATA

results=$(mktemp) || exit 2
trap 'rm -f "$results"' EXIT
shown='^ok \|^slow '
[ -z "${VERBOSE:-}" ] || shown='^$'
printf '%s\n' "$@" | xargs -P "${JOBS:-2}" -I CASE sh "tests/run.sh" --one CASE | tee "$results" | grep --line-buffered -v "$shown"
passed=$(grep -c '^ok ' "$results")
failed=$(grep -c '^FAIL ' "$results")
skipped=$(grep -c '^skip ' "$results")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
