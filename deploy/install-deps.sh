#!/usr/bin/env bash
# Installs the Debian packages that Wiesel needs to be built; with --tests also those that its tests need.
# Asks nothing, and returns at once when everything is there.
set -euo pipefail

build_packages=(build-essential cmake ninja-build pkg-config libzmq3-dev libprotobuf-c-dev protobuf-c-compiler
  libjansson-dev libmicrohttpd-dev libcurl4-openssl-dev libyaml-dev libxxhash-dev)
test_packages=(libcriterion-dev python3 jq curl clang-14 clang-format-14 libclang-rt-14-dev valgrind)

usage() {
  cat <<'TEXT'
usage: install-deps.sh [--tests]

Installs what is needed to build Wiesel (Debian 12 packages); --tests: also what its tests need.
Needs root or sudo only if something is missing.
TEXT
}

packages=("${build_packages[@]}")
for arg in "$@"; do
  case "$arg" in
    --tests) packages+=("${test_packages[@]}") ;;
    -h | --help) usage; exit 0 ;;
    *) echo "install-deps.sh: unknown option '$arg': see --help" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query > /dev/null; then
  echo "install-deps.sh: this is no Debian: install the equivalents of: ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2> /dev/null || true)
  [[ $state == "install ok installed" ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo > /dev/null; then
    echo "install-deps.sh: ${missing[*]} are missing: run this as root, or install sudo" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "Installing ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
"${apt[@]}" update
"${apt[@]}" install --no-install-recommends "${missing[@]}"
