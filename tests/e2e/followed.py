"""followed - a job seen through REST while things happen to it: waiting for restarts, checkpoints and rows, never for time."""

import http.client

import cluster as kit
from cluster import Process, Refused, wait_for

# Recovery under load, with sanitizers, may take its time.
PATIENCE_S = 3 * kit.PATIENCE_S


def flags_of(options):
    return [word for key, value in options.items() for word in ("-D", f"{key}={value}")]


class Followed:
    """One job of a cluster. `may_finish`: FINISHED is no surprise."""

    def __init__(self, cluster, job_id, may_finish=lambda: False):
        self.cluster, self.id, self.may_finish = cluster, job_id, may_finish

    # -- looking --

    def look(self):
        """The job; it has not ended unless it may."""
        job = self.cluster.rest(f"/jobs/{self.id}")
        if job["state"] in kit.FINAL_STATES and not (job["state"] == "FINISHED" and self.may_finish()):
            raise AssertionError(f"job {self.id} is {job['state']}: {self.cluster.job(self.id)['failure']}")
        return job

    def restarts(self):
        return self.look()["restarts"]

    def is_running(self):
        """All its tasks run, or have ended well."""
        job = self.look()
        if job["state"] == "FINISHED":
            return job
        return job if job["state"] == "RUNNING" and all(v["status"] in ("RUNNING", "FINISHED") for v in job["vertices"]) else None

    def checkpoints(self):
        return self.cluster.rest(f"/jobs/{self.id}/checkpoints")

    def last_checkpoint(self):
        """The number of the last complete one; they only grow."""
        latest = self.checkpoints()["latest"]["completed"]
        return latest["id"] if latest else 0

    def has_rows(self):
        """This attempt has given rows to its sinks."""
        return self.look()["state"] == "FINISHED" or self.cluster.job(self.id)["records-out"] > 0

    def workers(self):
        """The TaskManagers that run tasks of the job."""
        ids = set()
        for vertex in self.look()["vertices"]:
            found = self.cluster.rest(f"/jobs/{self.id}/vertices/{vertex['id']}/taskmanagers")["taskmanagers"]
            ids |= {tm["taskmanager-id"] for tm in found}
        pids = sorted(tm["pid"] for tm in self.cluster.rest("/taskmanagers")["taskmanagers"] if tm["id"] in ids)
        return [Process(pid) for pid in pids]

    def restore_seconds(self):
        """Of the slowest task, from the beginning of its restore to running."""
        slowest = 0
        for vertex in self.look()["vertices"]:
            for task in self.cluster.rest(f"/jobs/{self.id}/vertices/{vertex['id']}/subtasktimes")["subtasks"]:
                times = task["timestamps"]
                if times["RUNNING"] > 0 and times["INITIALIZING"] > 0:
                    slowest = max(slowest, times["RUNNING"] - times["INITIALIZING"])
        return slowest / 1000

    # -- waiting --

    def wait(self, what, look, pause=0.005):
        """Also while there is no JobManager, or one that does not know its jobs yet."""

        def patient():
            try:
                return look()
            except (OSError, http.client.HTTPException):
                return None
            except Refused as refused:
                if refused.status not in (404, 503):
                    raise
                return None

        return wait_for(f"job {self.id}: {what}", patient, PATIENCE_S, pause)

    def wait_running(self):
        return self.wait("running", self.is_running)

    def wait_restarted(self, before):
        """More often than `before`, and running again."""
        self.wait("the failure is noticed", lambda: self.restarts() > before)
        return self.wait_running()

    def wait_checkpoints(self, n):
        """n more are complete."""
        before = self.last_checkpoint()
        if n > 0:
            self.wait(f"{n} checkpoints after {before}", lambda: self.look() and self.last_checkpoint() >= before + n)

    def wait_pending(self):
        """A checkpoint is under way."""
        self.wait("a checkpoint under way", lambda: self.checkpoints()["counts"]["in_progress"] > 0, pause=0)

    def wait_rows(self):
        self.wait("rows", self.has_rows)

    def wait_finished(self):
        return self.cluster.wait_state(self.id, "FINISHED", timeout=PATIENCE_S)
