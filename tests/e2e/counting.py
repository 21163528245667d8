"""counting - what tests of recovery count: jobs/count_files.c, its input, and whether its output is exact."""

import collections
import json

from cluster import E2ETest
from followed import Followed, flags_of

FILES, ROWS_PER_FILE, KEYS = 8, 2000, 7
ROWS = FILES * ROWS_PER_FILE


class Counting(E2ETest):
    """The job's rows come slowly until finish()."""

    def setUp(self):
        super().setUp()
        self.input, self.output, self.checkpoints, self.go = (self.dir / name for name in ("in", "out", "checkpoints", "go"))
        self.input.mkdir()
        for i in range(FILES):
            ids = range(i * ROWS_PER_FILE, (i + 1) * ROWS_PER_FILE)
            (self.input / f"{i}.json").write_text("".join(json.dumps({"id": n, "key": n % KEYS}) + "\n" for n in ids))

    def submit(self, cluster, options, *job_args):
        options = {
            "execution.checkpointing.dir": self.checkpoints,
            "restart-strategy.exponential-delay.initial-backoff": "50 ms",
            "restart-strategy.exponential-delay.max-backoff": "200 ms",
            **options,
        }
        job_args = ["--in", self.input, "--out", self.output, *job_args]
        job_args += ["--pause-us", "1000", "--slow-from", ROWS // 2, "--go", self.go]
        job_id = cluster.submit(self.job("count_files.c"), "-p", "2", *flags_of(options), job_args=job_args)
        return Followed(cluster, job_id, may_finish=self.go.exists)

    def finish(self, job):
        self.assertNotEqual(job.look()["state"], "FINISHED", "it ended before the test let it")
        self.go.touch()
        job.wait_finished()
        self.check_output()

    def visible(self):
        """Lines of the visible files; each is whole."""
        lines = []
        for path in sorted(self.output.glob("part-*")):
            text = path.read_text()
            self.assertTrue(text.endswith("\n"), f"{path.name} ends with a torn line")
            lines += text.splitlines()
        return lines

    def check_output(self):
        expected = collections.Counter((key, n) for key in range(KEYS) for n in range(1, ROWS // KEYS + (key < ROWS % KEYS) + 1))
        got = collections.Counter((row["key"], row["n"]) for row in map(json.loads, self.visible()))
        self.assertEqual(got - expected, collections.Counter(), "rows that should not be there, or are there twice")
        self.assertEqual(expected - got, collections.Counter(), "rows that are missing")
        self.assertEqual(list(self.output.glob(".*")), [], "hidden files are left behind")
