#!/usr/bin/env python3
"""tidy - checks the tree against the rules of rules.py and says file, line and what to do.

    tidy.py --root . [--generated build/release/proto] [--cc gcc] [--cache build/release/tidy.cache]

Exit code 0: nothing found. 1: problems, one per line. Headers are compiled only if --generated is given.
"""
import argparse
import concurrent.futures
import hashlib
import os
import re
import subprocess
import sys

import rules


class Problem:
    def __init__(self, path, line, text):
        self.path, self.line, self.text = path, line, text

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


# ---- the tree -----------------------------------------------------------------------------------------------------------


def list_files(root):
    """All files below root, as paths relative to it, sorted; hidden and built ones are left out."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in rules.SKIPPED_FOLDERS and not f.startswith((".", "build-"))
                            or f == ".ci")
        for name in names:
            if not name.startswith("."):
                found.append(os.path.relpath(os.path.join(folder, name), root))
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


def blank(text, keep_strings=False):
    """The text with comments (and strings) turned into blanks, so that places and lines stay."""

    def wipe(match):
        token = match.group(0)
        if token[0] == '"' and keep_strings:
            return token
        if token[0] in "\"'":
            return token[0] + " " * (len(token) - 2) + token[-1]
        return re.sub(r"[^\n]", " ", token)

    return TOKEN.sub(wipe, text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def fits(path, prefixes):
    return any(path == p or path.startswith(p) for p in prefixes)


# ---- floors -------------------------------------------------------------------------------------------------------------

INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([\"<])([^\">]+)[\">]", re.MULTILINE)


def room_of(path):
    """The room whose prefix is the longest that fits; None for files outside all rooms."""
    best, best_size = None, -1
    for room, (prefix, _) in rules.FLOORS.items():
        if path.startswith(prefix) and len(prefix) > best_size:
            best, best_size = room, len(prefix)
    return best


def resolve(known, path, name):
    """The room a quoted include points to, or None if there is no such file."""
    if name in rules.GENERATED:
        return rules.GENERATED[name]
    candidates = [name, "common/" + name]
    if path.startswith("tests/"):
        candidates.append("tests/" + name)
    if path.startswith(("tests/", "examples/")):  # compiled where they stand
        candidates.append(os.path.normpath(os.path.join(os.path.dirname(path), name)))
    for candidate in candidates:
        if candidate in known:
            return room_of(candidate)
    return None


def check_includes(root, path, text, known):
    room = room_of(path)
    if room is None:
        return
    may = rules.FLOORS[room][1]
    for match in INCLUDE.finditer(blank(text, keep_strings=True)):
        line = line_of(text, match.start())
        quoted, name = match.group(1) == '"', match.group(2)
        if not quoted:
            if name.startswith("wiesel/"):
                if "common/include/" + name not in known:
                    yield Problem(path, line, f"<{name}> does not exist")
            elif name in rules.LIBRARY_HEADERS and not fits(path, rules.LIBRARY_HEADERS[name]):
                yield Problem(path, line, f"<{name}> is hidden behind {', '.join(rules.LIBRARY_HEADERS[name])}")
            continue
        target = resolve(known, path, name)
        if target is None:
            yield Problem(path, line, f'"{name}" does not exist; name it from the root or from common/')
        elif target == "public":
            yield Problem(path, line, f'include public headers as <wiesel/...>, not "{name}"')
        elif target != room and target not in may:
            yield Problem(path, line, f'{room} may not include {target} ("{name}"); allowed: '
                          + (", ".join(may) if may else "only itself") + " and <wiesel/...>")


# ---- seams --------------------------------------------------------------------------------------------------------------


def seam_patterns():
    patterns = []
    for seam, (calls, allowed, instead) in rules.SEAMS.items():
        names = "|".join(re.escape(c[:-1]) + r"\w*" if c.endswith("*") else re.escape(c) for c in calls)
        patterns.append((seam, re.compile(rf"(?<![\w.>])(?P<call>{names})[ \t]*\("), allowed, instead))
    return patterns


SEAM_PATTERNS = seam_patterns()


def defines(code, name):
    """Does the file define a function of that name of its own?"""
    return re.search(rf"^[A-Za-z_][\w \t*]*\b{name}[ \t]*\([^;{{}}]*\)\s*\{{", code, re.MULTILINE) is not None


def check_seams(path, text):
    if fits(path, rules.SEAMS_NOT_CHECKED):
        return
    code = blank(text)
    for seam, pattern, allowed, instead in SEAM_PATTERNS:
        if fits(path, allowed):
            continue
        for match in pattern.finditer(code):
            call = match.group("call")
            if (path, call) in rules.SEAM_EXCEPTIONS or defines(code, call):
                continue
            yield Problem(path, line_of(code, match.start()), f"{call}() goes around the seam '{seam}': {instead}")


# ---- braces -------------------------------------------------------------------------------------------------------------

KEYWORD = re.compile(r"(?<![\w.>])(if|for|while|switch|else|do)\b")


def without_directives(code):
    """Preprocessor lines blanked, but for what #define defines; line continuations blanked."""
    out, in_define, in_other = [], False, False
    for line in code.split("\n"):
        continued = line.rstrip().endswith("\\")
        body = line.rstrip()[:-1] if continued else line
        starts = line.lstrip().startswith("#")
        if not in_define and not in_other and starts:
            in_define = re.match(r"\s*#\s*define\b", line) is not None
            in_other = not in_define
            out.append(re.sub(r"^\s*#\s*define\s+\w+(\([^)]*\))?", lambda m: " " * len(m.group(0)), body)
                       if in_define else "")
        else:
            out.append("" if in_other else body)
        if in_define and not continued:
            out[-1] += "\x01"  # the end of a macro
        if not continued:
            in_define = in_other = False
    return "\n".join(out)


