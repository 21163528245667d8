#!/usr/bin/env python3
"""Bad input: one clear sentence that says what to do, an exit code other than 0, and afterwards the cluster works as before."""

import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

import cluster as kit
from cluster import ClusterTest, say, wait_for

LONG_LINE = 100 << 20
RSS_LIMIT = 120 << 20  # of a TaskManager that meets a line of 100 MB: it must not keep it


class BadInput(ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pids = {name: process.pid for name, process in cls.cluster.processes().items()}

    def _leave_clean(self):
        """After each test: the same processes, all slots, and a good job runs."""
        super()._leave_clean()
        self.assertEqual({name: process.pid for name, process in self.cluster.processes().items()}, self.pids)
        self.good_job()

    def refused(self, run, code, *parts):
        """Nothing was started, and one sentence says why."""
        self.assertEqual(run.code, code, str(run))
        sentence = self.assert_one_sentence(run, *parts)
        self.assertEqual(run.out, "", str(run))
        say(sentence)
        return sentence

    def failed(self, run, *parts):
        """The job was started and failed with one sentence."""
        self.assertEqual(run.code, kit.EXIT_FAILED, str(run))
        sentence = self.assert_one_sentence(run, *parts)
        self.assertEqual(self.cluster.state(run.job_id()), "FAILED")
        say(sentence)
        return sentence

    def numbers_graph(self, *operators, **schema):
        """A job graph of datagen and what follows it."""
        source = {"name": "numbers", "source": "datagen", "schema": "number", "options": {"number-of-rows": 100}}
        return {"schemas": {"number": schema or {"n": "BIGINT", "name": "STRING"}}, "operators": [source, *operators]}

    def refused_graph(self, document, *parts, code=kit.EXIT_USAGE):
        """By the command line before anything starts; and by the JobManager with the same reason, should one submit it there."""
        text = document if isinstance(document, str) else json.dumps(document)
        path = self.dir / "graph.json"
        path.write_text(text)
        before = self.cluster.rest("/jobs")
        sentence = self.refused(self.cluster.run(path), code, *parts)
        self.assertIn("graph.json", sentence)
        status, body = self.cluster.request("/wiesel/v1/jobs", "POST", text.encode(), {"Content-Type": "application/json"})
        self.assertEqual(status, 400, body)
        [said] = json.loads(body)["errors"]
        for part in parts:
            self.assertRegex(said, part)
        self.assertEqual(self.cluster.rest("/jobs"), before)

    # -- ports --

    def test_no_jobmanager(self):
        port = kit.Port()
        address = f"127.0.0.1:{port.number}"
        for args in (["list"], ["cancel", "0" * 32], ["run", self.job("numbers.c")], ["run", "-d", self.job("numbers.c")]):
            run = kit.cli(self.dir, args[0], "-m", address, *args[1:])
            self.refused(run, kit.EXIT_UNREACHABLE, "no JobManager answers", address, r"start-cluster\.sh", "-m")
        run = kit.cli(self.dir, "wait", "-m", address, "--timeout", "200")
        self.refused(run, kit.EXIT_UNREACHABLE, "no JobManager answers", address)
        port.release()

    def test_wrong_port_where_something_else_answers(self):
        class Other(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"<html>hello</html>"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Other)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"127.0.0.1:{server.server_port}"
            run = kit.cli(self.dir, "list", "-m", address)
            self.refused(run, kit.EXIT_UNREACHABLE, address, "JobManager|Wiesel|JSON", "-m|port")
        finally:
            server.shutdown()
            server.server_close()

    def test_wrong_port_that_speaks_another_protocol(self):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def greet():
                try:
                    while True:
                        connection, _ = server.accept()
                        with connection:
                            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                            connection.recv(4096)
                except OSError:
                    pass

            threading.Thread(target=greet, daemon=True).start()
            address = f"127.0.0.1:{server.getsockname()[1]}"
            run = kit.cli(self.dir, "list", "-m", address)
            self.refused(run, kit.EXIT_UNREACHABLE, address, "-m|port")
            server.shutdown(socket.SHUT_RDWR)

    def test_port_for_taskmanagers_instead_of_rest(self):
        address = f"127.0.0.1:{self.cluster.rpc_port.number}"
        run = kit.cli(self.dir, "list", "-m", address, timeout=kit.PATIENCE_S * 2)
        self.refused(run, kit.EXIT_UNREACHABLE, address)
        self.assert_time("giving up on a port that does not speak HTTP", run.seconds, 10.0)

    def test_address_that_is_none(self):
        for address in ("127.0.0.1:99999", "127.0.0.1:port", ":8081", "127.0.0.1:0"):
            self.refused(kit.cli(self.dir, "list", "-m", address), kit.EXIT_USAGE, re.escape(address))

    def test_taskmanager_with_the_wrong_port_waits_and_says_so(self):
        port, log = kit.Port(), self.dir / "tm.log"
        argv = [kit.BIN_DIR / "wiesel-taskmanager", "-D", f"jobmanager.rpc.port={port.number}", "-D", f"io.tmp.dirs={self.dir}"]
        with open(log, "wb") as out:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            wait_for("a line that names the address", lambda: f"127.0.0.1:{port.number}" in log.read_text())
            self.assertIsNone(process.poll())
        finally:
            process.terminate()
            self.assertEqual(process.wait(kit.PATIENCE_S), 0)
            port.release()

    def test_busy_port_of_a_second_cluster(self):
        for which in ("rest_port", "rpc_port"):
            second = kit.Cluster(taskmanagers=1, slots=1)
            own = getattr(second, which)
            setattr(second, which, getattr(self.cluster, which))
            try:
                run = second.script("start-cluster.sh", *second.start_args())
                self.assertEqual(run.code, 1, str(run))
                self.assertEqual(len(run.err.splitlines()), 1, str(run))
                self.assertRegex(run.err, rf"port {getattr(self.cluster, which).number} is in use: .*stop-cluster\.sh.*--rest-port")
                say(run.err.strip())
                self.assertEqual(second.processes(), {})
                self.assertEqual(second.left_files(), [])
            finally:
                setattr(second, which, own)
                second.stop()

    def test_busy_port_of_a_jobmanager_alone(self):
        for key, busy in (("rest.port", self.cluster.rest_port), ("jobmanager.rpc.port", self.cluster.rpc_port)):
            port = kit.Port()
            other = "jobmanager.rpc.port" if key == "rest.port" else "rest.port"
            argv = [kit.BIN_DIR / "wiesel-jobmanager", "-D", f"{key}={busy.number}", "-D", f"{other}={port.number}", "-D", f"io.tmp.dirs={self.dir}"]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=kit.PATIENCE_S)
            self.assertNotEqual(done.returncode, 0)
            last = done.stderr.splitlines()[-1]
            self.assertRegex(last, rf"^wiesel-jobmanager: .*{busy.number}.*(in use|listens|another)")
            self.assertIn(key, last)
            say(last)
            port.release()

    # -- jobs that are not there --

    def test_unknown_job_id(self):
        unknown = "0123456789abcdef" * 2
        self.refused(self.cluster.cli("cancel", unknown), kit.EXIT_NOT_FOUND, unknown, "no job", "list -a")
        self.refused(self.cluster.cli("cancel", "0123456"), kit.EXIT_NOT_FOUND, "0123456", "no job")
        self.refused(self.cluster.cli("cancel", "xyz"), kit.EXIT_USAGE, "xyz", "32 hex digits")
        for path, status in ((f"/jobs/{unknown}", 404), ("/jobs/xyz", 400), (f"/jobs/{unknown}/nonsense", 404), ("/no/such/thing", 404)):
            got, body = self.cluster.request(path)
            self.assertEqual((got, len(json.loads(body)["errors"])), (status, 1), path)
        self.assertEqual(self.cluster.request(f"/jobs/{unknown}?mode=cancel", "PATCH")[0], 404)

    def test_ended_job_is_not_canceled_again(self):
        run = self.cluster.run(self.job("numbers.c"), job_args=["--n", "1", "--sink", "blackhole"])
        again = self.cluster.cli("cancel", run.job_id())
        self.assertEqual(again.code, kit.EXIT_FAILED, str(again))
        self.assert_one_sentence(again, run.job_id(), "FINISHED|ended|finished")

    def test_missing_file(self):
        for name in ("nowhere.so", "nowhere.c", "nowhere.json"):
            self.refused(self.cluster.run(self.dir / name), kit.EXIT_NOT_FOUND, name, r"\.so, \.c or \.json")

    # -- libraries --

    def library_bytes(self, data, name="job.so"):
        path = self.dir / name
        path.write_bytes(data)
        return path

    def test_broken_library(self):
        whole = self.library(self.job("numbers.c"), name="whole.so").read_bytes()
        before = self.cluster.rest("/jobs")
        damaged = bytearray(whole)
        damaged[0x28:0x30] = b"\xff" * 8  # where the section headers are
        cases = {
            "empty": (b"", "not a shared object"),
            "text": (b"#!/bin/sh\necho hello\n", "not a shared object"),
            "garbage": (os.urandom(4096), "not a shared object"),
            "elf-garbage": (b"\x7fELF\x02\x01\x01" + os.urandom(4096), "machine|damaged|shared object"),
            "damaged": (bytes(damaged), "damaged"),
        }
        for size in (3, 60, 64, 100, 1000, len(whole) // 4, len(whole) // 2, len(whole) - 70, len(whole) - 1):
            cases[f"truncated-{size}"] = (whole[:size], "truncated|damaged|not a shared object|cannot load")
        for name, (data, reason) in cases.items():
            with self.subTest(name):
                path = self.library_bytes(data, f"{name}.so")
                self.refused(self.cluster.run(path), kit.EXIT_USAGE, name, reason)
        self.assertEqual(self.cluster.rest("/jobs"), before)

    def test_library_that_is_a_program_or_a_directory(self):
        program = self.dir / "program.so"
        shutil.copy("/bin/true", program)
        self.refused(self.cluster.run(program), kit.EXIT_USAGE, r"program\.so", "entry point|not a shared object|cannot load")
        directory = self.dir / "directory.so"
        directory.mkdir()
        self.refused(self.cluster.run(directory), kit.EXIT_USAGE, r"directory\.so", "not a file")

    def test_library_without_entry_point(self):
        library = self.library(self.job("no_entry.c"))
        self.refused(self.cluster.run(library), kit.EXIT_USAGE, r"job\.so", "no entry point", "WSL_JOB")

    def test_library_for_another_abi_version(self):
        library = self.library(self.job("other_abi.c"))
        self.refused(self.cluster.run(library), kit.EXIT_USAGE, r"job\.so", r"ABI version 999\b", "compile it again")

    def test_library_with_a_symbol_that_nobody_defines(self):
        source = self.dir / "undefined.c"
        source.write_text(self.job("numbers.c").read_text().replace('wsl_env_set_name(env, "numbers");', "extern int nowhere_at_all(void); (void)nowhere_at_all();"))
        self.refused(self.cluster.run(self.library(source)), kit.EXIT_USAGE, "nowhere_at_all", "link")

    def test_source_of_a_library_with_an_enumerator(self):
        self.refused(self.cluster.run(self.job("own_enumerator.c")), kit.EXIT_USAGE, "'mine'", "own_splits", "enumerator", "subtask and parallelism")

    def test_library_that_the_jobmanager_is_sent_directly(self):
        """What passes by the checks of the command line meets those of the JobManager and the TaskManagers."""
        before = self.cluster.rest("/jobs")
        headers = {"Content-Type": "application/octet-stream"}
        status, body = self.cluster.request("/wiesel/v1/artifacts", "POST", b"not a library", headers)
        self.assertIn(status, (200, 400), body)
        if status == 200:
            graph = {"wiesel_job_graph": 1, "graph": {"name": "stray", "artifact": json.loads(body)["hash"]}}
            status, body = self.cluster.request("/wiesel/v1/jobs", "POST", json.dumps(graph), {"Content-Type": "application/json"})
            self.assertEqual(status, 400, body)
        for content_type, data in (("application/x-protobuf", os.urandom(3000)), ("application/json", b"{"), ("text/plain", b"x"), ("application/json", b"")):
            status, body = self.cluster.request("/wiesel/v1/jobs", "POST", data, {"Content-Type": content_type})
            self.assertEqual((status, len(json.loads(body)["errors"])), (400, 1), body)
        self.assertEqual(self.cluster.rest("/jobs"), before)

    # -- job graphs --

    def test_graph_with_a_typo(self):
        out = {"name": "out", "sink": "blackhole"}
        graph = self.numbers_graph
        self.refused_graph(graph({"name": "x", "selct": "n"}, out), r"operators\[1\]", "selct", "did you mean 'select'")
        self.refused_graph(graph({"name": "x", "select": "m + 1 AS n"}, out), "'?x'?", r"\bm\b", r"\bn\b")
        self.refused_graph(graph({"name": "x", "where": "n > "}, out), "'?x'?", "n > |end|column|expect")
        self.refused_graph(graph({"name": "x", "where": "SQUARE_ROOT(n) > 1"}, out), "SQUARE_ROOT")
        self.refused_graph(graph({"name": "out", "sink": "blackhol"}), "blackhol", "blackhole")
        self.refused_graph(graph({"name": "out", "sink": "file", "options": {"pth": "/tmp/x", "format": "json"}}), "pth", "path")
        self.refused_graph(graph({"name": "out", "sink": "blackhole", "from": "nmbers"}), "nmbers")
        self.refused_graph(graph({"name": "out", "sink": "blackhole", "from": "out"}), "out")
        typo = graph(out)
        typo["operators"][0]["schema"] = "numbr"
        self.refused_graph(typo, "numbr")
        typo = graph(out)
        typo["schemas"]["number"]["n"] = "BIGNIT"
        self.refused_graph(typo, "BIGNIT")
        typo = graph(out)
        typo["operators"][0]["options"]["number-of-rows"] = "many"
        self.refused_graph(typo, "number-of-rows", "many")
        typo = graph(out)
        typo["paralelism"] = 2
        self.refused_graph(typo, "paralelism", "parallelism")

    def test_graph_that_is_no_json(self):
        text = json.dumps(self.numbers_graph({"name": "out", "sink": "blackhole"}), indent=1)
        lines = text.splitlines()
        self.refused_graph(text[: len(text) // 2], "line|end")
        self.refused_graph(text.replace('"operators":', '"operators"', 1), rf"line {1 + next(i for i, l in enumerate(lines) if 'operators' in l)}\b")
        self.refused_graph("", "JSON|empty|line|body")
        self.refused_graph("[]", "object")

    def test_schema_mismatch_between_two_operators(self):
        before = self.cluster.rest("/jobs")
        self.refused(self.cluster.run(self.job("mismatch.c")), kit.EXIT_USAGE, "greeter", "numbers", "STRING", "INT64")
        self.assertEqual(self.cluster.rest("/jobs"), before)
        other = {"name": "others", "source": "datagen", "schema": {"n": "STRING"}, "options": {"number-of-rows": 1}}
        both = {"name": "out", "sink": "blackhole", "from": ["numbers", "others"]}
        self.refused_graph(self.numbers_graph(other, both, n="BIGINT"), "out", "numbers", "others", "STRING")
        out = {"name": "out", "sink": "blackhole"}
        self.refused_graph(self.numbers_graph({"name": "x", "where": "name + 1 > 2"}, out), "'?x'?", "STRING")
        self.refused_graph(self.numbers_graph({"name": "x", "where": "n + 1"}, out), "'?x'?", "BOOL")
        self.refused_graph(self.numbers_graph({"name": "x", "key_by": "key", "aggregate": "n, COUNT(*) AS c"}, out), "'?x'?", r"\bkey\b")

    # -- files --

    def file_graph(self, source, sink, **options):
        return {
            "schemas": {"line": {"line": "STRING"}},
            "operators": [
                {"name": "lines", "source": "file", "schema": "line", "options": {"path": str(source), "format": "raw", **options}},
                {"name": "out", "sink": "file", "options": {"path": str(sink), "format": "json"}},
            ],
        }

    def test_missing_directory(self):
        missing, out = self.dir / "missing", self.dir / "out"
        self.refused_graph(self.file_graph(missing, out), str(missing), "lines")
        self.refused_graph(self.file_graph(missing, out, watch="1 s"), str(missing), "create")
        self.refused(self.cluster.run(self.source("examples/wordcount/wordcount_files.c"), job_args=["--in", missing]), kit.EXIT_USAGE, str(missing))
        self.refused(self.cluster.run(self.source("examples/portfolio/step2_positions.c"), job_args=["--trades", missing]), kit.EXIT_USAGE, str(missing))
        self.refused(self.cluster.run(self.source("examples/wordcount/wordcount_files.c")), kit.EXIT_USAGE, "--in")
        self.assertFalse(out.exists())

    def test_directory_of_the_sink_that_cannot_be_made(self):
        a_file = self.dir / "a-file"
        a_file.write_text("something\n")
        run = self.cluster.run(self.graph(self.file_graph(a_file, a_file / "below")))
        self.assertIn(run.code, (kit.EXIT_USAGE, kit.EXIT_FAILED), str(run))
        self.assert_one_sentence(run, "out|file sink", str(a_file))
        run = self.cluster.run(self.graph(self.file_graph(a_file, a_file)))
        self.assertIn(run.code, (kit.EXIT_USAGE, kit.EXIT_FAILED), str(run))
        self.assert_one_sentence(run, str(a_file), "single-file")
        self.assertEqual(a_file.read_text(), "something\n", "what was there is as it was")

    def test_file_that_vanishes_before_it_is_read(self):
        inbox = self.dir / "inbox"
        inbox.mkdir()
        job_id = self.cluster.submit(self.graph(self.file_graph(inbox, self.dir / "out", watch="20 ms")))
        self.cluster.wait_running(job_id)
        beside = self.dir / "beside"
        (beside).symlink_to(self.dir / "nowhere")
        os.rename(beside, inbox / "dangling.txt")
        (inbox / "good.txt").write_text("good\n")
        # a link to nowhere is no file: what happens is that it is passed over, or that the job says what it stumbled on
        wait_for("the outcome", lambda: self.cluster.job(job_id)["records-out"] >= 1 or self.cluster.state(job_id) == "FAILED")
        job = self.cluster.job(job_id)
        if job["state"] == "FAILED":
            self.assertIn("dangling.txt", job["failure"])

    def test_full_device_at_the_sink(self):
        run = self.cluster.run(self.job("numbers.c"), job_args=["--n", "100000", "--sink", "/dev/full"])
        self.failed(run, "operator 'out'", "/dev/full", "No space left", "make room")

    @unittest.skipUnless(os.getuid() == 0, "mounting needs root")
    def test_full_disk_at_the_sink(self):
        disk = self.dir / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], capture_output=True).returncode != 0:
            self.skipTest("this place allows no mount")
        try:
            source = self.dir / "lines.txt"
            source.write_text("".join(f"{n:099d}\n" for n in range(5000)))
            (disk / "kept.json").write_text('{"line":"of somebody else"}\n')
            run = self.cluster.run(self.graph(self.file_graph(source, disk / "out")))
            self.failed(run, "operator 'out'", str(disk), "No space left", "make room")
            run = self.cluster.run(self.job("numbers.c"), job_args=["--n", "1000000", "--sink", disk / "numbers.json"])
            self.failed(run, "operator 'out'", str(disk), "No space left", "make room")
            self.assertEqual((disk / "kept.json").read_text(), '{"line":"of somebody else"}\n')
            visible = [path for path in disk.rglob("*") if path.is_file() and path.name[0] != "."]
            self.assertGreater(len(visible), 1)
            for path in visible:  # whole records only
                for line in path.read_text().splitlines(keepends=True):
                    self.assertTrue(line.endswith("\n"), path)
                    json.loads(line)
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    # -- a line of 100 MB --

    def long_line(self, form):
        """A file of good lines with one of 100 MB between them."""
        path = self.dir / f"long.{form}"
        good, before, after = {
            "raw": ("good {}\n", "", "\n"),
            "json": ('{{"line":"good {}"}}\n', '{"line":"', '"}\n'),
            "csv": ("good {}\r\n", '"', '"\r\n'),
        }[form]
        with open(path, "w", newline="") as out:
            out.writelines(good.format(n) for n in range(1000))
            out.write(before)
            chunk = "x" * (1 << 20)
            for _ in range(LONG_LINE >> 20):
                out.write(chunk)
            out.write(after)
            out.writelines(good.format(n) for n in range(1000, 2000))
        return path

    def hwm(self):
        """The most memory that a TaskManager ever had, reset by reset_hwm."""
        sizes = []
        for i in (1, 2):
            text = pathlib.Path(f"/proc/{self.cluster.process(f'taskmanager-{i}').pid}/status").read_text()
            sizes.append(int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) * 1024)
        return max(sizes)

    def reset_hwm(self):
        for i in (1, 2):
            pathlib.Path(f"/proc/{self.cluster.process(f'taskmanager-{i}').pid}/clear_refs").write_text("5")

    def check_memory(self, what):
        say(f"{what}: at most {self.hwm() / 2**20:.0f} MB in a TaskManager")
        if not kit.SANITIZED:
            self.assertLess(self.hwm(), RSS_LIMIT)

    def test_line_of_100_mb(self):
        for form in ("raw", "json", "csv"):
            with self.subTest(form):
                path = self.long_line(form)
                self.reset_hwm()
                graph = self.file_graph(path, self.dir / f"failing-{form}", format=form)
                self.failed(self.cluster.run(self.graph(graph)), "operator 'lines'", str(path), r"byte \d+", "16 ?(mb|MB|MiB)|16777216|longer|larger", "on-error|skip")
                self.check_memory(f"{form}, fail")

                self.reset_hwm()
                out = self.dir / f"skipping-{form}"
                run = self.cluster.run(self.graph(self.file_graph(path, out, format=form, **{"on-error": "skip"})))
                self.assertEqual(run.code, 0, str(run))
                self.assertEqual([row["line"] for row in kit.json_rows(out)], [f"good {n}" for n in range(2000)])
                vertex = self.cluster.vertices(run.job_id())[0]["id"]
                self.assertEqual(self.cluster.metrics(run.job_id(), vertex, 0, "numRecordsInErrors"), {"numRecordsInErrors": 1})
                self.check_memory(f"{form}, skip")
                path.unlink()

    def test_line_of_100_mb_from_a_socket(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(kit.PATIENCE_S)
            out = self.dir / "out.json"
            document = {
                "schemas": {"line": {"line": "STRING"}},
                "operators": [
                    {"name": "lines", "source": "socket", "schema": "line", "options": {"host": "127.0.0.1", "port": server.getsockname()[1], "on-error": "skip"}},
                    {"name": "out", "sink": "file", "options": {"path": str(out), "single-file": True, "format": "json"}},
                ],
            }
            self.reset_hwm()
            job_id = self.cluster.submit(self.graph(document))
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"before\n")
                chunk = b"x" * (1 << 20)
                for _ in range(LONG_LINE >> 20):
                    connection.sendall(chunk)
                connection.sendall(b"\nafter\n")
            self.cluster.wait_state(job_id, "FINISHED")
            self.assertEqual([json.loads(line)["line"] for line in out.read_text().splitlines()], ["before", "after"])
            self.check_memory("socket, skip")


if __name__ == "__main__":
    kit.main()
