#!/bin/sh
# coverage.sh NETC - the table of what the lectures name: docs/coverage.md is made of docs/coverage.txt, and every cell of it is true.
set -eu
netc=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
failed=0

fail() {
    echo "FAIL $*"
    failed=$((failed + 1))
}

sh scripts/coverage.sh >"$work/coverage.md"
cmp -s "$work/coverage.md" docs/coverage.md || fail "docs/coverage.md is stale: scripts/coverage.sh >docs/coverage.md"

# A model that has the construct; its name goes to $model.
model=$work/model.net
write_model() { # KIND CONSTRUCT
    layer="" train="" init="" data='source = idx("d")'
    case $1 in
    layer) layer=$2 ;;
    loss) train="loss = $2" ;;
    optimizer) train="optimizer = $2" ;;
    init) init="weight = $2" ;;
    train) train=$2 ;;
    data) case $2 in source*) data=$2 ;; *) data="$data  $2" ;; esac ;;
    esac
    shape=8x8x4 classes=10
    case $2 in
    *color*) shape=8x8x3 ;;
    *road*) shape=30x32x1 classes=30 ;;
    esac
    cat >"$model" <<END
network t { input($shape)  $layer  d: dense($classes) }
init { $init }
data { $data }
train { $train }
END
}

# The anchors of a Markdown file, as its readers make them of headings.
anchors() {
    sed -n 's/^##* *//p' "$1" | tr 'A-Z ' 'a-z-' | sed 's/[^-a-z0-9_]//g'
}

# Whether a file has a word, in letters of any size, not inside of another one; WORD* only begins there. Comments of models do not count.
mentions() { # FILE WORD
    [ -f "$1" ] || return 1
    case $1 in *.net) sed 's/#.*//' "$1" ;; *) cat "$1" ;; esac | awk -v word="$2" '
        BEGIN { open = sub(/[*]$/, "", word); word = tolower(word) }
        { line = " " tolower($0) " "
          for (at = index(line, word); at; at = next_at ? at + next_at : 0) {
              if (substr(line, at - 1, 1) !~ /[a-z0-9]/ && (open || substr(line, at + length(word), 1) !~ /[a-z0-9]/)) exit found = 1
              next_at = index(substr(line, at + 1), word) } }
        END { exit !found }'
}

"$netc" build examples/spiral.net -o "$work/exe" 2>"$work/log" || { cat "$work/log"; exit 1; }
"$work/exe" --help >"$work/commands"

grep -v '^#\|^=\|^$' docs/coverage.txt >"$work/rows"
while IFS= read -r row; do
    echo "$row" | awk -F' [|] ' '{ for (i = 1; i <= 5; i++) if ($i == "" || $i == "-" || $i == "0") exit 1
                                  exit NF != 5 }' || { fail "an empty cell: $row"; continue; }
    name=${row%% | *}
    rest=${row#* | }
    kind=${rest%%:*}
    construct=${rest#*: }
    construct=${construct%% | *}
    reference=$(echo "$row" | awk -F' [|] ' '{ print $3 }')
    test=tests/$(echo "$row" | awk -F' [|] ' '{ print $4 }')
    example=$(echo "$row" | awk -F' [|] ' '{ print $5 }')
    case $example in docs/*) ;; *) example=examples/$example.net ;; esac
    case $construct in
    *" @ "*) word=${construct%% @ *} construct=${construct#* @ } ;;
    *) word=$(echo "$construct" | sed 's/[^a-z0-9_-].*//') ;;
    esac
    page=lang/${reference%%#*}
    case $reference in ../docs/*) page=${reference#../} ;; esac
    page=${page%%#*}

    # the construct
    case $kind in
    layer | loss | optimizer | init | train | data)
        write_model "$kind" "$construct"
        "$netc" check "$model" >"$work/log" 2>&1 && ! grep -q 'error:' "$work/log" || { fail "$name: '$construct' does not compile"; cat "$work/log"; }
        ;;
    command) grep -q "^  $construct " "$work/commands" || fail "$name: the trainer has no command '$construct'" ;;
    option)
        command=${construct%% *} option=${construct#* }
        "$work/exe" "$command" --help | grep -q -- "^  $option " || fail "$name: '$construct' does not exist"
        ;;
    network)
        word=$(sed -n 's/^network *\([a-z0-9_]*\).*/\1/p' "$example" 2>/dev/null || :)
        "$netc" report --format json "$example" 2>"$work/log" | tr -d ' \n' >"$work/report" || :
        grep -q "\"totals\":{.*\"parameters\":$construct," "$work/report" ||
            fail "$name: $example does not have $construct parameters"
        ;;
    text) word=$construct ;;
    *) fail "$name: unknown kind '$kind'" ;;
    esac

    # reference, test, example
    if [ ! -f "$page" ]; then
        fail "$name: no $page"
    else
        case $reference in
        *"#"*) anchors "$page" | grep -qxF -- "${reference#*#}" || fail "$name: no heading ${reference#*#} in $page" ;;
        esac
        mentions "$page" "$word" || fail "$name: $page does not mention $word"
    fi
    mentions "$test" "$word" || fail "$name: $test does not mention $word"
    case $kind:$example in
    command:*.net | option:*.net) [ -f "$example" ] || fail "$name: no $example" ;; # what it is applied to
    *) mentions "$example" "$word" || fail "$name: $example does not have $word" ;;
    esac
done <"$work/rows"

# What the list of constructs itself names, where it is at hand: each word in back quotes stands in a row.
list=../shared/design/coverage.md
if [ -f "$list" ]; then
    grep -o '`[^`]*`' "$list" | grep -v '/\|^`EXE' | grep -o '[a-z][a-z_0-9]*[a-z0-9]' | sort -u >"$work/named"
    tr -c 'a-z_0-9\n' ' ' <docs/coverage.txt | tr ' ' '\n' | sort -u >"$work/have"
    for word in $(comm -23 "$work/named" "$work/have"); do
        fail "$list names '$word', which is in no row"
    done
fi

rows=$(wc -l <"$work/rows")
[ "$failed" -eq 0 ] || { echo "$failed faults in a table of $rows rows"; exit 1; }
echo "$rows rows: constructs, reference, tests and examples are there"
