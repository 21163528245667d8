"""rules - what tests/tidy holds the tree to, as tables. The checks themselves are in tidy.py.

A path prefix ends with '/' for a folder or is a whole file name; the longest prefix that fits a path counts.
"""

# ---- floors: who may include whom ----------------------------------------------------------------------------------

# Where a quoted include can point. "common/" is an include path of its own: "base/alloc.h" is common/base/alloc.h.
GENERATED = {"control.pb-c.h": "proto", "job_graph.pb-c.h": "proto", "checkpoint.pb-c.h": "proto", "job_store.pb-c.h": "proto"}

PUBLIC = "common/include/wiesel/"

# room: (prefix of its files, rooms its quoted includes may name). Every room may include itself and <wiesel/...>.
FLOORS = {
    "public": (PUBLIC, []),
    "base": ("common/base/", []),
    "data": ("common/data/", ["base"]),
    "expr": ("common/expr/", ["base", "data"]),
    "format": ("common/format/", ["base", "data"]),
    "net": ("common/net/", ["base", "data", "proto"]),
    "plugin": ("common/plugin/", ["base", "connector"]),
    "graph": ("common/graph/", ["base", "data", "expr", "format", "plugin", "proto"]),
    "ckpt": ("common/ckpt/", ["base", "data", "graph", "proto"]),
    "api": ("common/api/", ["base", "data", "expr", "format", "graph", "plugin", "proto"]),
    # Connectors look like those of users: public headers, the seams of base, and the formats.
    "connector": ("common/connector/", ["base", "format"]),
    "proto": ("proto/", []),
    "jobmanager": ("jobmanager/", ["base", "data", "expr", "format", "net", "plugin", "graph", "ckpt", "api", "proto"]),
    "taskmanager": ("taskmanager/", ["base", "data", "expr", "format", "net", "plugin", "graph", "ckpt", "api", "proto"]),
    "cli": ("cli/", ["base", "data", "expr", "format", "net", "plugin", "graph", "ckpt", "api", "proto", "jobmanager", "taskmanager"]),
    "bench": ("bench/", ["base", "data", "expr", "format", "net", "plugin", "graph", "api", "taskmanager", "cli"]),
    # Examples are what job authors read: public headers only. The generator is a program of ours.
    "examples": ("examples/", []),
    "gen": ("examples/gen/", ["base"]),
    "deploy": ("deploy/", ["base"]),
    "tests": ("tests/", ["public", "base", "data", "expr", "format", "net", "plugin", "graph", "ckpt", "api", "connector", "proto",
                         "jobmanager", "taskmanager", "cli", "bench", "examples", "gen", "deploy"]),
}

# ---- seams: calls that only the files behind a seam make ------------------------------------------------------------

# name: (calls, files that may, what to do instead). Names ending in '*' are prefixes.
SEAMS = {
    "clock": (
        ["clock_gettime", "gettimeofday", "time", "ftime", "timespec_get"],
        ["common/base/clock.c", "common/base/proc.c"],
        "ask the wsl_clock you were given",
    ),
    "waiting": (
        ["nanosleep", "clock_nanosleep", "usleep", "sleep"],
        ["cli/", "deploy/supervisor/", "common/base/loop.c"],
        "return the deadline from your step function",
    ),
    "random": (
        ["rand", "srand", "rand_r", "random", "srandom", "drand48", "lrand48", "getrandom", "getentropy", "arc4random",
         "arc4random_uniform"],
        ["common/base/rng.c"],
        "use the wsl_rng you were given",
    ),
    "files": (
        ["open", "openat", "creat", "fopen", "freopen", "opendir", "fdopendir", "scandir", "nftw", "rename", "renameat",
         "unlink", "unlinkat", "remove", "mkdir", "mkdirat", "rmdir", "stat", "lstat", "fstat", "fstatat", "statx", "truncate",
         "ftruncate", "fsync", "fdatasync", "mkstemp", "mkostemp", "mkdtemp", "tmpfile", "symlink", "link", "readlink",
         "realpath", "access", "chmod", "glob"],
        ["common/base/fs_posix.c", "common/base/proc.c", "deploy/supervisor/"],
        "go through the wsl_fs you were given",
    ),
    "sockets": (
        ["socket", "socketpair", "bind", "listen", "accept", "accept4", "connect", "recv", "recvfrom", "recvmsg", "send",
         "sendto", "sendmsg", "getaddrinfo", "gethostbyname", "zmq_*"],
        ["common/base/sock_posix.c", "common/net/transport_zmq.c", "common/net/zmq_", "common/net/transport_local.c",
         "common/net/local_"],
        "go through the wsl_transport or the wsl_dialer you were given",
    ),
    "processes": (
        ["fork", "vfork", "system", "popen", "execl", "execlp", "execle", "execv", "execvp", "execve", "posix_spawn",
         "posix_spawnp"],
        ["cli/compile.c", "deploy/supervisor/"],
        "only the supervisor and the compiler of job sources start processes",
    ),
    "libraries": (
        ["dlopen", "dlmopen"],
        ["common/plugin/"],
        "load job libraries with common/plugin",
    ),
}

# Single exceptions, each with its reason: (file, call).
SEAM_EXCEPTIONS = {
    ("common/plugin/plugin.c", "realpath"): "the loader needs the name that dlopen will see",
    ("common/net/zmq_listener.c", "unlink"): "the file of a local socket belongs to the socket, and ZeroMQ leaves it behind",
    ("common/net/local_listener.c", "lstat"): "the file of a local socket belongs to the socket",
    ("common/net/local_listener.c", "unlink"): "the file of a local socket belongs to the socket",
    ("common/net/local_listener.c", "open"): "the lock on the directory of a local socket's file",
    ("jobmanager/store/dir_lock.c", "open"): "the lock on the directory of a JobManager's store",
    ("common/net/local_ring.c", "ftruncate"): "of memory shared with another process, not of a file",
    ("common/net/local_ring.c", "fstat"): "of memory shared with another process, not of a file",
}

# Folders outside the product's processes: tests play the outside world, benchmarks measure from there.
SEAMS_NOT_CHECKED = ["tests/", "bench/"]

# ---- libraries that one place hides -----------------------------------------------------------------------------------

LIBRARY_HEADERS = {
    "zmq.h": ["common/net/", "tests/unit/common/net/"],
    "microhttpd.h": ["jobmanager/rest/"],
    "curl/curl.h": ["cli/", "bench/", "examples/async-enrich/"],
    "yaml.h": ["common/base/config_file.c"],
    "dlfcn.h": ["common/plugin/", "tests/e2e/shim/"],
}

# ---- folders ------------------------------------------------------------------------------------------------------------

SOURCE_ENDINGS = (".c", ".h", ".cc", ".proto", ".py", ".sh")
NO_README_NEEDED = ["tests/unit/", "common/include/", ".ci/", "deploy/conf/"]  # tests/unit mirrors the tree
SKIPPED_FOLDERS = {"build", "node_modules", "__pycache__", "dist"}
