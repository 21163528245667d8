"""failing_fs - a directory whose disk is full or broken for a while: shim/failing_fs.c in the processes of a cluster.

    disk = FailingDisk(control_path, directory)
    cluster = Cluster(..., env=disk.env())
    disk.fail(write=errno.ENOSPC)      # from now on, until
    disk.heal()
"""

import os
import pathlib
import struct

import cluster as kit

LIBRARY = kit.BIN_DIR.parent / "tests/libfailing_fs.so"
CONTROL_SIZE, DIRECTORY_AT = 4096, 32


class FailingDisk:
    def __init__(self, control, directory):
        """control: a file to be made; directory: what is below it fails, by its real path."""
        self.control = pathlib.Path(control)
        self.control.write_bytes(bytes(CONTROL_SIZE))
        directory = os.path.realpath(directory).encode() + b"/\0"
        self._put(DIRECTORY_AT, directory)

    def _put(self, at, data):
        # written into the page that processes have mapped, never replaced
        fd = os.open(self.control, os.O_WRONLY)
        try:
            os.pwrite(fd, data, at)
        finally:
            os.close(fd)

    def env(self):
        preload = [str(LIBRARY), os.environ.get("LD_PRELOAD", "")]
        env = {"WIESEL_FAILING_FS": str(self.control), "LD_PRELOAD": ":".join(filter(None, preload))}
        if kit.SANITIZED:
            # the shim stands before the sanitizer's library, which takes what the shim passes on
            env["ASAN_OPTIONS"] = "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")
        return env

    def fail(self, write=0, sync=0, open=0, rename=0):
        """Error numbers; 0: works."""
        self._put(0, struct.pack("=4i", write, sync, open, rename))

    def heal(self):
        self.fail()
