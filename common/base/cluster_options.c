/*
 * cluster_options - the tables. A default here is what a cluster without any file runs with.
 */
#include "base/cluster_options.h"

/* clang-format off */
const wsl_option wsl_job_options[] = {
    {.name = "pipeline.name", .type = WSL_OPT_STRING,
     .help = "Name of the job; goes before the one its code gives."},
    {.name = "parallelism.default", .type = WSL_OPT_INT, .default_value = "1", .min = "1", .max = "4096",
     .help = "Parallelism of operators that do not set one."},
    {.name = "pipeline.max-parallelism", .type = WSL_OPT_INT, .min = "1", .max = "32768",
     .help = "Number of key groups, which no later parallelism can exceed. Unset: from the parallelism, at least 128."},
    {.name = "pipeline.operator-chaining.enabled", .type = WSL_OPT_BOOL, .default_value = "true",
     .also = "pipeline.operator-chaining",
     .help = "Whether operators that are connected one to one run as one task."},
    {.name = "pipeline.on-error", .type = WSL_OPT_ENUM, .default_value = "fail", .choices = "fail|skip",
     .help = "Rows for which a function returns an error: fail the job, or count (poisonRows) and skip them. Operators may say "
             "otherwise, and send them to a side output (on-error)."},
    {.name = "pipeline.auto-watermark-interval", .type = WSL_OPT_DURATION, .default_value = "200 ms", .min = "1 ms", .max = "1 h",
     .help = "How often periodic watermark generators emit."},
    {.name = "watermark.emit", .type = WSL_OPT_ENUM, .default_value = "periodic", .choices = "periodic|per-record",
     .help = "When watermarks are emitted: at each interval, or after each record that raises them."},
    {.name = "pipeline.watermark-alignment.update-interval", .type = WSL_OPT_DURATION, .default_value = "1 s", .min = "10 ms", .max = "1 h",
     .help = "How often sources of an alignment group say how far they are and are told how far they may go."},
    {.name = "execution.buffer-timeout.interval", .type = WSL_OPT_DURATION, .default_value = "0 ms", .min = "0", .max = "1 h",
     .also = "execution.buffer-timeout",
     .help = "How long output may wait in a buffer that is not full. 0: until its producer has nothing else to do, so records "
             "leave at once when there are few and in full buffers when there are many (in Flink, where the default is 100 ms, "
             "0 sends each record by itself). 1 ms costs a tenth of the CPU at low rates."},
    {.name = "execution.row-size-max", .type = WSL_OPT_SIZE, .default_value = "16 mb", .min = "4 kb", .max = "64 mb",
     .help = "Largest row that may leave an operator; a larger one fails the job."},
    {.name = "task.overdraft.max", .type = WSL_OPT_SIZE, .default_value = "64 mb", .min = "64 kb", .max = "1 gb",
     .help = "Output that one call of a user function may produce beyond its credits; more fails the job."},
    {.name = "taskmanager.network.memory.buffers-per-channel", .type = WSL_OPT_INT, .default_value = "2", .min = "1", .max = "1024",
     .help = "Exclusive buffers (credits) of each incoming channel."},
    {.name = "taskmanager.network.memory.floating-buffers-per-gate", .type = WSL_OPT_INT, .default_value = "8", .min = "0", .max = "4096",
     .help = "Buffers that the channels of one input share; they go where data waits."},
    {.name = "taskmanager.network.memory.max-buffers-per-channel", .type = WSL_OPT_INT, .default_value = "10", .min = "1", .max = "4096",
     .help = "Buffers that one outgoing channel may hold before its task stops reading."},

    /* ---- checkpoints ---- */
    {.name = "execution.checkpointing.interval", .type = WSL_OPT_DURATION, .min = "10 ms", .max = "30 d",
     .help = "How often a checkpoint of the job begins. Unset: none is taken, and a failure ends the job."},
    {.name = "execution.checkpointing.dir", .type = WSL_OPT_STRING, .also = "state.checkpoints.dir",
     .help = "Directory of checkpoints, which JobManager and TaskManagers all see: a path or file:///path."},
    {.name = "execution.checkpointing.savepoint-dir", .type = WSL_OPT_STRING, .also = "state.savepoints.dir",
     .help = "Directory of savepoints that are asked for without one."},
    {.name = "execution.checkpointing.mode", .type = WSL_OPT_ENUM, .default_value = "EXACTLY_ONCE", .choices = "EXACTLY_ONCE|AT_LEAST_ONCE",
     .help = "Whether state holds every row once, or whether tasks do not wait for barriers and rows may count twice after a failure."},
    {.name = "execution.checkpointing.timeout", .type = WSL_OPT_DURATION, .default_value = "10 min", .min = "10 ms", .max = "30 d",
     .help = "A checkpoint that takes longer is given up."},
    {.name = "execution.checkpointing.min-pause", .type = WSL_OPT_DURATION, .default_value = "0 ms", .min = "0", .max = "30 d",
     .help = "Least time from the end of one checkpoint to the beginning of the next. Above 0 there is one at a time."},
    {.name = "execution.checkpointing.max-concurrent-checkpoints", .type = WSL_OPT_INT, .default_value = "1", .min = "1", .max = "100",
     .help = "How many checkpoints may be under way at once."},
    {.name = "execution.checkpointing.tolerable-failed-checkpoints", .type = WSL_OPT_INT, .default_value = "0", .min = "0", .max = "1000000",
     .help = "How many checkpoints may fail one after the other before the job does."},
    {.name = "execution.checkpointing.num-retained", .type = WSL_OPT_INT, .default_value = "1", .min = "1", .max = "1000",
     .also = "state.checkpoints.num-retained",
     .help = "How many of the last complete checkpoints are kept; older ones are what a damaged one falls back to."},
    {.name = "execution.checkpointing.incremental", .type = WSL_OPT_BOOL, .default_value = "true",
     .also = "state.backend.incremental",
     .help = "Whether a checkpoint writes what has changed since the one before, into shared/, instead of all keyed state."},
    {.name = "execution.checkpointing.externalized-checkpoint-retention", .type = WSL_OPT_ENUM, .default_value = "NO_EXTERNALIZED_CHECKPOINTS",
     .choices = "NO_EXTERNALIZED_CHECKPOINTS|DELETE_ON_CANCELLATION|RETAIN_ON_CANCELLATION",
     .help = "Whether checkpoints stay when the job has ended: none; if it failed; if it failed or was canceled."},
    {.name = "execution.checkpointing.data-inline-threshold", .type = WSL_OPT_SIZE, .default_value = "20 kb", .min = "0", .max = "1 mb",
     .also = "state.storage.fs.memory-threshold",
     .help = "State of a task that is no larger than this goes into the checkpoint's metadata instead of a file of its own."},
    {.name = "execution.checkpointing.unaligned.enabled", .type = WSL_OPT_BOOL, .default_value = "false", .also = "execution.checkpointing.unaligned",
     .help = "Whether barriers overtake rows that wait in channels, and those become part of the checkpoint. Not built yet: true is refused."},
    {.name = "execution.checkpointing.aligned-checkpoint-timeout", .type = WSL_OPT_DURATION, .default_value = "0 ms", .min = "0", .max = "30 d",
     .help = "Unaligned checkpoints: how long barriers wait for each other before they overtake."},
    {.name = "execution.checkpointing.checkpoints-after-tasks-finish.enabled", .type = WSL_OPT_BOOL, .default_value = "true",
     .also = "execution.checkpointing.checkpoints-after-tasks-finish",
     .help = "Whether checkpoints go on when some tasks of the job have finished."},

    /* ---- where a job begins ---- */
    {.name = "execution.state-recovery.path", .type = WSL_OPT_STRING, .also = "execution.savepoint.path",
     .help = "Savepoint or checkpoint that the job begins with (run -s), or \"latest\": the newest complete checkpoint in the "
             "checkpoint directory of a job of the same name that does not run any more (run --resume latest)."},
    {.name = "execution.state-recovery.ignore-unclaimed-state", .type = WSL_OPT_BOOL, .default_value = "false",
     .also = "execution.savepoint.ignore-unclaimed-state",
     .help = "Whether state of operators that the job does not have, or that they do not declare any more, is left out (run -n). "
             "Otherwise it is refused."},
    {.name = "execution.state-recovery.claim-mode", .type = WSL_OPT_ENUM, .default_value = "NO_CLAIM", .choices = "NO_CLAIM|CLAIM|LEGACY",
     .also = "execution.savepoint-restore-mode",
     .help = "CLAIM: what the job begins with becomes its own, and is removed when later checkpoints make it needless. NO_CLAIM, LEGACY: it "
             "stays the user's."},

    /* ---- after a failure ---- */
    {.name = "restart-strategy.type", .type = WSL_OPT_ENUM,
     .choices = "none|off|disable|fixed-delay|fixeddelay|failure-rate|failurerate|exponential-delay|exponentialdelay", .also = "restart-strategy",
     .help = "Whether and when a job that failed is started again. Unset: exponential-delay with checkpoints, none without."},
    {.name = "restart-strategy.fixed-delay.attempts", .type = WSL_OPT_INT, .default_value = "1", .min = "1", .max = "2147483647",
     .help = "How often a job is started again."},
    {.name = "restart-strategy.fixed-delay.delay", .type = WSL_OPT_DURATION, .default_value = "1 s", .min = "0", .max = "30 d",
     .help = "Pause before each restart."},
    {.name = "restart-strategy.exponential-delay.initial-backoff", .type = WSL_OPT_DURATION, .default_value = "50 ms", .min = "1 ms", .max = "30 d",
     .help = "Pause before the first restart (Flink: 1 s, which would be most of a failover's time)."},
    {.name = "restart-strategy.exponential-delay.max-backoff", .type = WSL_OPT_DURATION, .default_value = "1 min", .min = "1 ms", .max = "30 d",
     .help = "Longest pause."},
    {.name = "restart-strategy.exponential-delay.backoff-multiplier", .type = WSL_OPT_DOUBLE, .default_value = "1.5", .min = "1", .max = "1000",
     .help = "How much longer each pause is than the one before."},
    {.name = "restart-strategy.exponential-delay.jitter-factor", .type = WSL_OPT_DOUBLE, .default_value = "0.1", .min = "0", .max = "1",
     .help = "By how much of its length a pause is made longer or shorter at random."},
    {.name = "restart-strategy.exponential-delay.reset-backoff-threshold", .type = WSL_OPT_DURATION, .default_value = "1 h", .min = "1 ms", .max = "365 d",
     .help = "A job that ran that long without failure begins with the first pause again."},
    {.name = "restart-strategy.exponential-delay.attempts-before-reset-backoff", .type = WSL_OPT_INT, .min = "1", .max = "2147483647",
     .help = "How often a job is started again before it ran that long. Unset: without end."},
    {.name = "restart-strategy.failure-rate.max-failures-per-interval", .type = WSL_OPT_INT, .default_value = "1", .min = "1", .max = "10000",
     .help = "How many failures within the interval a job survives."},
    {.name = "restart-strategy.failure-rate.failure-rate-interval", .type = WSL_OPT_DURATION, .default_value = "1 min", .min = "1 ms", .max = "365 d",
     .help = "The time in which failures are counted."},
    {.name = "restart-strategy.failure-rate.delay", .type = WSL_OPT_DURATION, .default_value = "1 s", .min = "0", .max = "30 d",
     .help = "Pause before each restart."},
    {.name = "jobmanager.execution.failover-strategy", .type = WSL_OPT_ENUM, .default_value = "region", .choices = "region|full",
     .help = "What starts again when a task fails: those it is connected with by edges, while others go on; or all of the job. Without "
             "checkpoints always all."},
    {.name = "jobmanager.scheduler", .type = WSL_OPT_ENUM, .default_value = "default", .choices = "default|adaptive|Default|Adaptive",
     .also = "scheduler-mode",
     .help = "adaptive: a job for which there are too few slots runs with a lower parallelism, and with more when slots come. default: "
             "it waits."},
    {.name = "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout", .type = WSL_OPT_DURATION, .default_value = "2 s",
     .min = "0", .max = "30 d",
     .help = "How long an adaptive job waits for all of its slots, when it is new or starts again, before it begins with those there are "
             "(Flink: 10 s)."},
    {.name = "jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout", .type = WSL_OPT_DURATION, .default_value = "1 s",
     .min = "0", .max = "30 d",
     .help = "How long slots must have been there before an adaptive job grows into them (Flink: 60 s). It takes a checkpoint first."},
    {.name = "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling", .type = WSL_OPT_DURATION, .default_value = "10 s",
     .min = "0", .max = "30 d",
     .help = "Least time between a change of an adaptive job's parallelism and its growing (Flink: 30 s)."},
    {.name = "web.checkpoints.history", .type = WSL_OPT_INT, .default_value = "10", .min = "1", .max = "10000",
     .help = "How many checkpoints of a job are remembered for the page."},
    {.name = NULL},
};

