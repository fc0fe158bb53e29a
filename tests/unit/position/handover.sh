#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks src/position/handover.pml exhaustively, and that spin finds each of the wrong orders in it.
# handover.sh MODEL; 77: skipped.
set -eu

command -v spin >/dev/null || { echo "skipped: spin is not installed"; exit 77; }
model=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

run() { # defines of the model; prints the errors found
    rm -f pan*
    spin -a "$@" "$model" >spin.log 2>&1 || { cat spin.log >&2; exit 1; }
    "${CC:-cc}" -O2 -w -DSAFETY -DMEMLIM=1024 -DVECTORSZ=256 -o pan pan.c
    ./pan -m100000 >pan.log
    sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log
}

[ "$(run)" = 0 ] || { cat pan.log; echo "handover.pml: an error was found"; exit 1; }
if grep -E 'max search depth too small|out of memory|not completed' pan.log; then
    exit 1
fi
grep 'states, stored' pan.log
for wrong in EARLY LATE UNREAD KEEP; do
    [ "$(run -D$wrong)" = 1 ] || { echo "handover.pml: -D$wrong was not found out"; exit 1; }
done
echo "handover.pml: no error, and 4 wrong orders found"
