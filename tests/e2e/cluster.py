"""cluster - real clusters for tests: real processes, started and stopped by the scripts of deploy/.

    class WordCount(ClusterTest):
        def test_counts(self):
            run = self.cluster.run(self.source("examples/wordcount/wordcount_files.c"), job_args=["--in", self.texts])
            self.assertEqual(run.code, 0)

Every cluster has directories and ports of its own, so that test files run side by side. Nothing here sleeps for a result:
`wait_for` polls until an event is there or its time is over. A cluster ends with its test even if the test's process is
killed (a guard waits for the end of a pipe), and `Cluster.stop` fails if any of its processes is left.

WIESEL_BIN_DIR and WIESEL_SOURCE_DIR say what is tested; WIESEL_SANITIZE is set in sanitized builds, where times and sizes are
printed but not judged.
"""

import fcntl
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE_DIR = pathlib.Path(os.environ.get("WIESEL_SOURCE_DIR") or pathlib.Path(__file__).resolve().parents[2])
BIN_DIR = pathlib.Path(os.environ.get("WIESEL_BIN_DIR") or SOURCE_DIR / "build/release/bin")
JOBS_DIR = pathlib.Path(__file__).resolve().parent / "jobs"
SANITIZED = os.environ.get("WIESEL_SANITIZE", "") != ""

# How much longer everything may take where it is not measured: sanitizers and loaded machines are slow.
PATIENCE_S = 60.0

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_NOT_FOUND, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 130
JOB_ID = re.compile(r"\b[0-9a-f]{32}\b")
FINAL_STATES = {"FINISHED", "FAILED", "CANCELED"}


class TimedOut(AssertionError):
    pass


class Refused(AssertionError):
    """REST answered with another status than 200."""

    def __init__(self, path, status, body):
        super().__init__(f"GET {path}: {status} {body[:500]!r}")
        self.status = status


def wait_for(what, look, timeout=PATIENCE_S, pause=0.005):
    """The first truthy result of look(); TimedOut says what did not happen."""
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise TimedOut(f"not within {timeout:g} s: {what}")
        time.sleep(pause)


def say(text):
    """A measured number, for the log of the test."""
    print(f"    {text}", file=sys.stderr, flush=True)


# ---- processes ----


def stat_of(pid):
    """(state, start time in ticks) of a process, or None."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[19])


class Process:
    """A process by id and start time, so that a reused id is never taken for it."""

    def __init__(self, pid):
        self.pid = pid
        stat = stat_of(pid)
        self.start = stat[1] if stat else None

    def alive(self):
        stat = stat_of(self.pid)
        return self.start is not None and stat is not None and stat[1] == self.start and stat[0] not in "ZX"

    def kill(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def rss(self):
        """Resident bytes."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) * 1024

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processes_naming(text):
    """Ids of living processes whose command line holds the text (a directory that is this cluster's alone)."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        stat = stat_of(int(entry.name))
        if text in line and stat and stat[0] not in "ZX":
            found.append((int(entry.name), line.strip()))
    return found


# ---- ports ----


class Port:
    """A free port of the loopback interface, kept from the other tests of this machine by a lock on a file.

    Below the range from which the system takes the ports of outgoing connections, so that nobody gets it by chance.
    """

    FIRST, LAST = 15000, 31999

    def __init__(self):
        directory = pathlib.Path(tempfile.gettempdir()) / f"wiesel-e2e-ports-{os.getuid()}"
        directory.mkdir(exist_ok=True)
        for number in random.SystemRandom().sample(range(self.FIRST, self.LAST), 500):
            lock = open(directory / str(number), "w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", number))
            except OSError:
                lock.close()
                continue
            self.number, self.lock = number, lock
            return
        raise AssertionError("no free port on this machine")

    def release(self):
        self.lock.close()


# ---- results of the command line ----


class Run:
    """A finished run of the CLI."""

    def __init__(self, argv, code, out, err, seconds):
        self.argv, self.code, self.out, self.err, self.seconds = argv, code, out, err, seconds

    def __str__(self):
        return f"{' '.join(self.argv)}\n  exit code {self.code} after {self.seconds:.3f} s\n  out: {self.out}\n  err: {self.err}"

    def json(self):
        return json.loads(self.out)

    def rows(self):
        """The standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def job_id(self):
        found = JOB_ID.search(self.out) or JOB_ID.search(self.err)
        if not found:
            raise AssertionError(f"no job id in the output of {self}")
        return found.group(0)

    def errors(self):
        """What it complained about, without the live line and the words about the job."""
        return [line for line in self.err.splitlines() if line.startswith("wiesel")]