const wsl_option wsl_cluster_options[] = {
    /* ---- where things are ---- */
    {.name = "rest.address", .type = WSL_OPT_STRING, .default_value = "127.0.0.1",
     .help = "Where clients find the JobManager's REST interface."},
    {.name = "rest.port", .type = WSL_OPT_INT, .default_value = "8081", .min = "0", .max = "65535",
     .help = "Port of the REST interface and the web page. 0: any free one."},
    {.name = "rest.bind-address", .type = WSL_OPT_STRING, .default_value = "127.0.0.1",
     .help = "Address the REST interface is bound to."},
    {.name = "jobmanager.rpc.address", .type = WSL_OPT_STRING, .default_value = "127.0.0.1",
     .help = "Where TaskManagers find the JobManager."},
    {.name = "jobmanager.rpc.port", .type = WSL_OPT_INT, .default_value = "6123", .min = "0", .max = "65535",
     .help = "Port of the JobManager for TaskManagers. 0: any free one."},
    {.name = "taskmanager.host", .type = WSL_OPT_STRING, .default_value = "127.0.0.1",
     .help = "Address of this TaskManager, for binding and for its peers."},
    {.name = "taskmanager.data.port", .type = WSL_OPT_INT, .default_value = "0", .min = "0", .max = "65535",
     .help = "Port for data between TaskManagers. 0: any free one."},
    {.name = "taskmanager.resource-id", .type = WSL_OPT_STRING,
     .help = "Name of this TaskManager. Unset: host, port and six random digits."},
    {.name = "security.insecure", .type = WSL_OPT_BOOL, .default_value = "false",
     .help = "Allow addresses other than loopback although connections are neither encrypted nor authenticated."},

    /* ---- slots and memory ---- */
    {.name = "taskmanager.numberOfTaskSlots", .type = WSL_OPT_INT, .default_value = "1", .min = "1", .max = "1024",
     .help = "Slots of this TaskManager; each is one thread that runs one slice of a pipeline."},
    {.name = "taskmanager.memory.network.size", .type = WSL_OPT_SIZE, .default_value = "64 mb", .min = "1 mb", .max = "1 tb",
     .help = "Memory for buffers between tasks; reserved at the start, touched when used."},
    {.name = "taskmanager.memory.segment-size", .type = WSL_OPT_SIZE, .default_value = "32 kb", .min = "4 kb", .max = "1 mb",
     .help = "Size of one buffer."},
    {.name = "taskmanager.network.thread", .type = WSL_OPT_ENUM, .default_value = "auto", .choices = "auto|own|slot",
     .help = "Which thread moves data between processes: one of its own, or that of the first slot, which saves wake-ups but "
             "lets user code that blocks hold up the network. auto: the slot's if there is just one."},
    {.name = "taskmanager.network.ipc", .type = WSL_OPT_BOOL, .default_value = "true",
     .help = "TaskManagers of one host talk over local sockets instead of TCP."},
    {.name = "taskmanager.network.local", .type = WSL_OPT_ENUM, .default_value = "socket", .choices = "socket|zeromq",
     .help = "How, then: from loop to loop without a thread in between (socket), or over ZeroMQ like everything else."},
    {.name = "taskmanager.network.frame-size-max", .type = WSL_OPT_SIZE, .default_value = "256 kb", .min = "4 kb", .max = "16 mb",
     .help = "How much data one network message may carry when several buffers wait."},
    {.name = "taskmanager.async.threads", .type = WSL_OPT_INT, .default_value = "4", .min = "1", .max = "1024",
     .help = "Threads on which all async functions here run what blocks (wsl_async_run); started when needed. A task that would get "
             "none because others keep them all gets one more."},

    {.name = "taskmanager.checkpoint.threads", .type = WSL_OPT_INT, .default_value = "2", .min = "1", .max = "64",
     .help = "Threads that write checkpoints to disk; started when needed."},

    {.name = "taskmanager.loop.spin", .type = WSL_OPT_INT, .default_value = "0", .min = "0", .max = "100000",
     .help = "CPU pauses (of some 25 ns) a slot looks for work before it sleeps. More lowers latency where cores are idle and "
             "costs throughput where they are not."},

    {.name = "taskmanager.loop.nap", .type = WSL_OPT_DURATION, .default_value = "60 us", .min = "0", .max = "10 ms",
     .help = "A slot whose next timer is no further away than this sleeps until then and is not woken for data that comes "
             "meanwhile, which saves a wake-up of some 5 us. 0: woken at once."},

    /* ---- life signs and patience ---- */
    {.name = "heartbeat.interval", .type = WSL_OPT_DURATION, .default_value = "10 s", .min = "10 ms", .max = "1 h",
     .help = "How often JobManager and TaskManagers hear from each other."},
    {.name = "heartbeat.timeout", .type = WSL_OPT_DURATION, .default_value = "50 s", .min = "20 ms", .max = "1 d",
     .help = "Silence after which the other side counts as lost; broken connections are noticed at once."},
    {.name = "slot.request.timeout", .type = WSL_OPT_DURATION, .default_value = "5 min", .min = "1 ms", .max = "30 d",
     .help = "How long a job waits for slots before it fails."},
    {.name = "task.cancellation.timeout", .type = WSL_OPT_DURATION, .default_value = "180 s", .min = "0", .max = "1 d",
     .help = "A task that has not ended this long after its cancel takes its TaskManager down. 0: never."},
    {.name = "metrics.fetcher.update-interval", .type = WSL_OPT_DURATION, .default_value = "10 s", .min = "10 ms", .max = "1 h",
     .help = "How often TaskManagers report metrics while nobody looks at them; a live view asks for more."},

    /* ---- when the JobManager dies ---- */
    {.name = "high-availability.type", .type = WSL_OPT_ENUM, .default_value = "file", .choices = "file|none",
     .help = "Whether jobs, their history and what clients asked for outlive the JobManager: in a directory, or not at all."},
    {.name = "high-availability.storageDir", .type = WSL_OPT_STRING,
     .help = "That directory, a path or file:///path. Unset: where the JobManager was started with --data-dir, as start-cluster.sh "
             "does; without that nothing outlives it."},

    /* ---- files ---- */
    {.name = "io.tmp.dirs", .type = WSL_OPT_STRING, .default_value = "/tmp",
     .help = "Directory for artifacts, sockets and other temporary files."},
    {.name = "env.log.dir", .type = WSL_OPT_STRING,
     .help = "Directory of log files. Unset: log to standard error."},
    {.name = "log.level", .type = WSL_OPT_ENUM, .default_value = "info", .choices = "debug|info|warn|error",
     .help = "Least important lines that are logged."},
    {.name = "log.rotate.size", .type = WSL_OPT_SIZE, .default_value = "64 mb", .min = "4 kb", .max = "1 tb",
     .help = "Size at which a log file is moved aside."},
    {.name = "log.rotate.keep", .type = WSL_OPT_INT, .default_value = "5", .min = "0", .max = "1000",
     .help = "Number of old log files that are kept."},
    {.name = "web.dir", .type = WSL_OPT_STRING,
     .help = "Directory of the web page's files. Unset: the ones installed with the program."},
    {.name = NULL},
};
/* clang-format on */

wsl_config *wsl_cluster_config_new(void)
{
    const wsl_option *const tables[] = {wsl_cluster_options, wsl_job_options};
    return wsl_config_new(tables, WSL_ARRAY_LEN(tables));
}
