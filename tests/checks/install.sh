#!/bin/sh
# install.sh NETC - what `make install` puts in place builds and trains a model; `make uninstall` leaves nothing.
set -eu
build=$(dirname "$(realpath "$1")")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset MAKEFLAGS MAKELEVEL
make BUILD="$build" PREFIX=/opt DESTDIR="$work/root" install >"$work/log" || { cat "$work/log"; exit 1; }
cd "$work"
root/opt/bin/netc build root/opt/share/netc/examples/spiral.net -o spiral
./spiral train --plain --epochs 2 --out run >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
test -s run/last.safetensors
cd "$OLDPWD"
make BUILD="$build" PREFIX=/opt DESTDIR="$work/root" uninstall >"$work/log" || { cat "$work/log"; exit 1; }
left=$(find "$work/root" -type f)
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
