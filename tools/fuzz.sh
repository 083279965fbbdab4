#!/bin/sh
# fuzz.sh [TARGET...] - each fuzz target for EACH seconds (30), from its corpus; a finding fails.
#
# What is new is kept in build-fuzz/found/TARGET; the corpus in the tree is only read.
set -eu

each=${EACH:-30}
build="build-fuzz"
if [ ! -f "$build/build.ninja" ]; then
    CC=clang meson setup "$build" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
fi
ninja -C "$build"

[ $# -gt 0 ] || {
    names=$(find "$build/tests/fuzz" -maxdepth 1 -name 'fuzz_*' -type f | sed 's/.*fuzz_//' | sort)
    # shellcheck disable=SC2086 # one word a target
    set -- $names
}
for target; do
    found="$build/found/$target"
    mkdir -p "$found" "tests/fuzz/corpus/$target"
    echo "fuzz: $target for $each s"
    UBSAN_OPTIONS=halt_on_error=1 "$build/tests/fuzz/fuzz_$target" -max_total_time="$each" \
        -verbosity=0 -print_final_stats=1 -artifact_prefix="$found-" \
        "$found" "tests/fuzz/corpus/$target" >"$found.log" 2>&1 || {
        cat "$found.log"
        echo "fuzz: $target: found something, see above" >&2
        exit 1
    }
    grep executed_units "$found.log"
done
