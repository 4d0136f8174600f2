#!/bin/sh
# deps.sh [look|build|test|demo] - sees to the Debian packages that make, make test or make demo needs.
#
# What is missing is installed if root runs this; anyone else is told the command to give to root. On other systems the
# list of packages below says what to look for. `look` is for make itself: it only tells.
set -eu
build="gcc make flex bison libjansson-dev zlib1g-dev libjpeg62-turbo-dev libpng-dev"
what=${1:-build}
case $what in
look | build) packages=$build ;;
test) packages="$build libcmocka-dev dataset-fashion-mnist" ;;
demo) packages="$build dataset-fashion-mnist" ;;
*)
    sed -n 's/^# \(deps.sh .*\)/usage: \1/p' "$0" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null; then
    [ "$what" != look ] || exit 0
    echo "deps.sh: not a Debian system; this is needed: $packages" >&2
    exit 0
fi
missing=
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=none
    [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    exit 0
fi
if [ "$what" = look ]; then
    echo "deps.sh: some Debian packages are missing. As root: make deps, or" >&2
    echo "    apt-get update && apt-get install --no-install-recommends$missing" >&2
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "deps.sh: some Debian packages are missing. As root:" >&2
    echo "    apt-get update && apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
# shellcheck disable=SC2086 # a list of words
apt-get -q install -y --no-install-recommends $missing