class Attached:
    """A run of the CLI that goes on; its output goes to files, so that it never blocks on us."""

    def __init__(self, argv, env, cwd, directory):
        self.argv, self.began = argv, time.monotonic()
        self.out_path, self.err_path = directory / "out", directory / "err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.popen = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def text(self):
        return self.out_path.read_text(errors="replace"), self.err_path.read_text(errors="replace")

    def job_id(self):
        """As soon as it has been said."""

        def look():
            for text in self.text():
                if found := JOB_ID.search(text):
                    return found.group(0)
            if self.popen.poll() is not None:
                raise AssertionError(f"ended without a job: {self.text()}")
            return None

        return wait_for("the id of the submitted job", look)

    def signal(self, number):
        self.popen.send_signal(number)

    def end(self, timeout=PATIENCE_S):
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise TimedOut(f"still running after {timeout:g} s: {self.argv}: {self.text()}") from None
        out, err = self.text()
        return Run(self.argv, code, out, err, time.monotonic() - self.began)


def cli_env(work_dir, **more):
    env = {k: v for k, v in os.environ.items() if k not in ("WIESEL_CONF_DIR", "CFLAGS")}
    env.update(XDG_CACHE_HOME=str(work_dir / "cache"), WIESEL_BIN_DIR=str(BIN_DIR), TZ="UTC", LC_ALL="C", **more)
    return env


def cli(work_dir, *args, timeout=PATIENCE_S, env=None, cwd=None):
    """Runs `wiesel` to its end."""
    argv = [str(BIN_DIR / "wiesel"), *map(str, args)]
    began = time.monotonic()
    done = subprocess.run(
        argv, env=env or cli_env(work_dir), cwd=cwd or work_dir, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout
    )
    text = [part.decode(errors="replace") for part in (done.stdout, done.stderr)]
    return Run(argv, done.returncode, *text, time.monotonic() - began)


# ---- the cluster ----


