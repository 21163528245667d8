#!/usr/bin/env python3
"""test_tidy - a tidy tree passes, and each way of being untidy is reported with its file and line."""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

HEADER = "/*\n * {name} - a thing.\n */\n#pragma once\n"


class Tree(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="wsl-tidy-")
        self.addCleanup(shutil.rmtree, self.root)
        for folder in ("common/base", "common/data", "common/net", "jobmanager", "taskmanager", "common/connector/file",
                       "common/format", "examples/demo", "cli"):
            self.put(f"{folder}/README.md", "# it\n")
        self.put("common/include/wiesel/row.h", HEADER.format(name="row"))
        self.put("common/base/alloc.h", HEADER.format(name="alloc") + "#include <wiesel/row.h>\n")
        self.put("common/data/key.h", HEADER.format(name="key") + '#include "base/alloc.h"\n')
        self.put("jobmanager/jm.h", HEADER.format(name="jm") + '#include "data/key.h"\n')
        self.put("taskmanager/tm.h", HEADER.format(name="tm"))

    def put(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def found(self, **more):
        return [str(p) for p in tidy.check_tree(self.root, **more)]

    def check(self, path, text, expected):
        """expected: (line, words) of the only problem, or None."""
        self.put(path, text)
        found = self.found()
        if expected is None:
            self.assertEqual(found, [])
        else:
            self.assertEqual(len(found), 1, found)
            self.assertTrue(found[0].startswith(f"{path}:{expected[0]}: "), found[0])
            self.assertIn(expected[1], found[0])

    # ---- floors

    def test_a_tidy_tree_passes(self):
        self.assertEqual(self.found(), [])

    def test_a_floor_includes_only_floors_below(self):
        self.check("common/base/up.c", '\n#include "data/key.h"\n', (2, "base may not include data"))

    def test_nothing_goes_sideways(self):
        self.check("taskmanager/task.c", '#include "jobmanager/jm.h"\n', (1, "taskmanager may not include jobmanager"))

    def test_upwards_is_fine(self):
        self.check("jobmanager/jm.c", '#include "jobmanager/jm.h"\n#include "base/alloc.h"\n', None)

    def test_a_public_header_includes_no_internal_one(self):
        self.check("common/include/wiesel/bad.h", HEADER.format(name="bad") + '#include "base/alloc.h"\n',
                   (5, "public may not include base"))

    def test_public_headers_are_included_with_angles(self):
        self.check("common/data/a.c", '#include "include/wiesel/row.h"\n', (1, "as <wiesel/...>"))

    def test_a_connector_sees_no_rows_but_the_public_ones(self):
        self.check("common/connector/file/a.c", '#include "data/key.h"\n', (1, "connector may not include data"))

    def test_an_example_sees_public_headers_only(self):
        self.check("examples/demo/a.c", '#include "base/alloc.h"\n', (1, "examples may not include base"))

    def test_an_include_names_a_file(self):
        self.check("common/data/a.c", '#include "key.h"\n', (1, '"key.h" does not exist'))
        os.remove(os.path.join(self.root, "common/data/a.c"))
        self.check("common/data/b.c", "#include <wiesel/no.h>\n", (1, "<wiesel/no.h> does not exist"))

    def test_an_include_in_a_comment_is_none(self):
        self.check("common/base/a.c", '/* #include "data/key.h" */\n// #include "jobmanager/jm.h"\n', None)

    def test_a_library_stays_where_it_is_hidden(self):
        self.check("taskmanager/a.c", "#include <zmq.h>\n", (1, "<zmq.h> is hidden behind common/net/"))

    # ---- seams

    def test_each_seam_is_guarded(self):
        for call, seam in [("clock_gettime(0, &t);", "clock"), ("x = time(NULL);", "clock"), ("usleep(5);", "waiting"),
                           ("int x = rand ();", "random"), ("fd = open(path, 0);", "files"), ("(void)rename(a, b);", "files"),
                           ("socket(1, 2, 3);", "sockets"), ("zmq_send(s, p, n, 0);", "sockets"), ("if (!fork()) {}", "processes"),
                           ("dlopen(name, 1);", "libraries")]:
            with self.subTest(call):
                self.check("taskmanager/a.c", f"void f(void)\n{{\n    {call}\n}}\n", (3, f"seam '{seam}'"))

    def test_members_strings_comments_and_own_functions_are_no_calls(self):
        self.check("taskmanager/a.c", 'static int open(int x)\n{\n    return x;\n}\n/* time(NULL) */\nvoid f(void)\n{\n    fs->rename(fs, a, b);'
                   '\n    ops.connect(x);\n    g("fopen(");\n    open(5);\n    downtime(3);\n    wsl_open(7);\n}\n', None)

    def test_the_files_behind_a_seam_may(self):
        self.check("common/base/clock.c", "void f(void)\n{\n    clock_gettime(0, &t);\n}\n", None)
        self.check("common/base/rng.c", "void f(void)\n{\n    clock_gettime(0, &t);\n}\n", (3, "seam 'clock'"))

    # ---- braces

    def test_branches_and_loops_have_braces(self):
        for code, line in [("if (x)\n        g();", 3), ("if (x) {\n    } else\n        g();", 4), ("for (;;)\n        g();", 3),
                           ("while (x)\n        g();", 3), ("while (x);", 3), ("do\n        g();\n    while (x);", 3),
                           ("if (a(b, (c))) return;", 3)]:
            with self.subTest(code):
                self.put("taskmanager/a.c", f"void f(void)\n{{\n    {code}\n}}\n")
                found = self.found()
                self.assertTrue(found and all("without braces" in p for p in found), found)
                self.assertTrue(found[0].startswith(f"taskmanager/a.c:{line}: "), found)

    def test_what_has_braces_passes(self):
        self.check("taskmanager/a.c", """\
#if defined(A)
#else
#endif
#define EACH(x) for (int i = 0; i < (x); i++)
#define CHECK(x)                                        \\
    do {                                                \\
        if (!(x)) {                                     \\
            g();                                        \\
        }                                               \\
    } while (0)
void f(void)
{
    if (x) { /* why */
        g(); // if (y) z;
    } else if (strcmp(a, "if (b) c;") == 0) {
        g();
    } else {
        do {
            g();
        } while (x);
    }
    for (;;) {
        while (y(')')) {
        }
    }
    switch (x) {
    default:
        break;
    }
}
""", None)

    def test_a_macro_that_walks_leaves_its_braces_to_the_user(self):
        self.check("taskmanager/a.c", "#define EACH(x) \\\n    for (int i = 0; i < (x); i++) \\\n        for (int j = 0; j < i; j++)\n", None)

    def test_an_example_may_include_its_own_header(self):
        self.put("examples/demo/trades.h", HEADER.format(name="trades"))
        self.check("examples/demo/a.c", '#include "trades.h"\n', None)

    def test_a_macro_body_needs_braces_too(self):
        self.check("taskmanager/a.c", "#define A(x) \\\n    if (x)   \\\n        return\n", (2, "'if' without braces"))

    # ---- headers and folders

    def test_a_header_begins_with_its_name(self):
        self.check("taskmanager/a.h", "/*\n * b - a thing.\n */\n#pragma once\n", (1, 'begin with a comment "a - '))

    def test_a_header_has_pragma_once(self):
        self.check("taskmanager/a.h", "/*\n * a - a thing.\n */\n", (1, "#pragma once is missing"))

    def test_a_header_compiles_alone(self):
        self.put("taskmanager/a.h", HEADER.format(name="a") + "void a_f(uint32_t x);\n")
        found = self.found(generated=self.root)
        self.assertEqual(len(found), 1, found)
        self.assertIn("taskmanager/a.h:1: does not compile alone", found[0])
        self.assertIn("uint32_t", found[0])

    def test_the_cache_forgets_when_a_header_changes(self):
        cache = os.path.join(self.root, ".cache")
        self.assertEqual(self.found(generated=self.root, cache=cache), [])
        self.assertTrue(os.path.exists(cache))
        self.put("taskmanager/a.h", HEADER.format(name="a") + "void a_f(uint32_t x);\n")
        self.assertEqual(len(self.found(generated=self.root, cache=cache)), 1)
        self.assertEqual(len(self.found(generated=self.root, cache=cache)), 1, "a failure is not remembered as success")

    def test_each_folder_has_a_readme(self):
        self.put("jobmanager/exec/a.c", "int a;\n")
        found = self.found()
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith("jobmanager/exec/README.md:1: is missing"), found)

    def test_built_and_hidden_folders_are_left_out(self):
        self.put("build/release/a.c", "int f(void) { if (x) return 1; }\n")
        self.put(".git/a.c", "int f(void) { if (x) return 1; }\n")
        self.assertEqual(self.found(), [])


if __name__ == "__main__":
    unittest.main()
