#!/bin/sh
# coverage.sh - docs/coverage.md, made of docs/coverage.txt: what the lectures name, with its construct, reference, test and example.
#
#   scripts/coverage.sh >docs/coverage.md
set -eu
cd "$(dirname "$0")/.."
awk -F' [|] ' '
    function link(text, target) { return "[" text "](" target ")" }
    BEGIN {
        print "# What the lectures name"
        print ""
        print "Made from [coverage.txt](coverage.txt) by `scripts/coverage.sh`; do not edit. tests/docs/coverage.sh checks every cell: that the"
        print "construct compiles or the command exists, that the reference has it, and that test and example use it."
    }
    /^#/ || /^$/ { next }
    /^= / {
        printf "\n## %s\n\n| | construct | reference | test | example |\n|---|---|---|---|---|\n", substr($0, 3)
        next
    }
    {
        kind = $2; sub(/:.*/, "", kind)
        construct = $2; sub(/^[a-z]*: */, "", construct); sub(/^.* @ /, "", construct)
        gsub(/[|]/, "\\|", construct)
        if (kind == "command") construct = "`EXE " construct "`"
        else if (kind == "option") construct = "`EXE " construct "`"
        else if (kind == "network") construct = construct > 0 ? construct " parameters" : "a network"
        else if (kind == "text") construct = "-> reference"
        else if (kind == "loss" || kind == "optimizer") construct = "`" kind " = " construct "`"
        else if (kind == "init") construct = "`weight = " construct "`"
        else construct = "`" construct "`"
        page = $3; sub(/#.*/, "", page); place = $3; sub(/^[^#]*#?/, "", place)
        where = page ~ /^[.][.][/]docs[/]/ ? substr(page, 9) : "../lang/" page
        shown = place == "" ? page : place; sub(/^[.][.][/]docs[/]/, "", shown)
        example = $5 ~ /^docs[/]/ ? link($5, "../" $5) : link($5, "../examples/" $5 ".net")
        printf "| %s | %s | %s | %s | %s |\n", $1, construct, link(shown, where (place == "" ? "" : "#" place)),
            link($4, "../tests/" $4), example
    }' docs/coverage.txt