class Cluster:
    """One JobManager and some TaskManagers under the supervisor. `directory` is made, and removed by stop(). env: for its processes."""

    _numbers = itertools.count()

    def __init__(self, taskmanagers=2, slots=2, defines=(), extra=(), env=None):
        self.taskmanagers, self.slots, self.defines, self.extra = taskmanagers, slots, list(defines), list(extra)
        self.env = dict(env or {})
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="wiesel-e2e-"))
        self.run_dir, self.log_dir, self.tmp_dir = (self.directory / name for name in ("run", "log", "tmp"))
        self.tmp_dir.mkdir()
        self.conf = self.directory / "wiesel.yaml"
        self.conf.write_text("# the defaults\n")
        self.rest_port, self.rpc_port = Port(), Port()
        self.seen = {}  # pid -> Process: all that were ever ours
        self.guard = None
        self.attached = []
        self.started_seconds = None

    # -- life --

    def script(self, name, *args, timeout=PATIENCE_S):
        argv = [str(SOURCE_DIR / "deploy" / name), *map(str, args)]
        env = cli_env(self.directory, TMPDIR=str(self.tmp_dir)) | self.env
        if SANITIZED:
            # a crash must look like one: death by signal, without a report
            for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
                env[name] = "handle_segv=0:handle_abort=0:" + env.get(name, "")
        began = time.monotonic()
        done = subprocess.run(argv, env=env, cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        text = [part.decode(errors="replace") for part in (done.stdout, done.stderr)]
        return Run(argv, done.returncode, *text, time.monotonic() - began)

    def start_args(self):
        args = ["--taskmanagers", self.taskmanagers, "--slots", self.slots, "--run-dir", self.run_dir, "--log-dir", self.log_dir]
        args += ["--rest-port", self.rest_port.number, "--rpc-port", self.rpc_port.number, "--conf", self.conf]
        for define in self.defines:
            args += ["-D", define]
        return args + (["--", *self.extra] if self.extra else [])

    def start(self):
        """Returns when REST answers and all slots are there."""
        self._put_guard()
        run = self.script("start-cluster.sh", *self.start_args())
        self.started_seconds = run.seconds
        if run.code != 0:
            logs = self.logs()
            self.stop(check=False)
            raise AssertionError(f"the cluster did not start: {run}\n{logs}")
        self.processes()
        return self

    def _put_guard(self):
        """Stops the cluster if this process dies: the guard's standard input ends with us."""
        stop = SOURCE_DIR / "deploy/stop-cluster.sh"
        text = 'exec 3<&0; (read -r line <&3 || "$1" --run-dir "$2") > /dev/null 2>&1 &'
        self.guard = subprocess.Popen(
            ["sh", "-c", text, "guard", str(stop), str(self.run_dir)],
            env=cli_env(self.directory, TMPDIR=str(self.tmp_dir)),
            cwd="/",
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self.guard.wait()

    def _drop_guard(self):
        if self.guard is not None:
            try:
                self.guard.stdin.write(b"done\n")
                self.guard.stdin.close()
            except BrokenPipeError:
                pass
            self.guard = None

    def stop(self, check=True):
        """Ends the cluster; AssertionError if a process or a file of it is left, or a sanitizer complained."""
        for attached in self.attached:
            if attached.popen.poll() is None:
                attached.popen.kill()
            attached.popen.wait()
        self.processes()
        run = self.script("stop-cluster.sh", "--run-dir", self.run_dir)
        left = self.left_processes()
        for pid, _ in left:
            os.kill(pid, signal.SIGKILL)
        self._drop_guard()
        complaints = [run] if run.code != 0 else []
        complaints += [f"still runs after stop-cluster.sh: {pid} {line}" for pid, line in left]
        complaints += [f"left behind: {path}" for path in self.left_files()]
        complaints += self.sanitizer_reports()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.rest_port.release()
        self.rpc_port.release()
        if check and complaints:
            raise AssertionError("\n".join(map(str, complaints)))

    def left_processes(self):
        known = [(pid, "") for pid, process in self.seen.items() if process.alive()]
        named = processes_naming(str(self.directory) + "/log") + processes_naming(f"env.log.dir={self.log_dir}")
        return list({pid: (pid, line) for pid, line in known + named}.values())

    def left_files(self):
        """Of the run directory and the directory for temporary files."""
        pids = list(self.run_dir.glob("*.pid")) if self.run_dir.exists() else []
        return pids + list(self.tmp_dir.iterdir())

    def sanitizer_reports(self):
        found = []
        for path in self.log_dir.glob("*.out") if self.log_dir.exists() else []:
            text = path.read_text(errors="replace")
            if re.search(r"(Address|Leak|Thread)Sanitizer|runtime error:", text):
                found.append(f"{path.name}: {text[-8000:]}")
        return found

    def logs(self, last=4000):
        texts = []
        for path in sorted(self.log_dir.glob("*")) if self.log_dir.exists() else []:
            texts.append(f"---- {path.name}\n{path.read_text(errors='replace')[-last:]}")
        return "\n".join(texts)

    # -- its processes --

    def process(self, name):
        """"jobmanager", "taskmanager-1", "supervisor": the one that runs now, or None."""
        try:
            pid = int((self.run_dir / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        if pid not in self.seen or not self.seen[pid].alive():
            self.seen[pid] = Process(pid)
        return self.seen[pid] if self.seen[pid].alive() else None

    def names(self):
        return ["supervisor", "jobmanager"] + [f"taskmanager-{i + 1}" for i in range(self.taskmanagers)]

    def processes(self):
        found = {name: self.process(name) for name in self.names()}
        return {name: process for name, process in found.items() if process}

    # -- REST --

    @property
    def address(self):
        return f"127.0.0.1:{self.rest_port.number}"

    def request(self, path, method="GET", body=None, headers=None, timeout=PATIENCE_S):
        """(status, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port.number, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def rest(self, path):
        status, body = self.request(path)
        if status != 200:
            raise Refused(path, status, body)
        return json.loads(body)

    def overview(self):
        return self.rest("/overview")

    def job(self, job_id):
        return self.rest(f"/wiesel/v1/jobs/{job_id}")

    def state(self, job_id):
        return self.job(job_id)["state"]

    def wait_state(self, job_id, *states, timeout=PATIENCE_S, pause=0.005):
        """The job when it is in one of these states; fails at once when it can no longer get there."""

        def look():
            job = self.job(job_id)
            if job["state"] in states:
                return job
            if job["state"] in FINAL_STATES:
                raise AssertionError(f"job {job_id} is {job['state']}, not {states}: {job['failure']}\n{self.logs()}")
            return None

        return wait_for(f"job {job_id} {' or '.join(states)}", look, timeout, pause)

    def wait_running(self, job_id, timeout=PATIENCE_S):
        """RUNNING, and so is every task of it."""

        def look():
            job = self.job(job_id)
            if job["state"] in FINAL_STATES:
                raise AssertionError(f"job {job_id} is {job['state']}: {job['failure']}\n{self.logs()}")
            return job if job["state"] == "RUNNING" and job["tasks"]["running"] == job["tasks"]["total"] else None

        return wait_for(f"all tasks of job {job_id} running", look, timeout)

    def wait_slots(self, slots=None, free=None, timeout=PATIENCE_S):
        slots = self.taskmanagers * self.slots if slots is None else slots
        free = slots if free is None else free

        def look():
            seen = self.overview()
            return seen if seen["slots-total"] == slots and seen["slots-available"] == free else None

        return wait_for(f"{free} of {slots} slots free", look, timeout)

    def vertices(self, job_id):
        return self.rest(f"/jobs/{job_id}")["vertices"]

    def metrics(self, job_id, vertex_id, subtask, *names):
        got = self.rest(f"/jobs/{job_id}/vertices/{vertex_id}/subtasks/{subtask}/metrics?get={','.join(names)}")
        return {metric["id"]: float(metric["value"]) for metric in got}

    # -- command line --

    def cli(self, verb, *args, timeout=PATIENCE_S, env=None, cwd=None):
        return cli(self.directory, verb, "-m", self.address, *args, timeout=timeout, env=env, cwd=cwd)

    def run(self, job, *options, job_args=(), timeout=PATIENCE_S):
        """`wiesel run` to its end."""
        return self.cli("run", *options, job, *self._behind(job_args), timeout=timeout)

    def submit(self, job, *options, job_args=()):
        """`wiesel run -d`; the job's id."""
        run = self.cli("run", "-d", *options, job, *self._behind(job_args))
        if run.code != 0:
            raise AssertionError(str(run))
        return run.job_id()

    def attach(self, job, *options, job_args=()):
        """`wiesel run` that stays in the background."""
        return self.attach_cli("run", *options, job, *self._behind(job_args))

    def attach_cli(self, verb, *args):
        """Any verb, in the background."""
        directory = self.directory / f"attached-{next(self._numbers)}"
        directory.mkdir()
        argv = [str(BIN_DIR / "wiesel"), verb, "-m", self.address, *map(str, args)]
        attached = Attached(argv, cli_env(self.directory), self.directory, directory)
        self.attached.append(attached)
        return attached

    @staticmethod
    def _behind(job_args):
        return ["--", *job_args] if job_args else []

    def cancel(self, job_id):
        run = self.cli("cancel", job_id)
        if run.code != 0:
            raise AssertionError(str(run))
        return run

    def printed(self, mark=None):
        """The rows that print sinks have written, of one TaskManager after the other; only those behind a mark."""
        rows = []
        for path in sorted(self.log_dir.glob("taskmanager-*.out")):
            text = path.read_bytes()[(mark or {}).get(path, 0) :]
            for line in text[: text.rfind(b"\n") + 1].decode().splitlines():
                if found := re.match(r"(?:\d+> )?(\{.*\})$", line):  # with several subtasks each line begins with its number
                    rows.append(json.loads(found.group(1)))
        return rows

    def print_mark(self):
        """What has been printed so far, for printed()."""
        return {path: path.stat().st_size for path in self.log_dir.glob("taskmanager-*.out")}


# ---- the base of tests ----


def gen(kind, out, *flags, **options):
    """wiesel-gen with options: gen("trades", dir, seed=7, count=20000)."""
    argv = [str(BIN_DIR / "wiesel-gen"), kind, "--out", str(out), *flags]
    for name, value in options.items():
        argv += [f"--{name.replace('_', '-')}", str(value)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
    return pathlib.Path(out)


def json_rows(directory):
    """The rows of all visible files, in the order of the files' names."""
    rows = []
    for path in sorted(pathlib.Path(directory).iterdir()):
        if path.name[0] not in "._":
            rows += [json.loads(line) for line in path.read_text().splitlines()]
    return rows


class E2ETest(unittest.TestCase):
    """A test with a directory of its own."""

    maxDiff = 4000

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="wiesel-e2e-test-"))
        self.addCleanup(shutil.rmtree, self.dir, True)

    def start_cluster(self, **options):
        """A cluster for this test alone, stopped and checked at its end."""
        cluster = Cluster(**options)
        cluster.start()
        self.addCleanup(cluster.stop)
        return cluster

    @staticmethod
    def source(path):
        return SOURCE_DIR / path

    @staticmethod
    def job(name):
        return JOBS_DIR / name

    def graph(self, document, name="graph.json"):
        """Writes a job graph; its path."""
        path = self.dir / name
        path.write_text(json.dumps(document, indent=2))
        return path

    def library(self, source, *flags, name="job.so"):
        """Compiles a job as its author would; the path of the .so."""
        path = self.dir / name
        compiler = os.environ.get("CC") or "cc"
        argv = [compiler, "-std=gnu17", "-O1", "-fPIC", "-shared", "-I", str(SOURCE_DIR / "common/include"), *flags, "-o", str(path), str(source)]
        subprocess.run(argv, check=True, timeout=5 * PATIENCE_S)
        return path

    def assert_one_sentence(self, run, *parts):
        """One complaint on one line that names all these things."""
        self.assertEqual(len(run.errors()), 1, f"one line of complaint expected: {run}")
        sentence = run.errors()[0]
        self.assertGreater(len(sentence), 20, str(run))
        self.assertLess(len(sentence), 700, str(run))
        for part in parts:
            self.assertRegex(sentence, part, str(run))
        return sentence

    def assert_time(self, what, seconds, limit):
        """Prints a measured time and judges it, unless the build is sanitized."""
        say(f"{what}: {seconds:.3f} s (at most {limit:g})")
        if not SANITIZED:
            self.assertLess(seconds, limit, what)


class ClusterTest(E2ETest):
    """Tests that share one cluster, which each leaves with all of its slots free."""

    taskmanagers, slots, defines = 2, 2, ()

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls.taskmanagers, cls.slots, cls.defines).start()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def setUp(self):
        super().setUp()
        self.addCleanup(self._leave_clean)

    def _leave_clean(self):
        for attached in self.cluster.attached:
            if attached.popen.poll() is None:
                attached.popen.kill()
                attached.popen.wait()
        for job in self.cluster.rest("/jobs")["jobs"]:
            if job["status"] not in FINAL_STATES:
                self.cluster.request(f"/jobs/{job['id']}?mode=cancel", "PATCH")
        self.cluster.wait_slots()

    def good_job(self, cluster=None):
        """The cluster still does its work."""
        cluster = cluster or self.cluster
        run = cluster.run(self.job("numbers.c"), "-p", "2", job_args=["--n", "1000"])
        self.assertEqual(run.code, EXIT_OK, str(run))
        self.assertEqual(sorted(row["n"] for row in run.rows()), list(range(1000)))


def main():
    unittest.main(module="__main__", verbosity=2, failfast=False)
