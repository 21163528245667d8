#!/usr/bin/env bash
# From a fresh machine to a running example: installs what is needed, builds, starts one JobManager and two TaskManagers of
# two slots, streams trades into the positions example, shows its first output, and returns with all of it running.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TEXT'
usage: quickstart.sh [--rest-port P]

Installs what is needed (as root or with sudo), builds, starts a cluster with live trades and the positions example on it.
stop-cluster.sh ends all of it. A cluster that an earlier quickstart.sh left running is replaced.
TEXT
}

rest_port=8081
while (($# > 0)); do
  case "$1" in
    --rest-port) need_value "$@"; need_number "$1" "$2" 1 65535; rest_port=$2; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown option '$1': see --help" 2 ;;
  esac
done

"$deploy_dir/install-deps.sh"
cd "$root_dir"
mkdir -p build
echo "== Building (log: build/quickstart-build.log)"
{ cmake --preset release -DWIESEL_TESTS=OFF && cmake --build --preset release -j "$(nproc)"; } > build/quickstart-build.log 2>&1 || {
  tail -n 30 build/quickstart-build.log >&2
  die "the build failed: see build/quickstart-build.log"
}

bin_dir=$root_dir/build/release/bin
run_dir=$root_dir/build/run
log_dir=$root_dir/log
data_dir=$root_dir/build/quickstart/trades
"$deploy_dir/stop-cluster.sh" > /dev/null
rm -rf "$root_dir/build/quickstart" && mkdir -p "$data_dir" # with the jobs of the cluster that is replaced
rm -f "$log_dir"/taskmanager-*.out

echo "== Starting one JobManager, two TaskManagers with two slots each, and a generator of trades"
"$deploy_dir/start-cluster.sh" --taskmanagers 2 --slots 2 --rest-port "$rest_port" --run-dir "$run_dir" --log-dir "$log_dir" \
  --data-dir "$root_dir/build/quickstart/data" \
  -- trades "$bin_dir/wiesel-gen" trades --live --rate 1000 --out "$data_dir" --force

echo "== Submitting examples/portfolio/step2_positions.c"
"$bin_dir/wiesel" run -m "127.0.0.1:$rest_port" -d -p 2 examples/portfolio/step2_positions.c -- --trades "$data_dir"

# The print sink writes to the TaskManagers' output files; the first lines come with the first file of trades.
first_lines() {
  cat "$log_dir"/taskmanager-*.out 2> /dev/null | grep -m 8 '"net_qty"' || true
}
for ((i = 0; i < 500; i++)); do
  lines=$(first_lines)
  [[ $(wc -l <<< "$lines") -lt 8 ]] || break
  sleep 0.02
done
[[ -n $lines ]] || die "the job gives no output: see $log_dir"

echo
echo "First output (net position of each symbol, a new one with every trade):"
sed 's/^/  /' <<< "$lines"
echo
echo "All of it goes on running:"
echo "  web page      http://127.0.0.1:$rest_port"
echo "  more output   tail -f $log_dir/taskmanager-*.out"
echo "  jobs          build/release/bin/wiesel list -m 127.0.0.1:$rest_port"
echo "  stop          deploy/stop-cluster.sh"
