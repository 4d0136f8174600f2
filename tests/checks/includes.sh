#!/bin/sh
# includes.sh NETC - who may know whom: dependencies between the parts point one way only. Seen through all levels of #include.
set -eu
cd "$(dirname "$0")/../.."
gen=$(dirname "$1")/gen
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for file in compiler/*.c compiler/*/*.c runtime/*.c; do
    "${CC:-cc}" -MM -MG -DNT_DOUBLE -Icompiler -I"$gen" "$file" | tr -d '\\\n' |
        awk -v file="$file" '{ for (i = 3; i <= NF; i++) print file, $i }'
done >"$work/seen"

# The one header that both sides run: weights that are compiled in are loaded with the library's own loader.
loader='compiler/emit/library.c compiler/emit/../../runtime/loader.h'
grep -qxF "$loader" "$work/seen" || { echo "the exception for runtime/loader.h is not needed"; exit 1; }
grep -vxF "$loader" "$work/seen" >"$work/rest"
mv "$work/rest" "$work/seen"

# Lines "FILES must not see HEADERS": extended regular expressions on whole paths.
cat >"$work/rules" <<'END'
compiler/(arena|checked|die|file|hash|str|vec)[.]c     must not see .*/(diag|ast|graph|op|target)[.]h
compiler/(arena|checked|die|file|hash|str|vec|diag)[.]c must not see .*/(ast|graph|op|target)[.]h
compiler/(ast|brackets|format|lex|parse)[.]c           must not see .*/(graph|op|target|config|sema|passes|driver)[.]h
compiler/(graph|verify|op|optimizers|inits|autodiff|interp|target)[.]c must not see .*/(ast|parse|sema|passes|driver|ctree|emit)[.]h
compiler/ops/.*[.]c                                    must not see .*/(ast|parse|sema|passes|driver|ctree|emit)[.]h
compiler/passes/.*[.]c                                 must not see .*/(ast|parse|sema|driver)[.]h|.*/emit/.*
compiler/sema/.*[.]c                                   must not see .*/(passes|driver)[.]h|.*/emit/.*
compiler/emit/.*[.]c                                   must not see .*/(ast|parse|sema|passes|driver)[.]h
compiler/.*                                            must not see .*runtime/.*[.][ch]
runtime/.*                                             must not see .*compiler/.*
END
failed=0
while IFS= read -r rule; do
    files=$(echo "${rule%% must not see *}" | sed 's/ *$//')
    headers=${rule##* must not see }
    if ! awk '{ print $1 }' "$work/seen" | grep -Eqx "$files"; then
        echo "no file is meant by the rule for $files"
        failed=1
    fi
    if grep -Ex "($files) ([^ ]*/)?(${headers})" "$work/seen"; then
        echo "  against the rule: $rule"
        failed=1
    fi
done <"$work/rules"
exit $failed
