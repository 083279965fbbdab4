#!/bin/sh
# sanitized.sh NAME SANITIZERS [TEST OPTION...] - builds into build-NAME with them, then tests that.
set -eu

build=build-$1
sanitizers=$2
shift 2
[ -f "$build/build.ninja" ] || meson setup "$build" -Db_sanitize="$sanitizers" -Db_lundef=false
ninja -C "$build"
# What these find ends the process, so that no test passes over it.
export ASAN_OPTIONS="abort_on_error=1:detect_stack_use_after_return=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:${TSAN_OPTIONS:-}"
exec tests/run --build "$build" "$@"
