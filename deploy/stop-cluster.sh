#!/usr/bin/env bash
# Stops the cluster that start-cluster.sh started; returns when all of its processes are gone.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

run_dir=$default_run_dir
while (($# > 0)); do
  case "$1" in
    --run-dir) need_value "$@"; run_dir=$2; shift 2 ;;
    -h | --help)
      echo "usage: stop-cluster.sh [--run-dir DIR]"
      echo
      echo "Stops the cluster of that run directory (default build/run, installed: ~/.local/state/wiesel/run). Exit code 0: nothing of it runs any more."
      exit 0
      ;;
    *) die "unknown option '$1': see --help" 2 ;;
  esac
done

bin_dir=$(find_bin_dir)
[[ ! -d $run_dir ]] || run_dir=$(cd "$run_dir" && pwd)
status=0
said=$("$bin_dir/wiesel-supervisor" --run-dir "$run_dir" --stop 2>&1) || status=$?
# What killed processes left there goes, too.
[[ $status != 0 && $status != 4 ]] || rm -rf "$(cluster_tmp_dir "$run_dir")"
case $status in
  0) echo "Stopped the cluster of $run_dir" ;;
  4) echo "No cluster runs from $run_dir" ;;
  *) die "${said#wiesel-supervisor: }" ;;
esac
