#!/usr/bin/env bash
# Installs what the tests need, builds, and runs all of them: with sanitizers first, then the release build, whose ctest
# summary is the last thing printed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TEXT'
usage: test.sh [--quick | --long]

Installs what the tests need, builds and runs them all (sanitized and release). --quick: release only.
--long: longer campaigns too (more seeds, ThreadSanitizer, fuzzing for some minutes).
Exit code 0: all passed.
TEXT
}

mode=all
for arg in "$@"; do
  case "$arg" in
    --quick) mode=quick ;;
    --long) mode=long ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown option '$arg': see --help" 2 ;;
  esac
done

"$deploy_dir/install-deps.sh" --tests
cd "$root_dir"
jobs=$(nproc)
failed=()

# build_and_test PRESET: goes on after failed tests, so that one run tells all; a build that fails ends it.
build_and_test() {
  echo "== $1: build"
  cmake --preset "$1" -DWIESEL_TESTS=ON > "build/$1-configure.log" 2>&1 || { cat "build/$1-configure.log" >&2; die "cmake --preset $1 failed"; }
  cmake --build --preset "$1" -j "$jobs"
  echo "== $1: tests"
  ctest --preset "$1" -j "$jobs" || failed+=("$1")
}

mkdir -p build
[[ $mode != long ]] || export WIESEL_TEST_LONG=1
[[ $mode == quick ]] || build_and_test asan
[[ $mode != long ]] || build_and_test tsan
if [[ $mode == long ]]; then
  cmake --preset fuzz -DWIESEL_TESTS=ON > build/fuzz-configure.log
  cmake --build --preset fuzz -j "$jobs"
  ctest --test-dir build/fuzz -L fuzz --output-on-failure || failed+=(fuzz)
fi
for preset in "${failed[@]}"; do
  echo "test.sh: tests failed in the $preset build; see above" >&2
done
build_and_test release
((${#failed[@]} == 0))
