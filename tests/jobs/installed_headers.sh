#!/bin/sh
# installed_headers.sh CMAKE BUILD_DIR CC JOB.c: installs the headers into a folder of its own and builds a job with what
# pkg-config says about them.
set -eu
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
"$1" --install "$2" --component headers --prefix "$prefix/some where" > /dev/null
PKG_CONFIG_PATH="$prefix/some where/share/pkgconfig"
export PKG_CONFIG_PATH
flags=$(pkg-config --cflags wiesel)
link=$(pkg-config --variable=jobflags wiesel)
eval "$3" -std=gnu17 -Wall -Wextra -Werror $flags $link "$4" -o "'$prefix/job.so'"
nm -D "$prefix/job.so" | grep -q wiesel_abi_version
echo "built a job with: $flags $link"
