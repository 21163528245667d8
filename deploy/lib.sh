# What the scripts of this folder share; sourced, not run.

deploy_dir=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root_dir=$(dirname "$deploy_dir")

# Of a source tree: inside of it. Of an installation: the user's.
if [[ -f $root_dir/CMakeLists.txt ]]; then
  default_run_dir=$root_dir/build/run
  default_log_dir=$root_dir/log
  default_data_dir=$root_dir/build/data
else
  default_run_dir=${XDG_STATE_HOME:-${HOME:-/tmp}/.local/state}/wiesel/run
  default_log_dir=${XDG_STATE_HOME:-${HOME:-/tmp}/.local/state}/wiesel/log
  default_data_dir=${XDG_STATE_HOME:-${HOME:-/tmp}/.local/state}/wiesel/data
fi

die() {
  echo "${0##*/}: $1" >&2
  exit "${2:-1}"
}

# Where the programs are: $WIESEL_BIN_DIR, a build of this source tree, or those of an installation around this folder.
find_bin_dir() {
  local dir
  for dir in "${WIESEL_BIN_DIR:-}" "$root_dir/build/release/bin" "$root_dir/bin" "$root_dir/../../bin"; do
    if [[ -n $dir && -x $dir/wiesel-supervisor ]]; then
      (cd "$dir" && pwd)
      return
    fi
  done
  die "Wiesel is not built: run deploy/quickstart.sh, or cmake --preset release && cmake --build --preset release"
}

# The directory for temporary files of the cluster of a run directory: short, because paths of sockets may not have more
# than 107 bytes, and the same for stop-cluster.sh, which removes it.
cluster_tmp_dir() {
  local sum
  sum=$(cksum <<< "$1")
  printf '%s/wiesel-%s-%s\n' "${TMPDIR:-/tmp}" "$(id -u)" "${sum%% *}"
}

# Ours alone: what somebody else has put there is not used.
make_tmp_dir() {
  mkdir -m 700 -p "$1"
  [[ -O $1 && ! -L $1 ]] || die "'$1' belongs to somebody else: remove it, or set TMPDIR to a directory of yours"
}

# Is somebody listening on this port of the loopback interface?
port_is_busy() {
  (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}

# need_value OPTION VALUE...: dies unless a value follows the option.
need_value() {
  (($# >= 2)) || die "$1 needs a value: see --help" 2
}

# need_number OPTION VALUE MIN MAX
need_number() {
  if ! [[ $2 =~ ^[0-9]{1,6}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
    die "$1 takes a whole number from $3 to $4, not '$2'" 2
  fi
}
