#!/bin/sh
# fuzz.sh PROGRAM SECONDS - runs a libFuzzer program on its seeds: tests/fuzz/seeds/NAME, for the front end every model there is.
# New inputs are kept in build/fuzz/corpus/NAME, inputs that crash in build/fuzz/.
set -eu
program=$1
seconds=$2
cd "$(dirname "$0")/.."
name=$(basename "$program")
corpus=build/fuzz/corpus/${name#fuzz_}
seeds=tests/fuzz/seeds/${name#fuzz_}
mkdir -p "$corpus"
case $name in
fuzz_check | fuzz_front)
    seeds=build/fuzz/models
    rm -rf $seeds
    mkdir -p $seeds
    find examples tests -name '*.net' | while read -r model; do
        cp "$model" "$seeds/$(echo "$model" | tr / _)"
    done
    set -- -max_len=4096
    ;;
fuzz_measured) set -- -close_fd_mask=2 ;; # it says on standard error what is wrong with a file
*) set -- ;;
esac
echo "$name: $seconds s"
"$program" "$corpus" "$seeds" "$@" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix=build/fuzz/ \
    -print_final_stats=1 -verbosity=0
