#!/usr/bin/env bash
# Starts one JobManager and some TaskManagers on this machine, under a supervisor that restarts those that die. Returns
# when the REST interface answers and all TaskManagers are registered.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TEXT'
usage: start-cluster.sh [options] [-- NAME PROGRAM ARG...]

  --taskmanagers N   number of TaskManagers, default 2
  --slots S          slots of each, default 2
  --conf PATH        configuration file, or a directory with wiesel.yaml; default deploy/conf
  --rest-port P      port of the REST interface and the web page, default 8081
  --rpc-port P       port for TaskManagers; default 6123, with --rest-port P it is P + 10000 (or P - 10000)
  --run-dir DIR      process ids and the cluster's lock, default build/run (installed:
                     ~/.local/state/wiesel/run); one directory is one cluster
  --log-dir DIR      logs; default log (installed: ~/.local/state/wiesel/log), with --run-dir DIR it is DIR/log
  --data-dir DIR     what outlives the processes: jobs, which the next JobManager goes on with, also that of the next
                     start-cluster.sh. Default build/data (installed: ~/.local/state/wiesel/data), with --run-dir DIR it
                     is DIR/data. -D high-availability.type=none keeps nothing
  -D key=value       an option for all processes; may be repeated
  --timeout SECONDS  how long to wait for all of them, default 30
  -h, --help

What stands behind -- is kept running beside the cluster, under that name. stop-cluster.sh ends everything.
Several clusters run side by side if each has its own --run-dir and --rest-port.
Exit code 0: all are there; 1: not started; 2: wrong options.
TEXT
}

taskmanagers=2 slots=2 conf=$deploy_dir/conf rest_port='' rpc_port='' run_dir='' log_dir='' data_dir='' timeout=30
defines=() extra=()
while (($# > 0)); do
  case "$1" in
    --taskmanagers) need_value "$@"; need_number "$1" "$2" 0 1000; taskmanagers=$2; shift 2 ;;
    --slots) need_value "$@"; need_number "$1" "$2" 1 1024; slots=$2; shift 2 ;;
    --conf) need_value "$@"; conf=$2; shift 2 ;;
    --rest-port) need_value "$@"; need_number "$1" "$2" 1 65535; rest_port=$2; shift 2 ;;
    --rpc-port) need_value "$@"; need_number "$1" "$2" 1 65535; rpc_port=$2; shift 2 ;;
    --run-dir) need_value "$@"; run_dir=$2; shift 2 ;;
    --log-dir) need_value "$@"; log_dir=$2; shift 2 ;;
    --data-dir) need_value "$@"; data_dir=$2; shift 2 ;;
    --timeout) need_value "$@"; need_number "$1" "$2" 1 3600; timeout=$2; shift 2 ;;
    -D) need_value "$@"; defines+=(-D "$2"); shift 2 ;;
    -D*) defines+=("$1"); shift ;;
    --) shift; extra=("$@"); break ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown option '$1': see --help" 2 ;;
  esac
done
((${#extra[@]} == 0 || ${#extra[@]} >= 2)) || die "behind -- stand a name and a program" 2

[[ -d $conf ]] && conf=$conf/wiesel.yaml
[[ -f $conf ]] || die "there is no configuration '$conf': name one with --conf" 2
if [[ -z $rpc_port ]]; then
  rpc_port=6123
  [[ -z $rest_port ]] || rpc_port=$((rest_port > 55535 ? rest_port - 10000 : rest_port + 10000))
fi
rest_port=${rest_port:-8081}
log_dir=${log_dir:-${run_dir:+$run_dir/log}}
log_dir=${log_dir:-$default_log_dir}
data_dir=${data_dir:-${run_dir:+$run_dir/data}}
data_dir=${data_dir:-$default_data_dir}
run_dir=${run_dir:-$default_run_dir}
mkdir -p "$run_dir" "$log_dir" "$data_dir" || die "cannot make '$run_dir', '$log_dir' and '$data_dir'"
run_dir=$(cd "$run_dir" && pwd)
log_dir=$(cd "$log_dir" && pwd)
data_dir=$(cd "$data_dir" && pwd)
conf=$(cd "$(dirname "$conf")" && pwd)/${conf##*/}
bin_dir=$(find_bin_dir)
tmp_dir=$(cluster_tmp_dir "$run_dir")

# Whoever listens there would answer in place of our JobManager.
for port in "$rest_port" "$rpc_port"; do
  if port_is_busy "$port"; then
    die "port $port is in use: stop what listens there (another cluster: deploy/stop-cluster.sh), or name another with --rest-port and --rpc-port"
  fi
done

options=(-c "$conf" -D "rest.port=$rest_port" -D "jobmanager.rpc.port=$rpc_port" -D "env.log.dir=$log_dir" -D "io.tmp.dirs=$tmp_dir" "${defines[@]}")
children=(--child jobmanager "$bin_dir/wiesel-jobmanager" "${options[@]}" --data-dir "$data_dir" --)
for ((i = 1; i <= taskmanagers; i++)); do
  children+=(--child "taskmanager-$i" "$bin_dir/wiesel-taskmanager" "${options[@]}" -D "taskmanager.numberOfTaskSlots=$slots" --)
done
((${#extra[@]} == 0)) || children+=(--child "${extra[@]}" --)

make_tmp_dir "$tmp_dir"
"$bin_dir/wiesel-supervisor" --run-dir "$run_dir" --log-dir "$log_dir" --daemonize "${children[@]}"
supervisor=$(< "$run_dir/supervisor.pid")

if ! said=$("$bin_dir/wiesel" wait -m "127.0.0.1:$rest_port" --taskmanagers "$taskmanagers" --slots $((taskmanagers * slots)) \
  --pid "$supervisor" --timeout $((timeout * 1000)) 2>&1); then
  "$bin_dir/wiesel-supervisor" --run-dir "$run_dir" --stop > /dev/null 2>&1 || true
  rm -rf "$tmp_dir"
  if [[ -s $run_dir/failure ]]; then
    die "$(< "$run_dir/failure")"
  fi
  die "$said (logs are in $log_dir)"
fi
kill -USR1 "$supervisor" 2> /dev/null || true # from here on a process that ends is started again, whatever its exit code
stop_script=$deploy_dir/stop-cluster.sh
[[ $PWD != "$root_dir" ]] || stop_script=deploy/stop-cluster.sh
echo "$said"
echo "Web page and REST: http://127.0.0.1:$rest_port    logs: $log_dir    stop: $stop_script$([[ $run_dir == "$default_run_dir" ]] || echo " --run-dir $run_dir")"