def after_parens(code, at):
    """Behind the ')' that closes the first '(' at or behind `at`; None if there is none."""
    at = code.find("(", at)
    depth = 0
    while 0 <= at < len(code):
        if code[at] == "(":
            depth += 1
        elif code[at] == ")":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return None


def next_visible(code, at):
    while at < len(code) and code[at] in " \t\n\r":
        at += 1
    return code[at:at + 1]


def is_walk_macro(code, end):
    """A macro that ends in for (...) for (...): who uses it writes the braces."""
    while re.match(r"\s*for\b", code[end:]):
        end = after_parens(code, end)
        if end is None:
            return False
    return next_visible(code, end) == "\x01"


def check_braces(path, text):
    code = without_directives(blank(text))
    for match in KEYWORD.finditer(code):
        word, end = match.group(1), match.end()
        if word in ("if", "for", "while", "switch"):
            end = after_parens(code, end)
            if end is None:
                continue
        follows = next_visible(code, end)
        fine = follows in ("{", "", "\x01")
        if word == "while" and follows == ";":
            fine = code[:match.start()].rstrip().endswith("}")  # the end of do { } while
        if word == "for":
            fine = fine or is_walk_macro(code, end)
        if word == "else":
            fine = fine or re.match(r"\s*if\b", code[end:]) is not None
        if not fine:
            yield Problem(path, line_of(code, match.start()), f"'{word}' without braces")


# ---- headers ------------------------------------------------------------------------------------------------------------


def check_header_text(path, text):
    name = os.path.basename(path)[:-2]
    if not re.match(rf"/\*\s+\*\s+{re.escape(name)} - \S", text):
        yield Problem(path, 1, f'begin with a comment "{name} - what it is": whose thread, who owns what, errors')
    if not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield Problem(path, 1, "#pragma once is missing")


def compile_header(root, generated, compiler, path):
    command = compiler.split() + ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I.", "-Icommon",
                                  "-Icommon/include", "-Itests", "-isystem", generated, "-include", path, "-x", "c", "/dev/null"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return None
    first = next((l for l in result.stderr.splitlines() if "error" in l), result.stderr.strip()[:300])
    return Problem(path, 1, f"does not compile alone: {first}")


def stamp(root, headers, extra):
    """Changes with any header: one may break another that includes it."""
    digest = hashlib.sha256("|".join(extra).encode())
    for path in headers:
        info = os.stat(os.path.join(root, path))
        digest.update(f"{path} {info.st_mtime_ns} {info.st_size}\n".encode())
    return digest.hexdigest()


def check_headers_compile(root, headers, generated, compiler, cache):
    now = stamp(root, headers, [compiler, generated])
    if cache and os.path.exists(cache):
        with open(cache, encoding="utf-8") as file:
            if file.read() == now:
                return []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        results = list(pool.map(lambda h: compile_header(root, generated, compiler, h), headers))
    problems = [p for p in results if p is not None]
    if cache and not problems:
        with open(cache, "w", encoding="utf-8") as file:
            file.write(now)
    return problems


# ---- folders ------------------------------------------------------------------------------------------------------------


def check_readmes(files):
    known = set(files)
    folders = sorted({os.path.dirname(f) for f in files if f.endswith(rules.SOURCE_ENDINGS)})
    for folder in folders:
        readme = os.path.join(folder, "README.md")
        if readme not in known and not fits(folder + "/", rules.NO_README_NEEDED):
            yield Problem(readme, 1, "is missing: what the folder is, its threads, which file to open first")


# ---- all of it ----------------------------------------------------------------------------------------------------------


def check_tree(root, generated=None, compiler="gcc", cache=None):
    files = list_files(root)
    known = set(files)
    problems = list(check_readmes(files))
    for path in files:
        if not path.endswith((".c", ".h", ".cc")):
            continue
        text = read(root, path)
        problems += check_includes(root, path, text, known)
        problems += check_seams(path, text)
        problems += check_braces(path, text)
        if path.endswith(".h"):
            problems += check_header_text(path, text)
    if generated:
        headers = [f for f in files if f.endswith(".h")]
        problems += check_headers_compile(root, headers, os.path.abspath(generated), compiler, cache)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True)
    parser.add_argument("--generated", help="where the generated protobuf headers are; without it nothing is compiled")
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--cache")
    options = parser.parse_args()
    problems = check_tree(options.root, options.generated, options.cc, options.cache)
    for problem in problems:
        print(problem)
    print(f"tidy: {len(problems)} problem(s)" if problems else "tidy: fine")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
