#!/bin/sh
# guide.sh NETC - the pages of docs/: their commands print what they show, links and pictures lead somewhere, models are correct.
set -eu
netc=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$(dirname "$0")/../.."
failed=0

fail() {
    echo "FAIL $*"
    failed=$((failed + 1))
}

commands=0 links=0
for page in docs/guide/*.md; do
    awk -v netc="$netc" -v work="$work" -f scripts/refresh.awk "$page" >"$work/page"
    diff "$page" "$work/page" >"$work/diff" || { fail "$page is stale: make guide PAGES=$(basename "$page" .md)"; head -n 10 "$work/diff"; }
    commands=$((commands + $(grep -c '^[$] netc report' "$page" || :)))
done
for page in README.md docs/*.md docs/guide/*.md lang/*.md; do
    grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//' | grep -v '^http' >"$work/links" || :
    while IFS= read -r link; do
        links=$((links + 1))
        file=$(dirname "$page")/${link%%#*}
        [ -n "${link%%#*}" ] || file=$page
        [ -e "$file" ] || { fail "$page: $link does not exist"; continue; }
        case $link in
        *.md#* | "#"*)
            sed -n 's/^##* *//p' "$file" | tr 'A-Z ' 'a-z-' | sed 's/[^-a-z0-9_]//g' | grep -qxF -- "${link#*#}" || fail "$page: no heading for $link"
            ;;
        esac
    done <"$work/links"
done
for picture in docs/guide/*.svg; do
    grep -qF "($(basename "$picture"))" docs/guide/*.md || fail "$picture is on no page"
    head -n 1 "$picture" | grep -q '^<svg\|^<?xml' && tail -n 1 "$picture" | grep -q '</svg>$' || fail "$picture is not whole"
done
for model in docs/guide/*.net; do
    "$netc" check "$model" >"$work/log" 2>&1 && [ ! -s "$work/log" ] || fail "$model: $(head -n 1 "$work/log")"
    "$netc" fmt --check "$model" >"$work/log" 2>&1 || fail "$model is not in canonical form"
    grep -qF "($(basename "$model"))" docs/guide/*.md || fail "$model is on no page"
done

[ "$commands" -gt 5 ] && [ "$links" -gt 50 ] || fail "only $commands commands and $links links found"
[ "$failed" -eq 0 ] || { echo "$failed faults in the pages"; exit 1; }
echo "$commands commands print what the pages show; $links links lead somewhere"
