#!/usr/bin/env python3
"""tidy.py - the style rules that a compiler does not check.

Usage: tools/tidy.py [--require] [format|files|rooms|cxx|freestanding]...   (none named: all)
Exit status: 0 fine, 1 something to mend (one line each), 77 the only check named lacks its tool.
--require makes a missing tool a failure.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ["src", "include", "tests", "examples", "bench"]
SOURCE = (".c", ".h", ".cu", ".cuh", ".inc")
LINES_MAX = 1200
COLUMNS_MAX = 100
CLANG_FORMAT_MAJOR = "14"

# A room may include itself and these, nothing else (docs/hacking.md has the same table).
ROOMS = {
    "base": "",
    "gpu": "base",
    "crypto": "base gpu",
    "evm": "base gpu crypto",
    "state": "base gpu crypto",
    "exec": "base gpu crypto evm state",
    "fuzz": "base gpu crypto evm state exec",
    "ai": "base gpu crypto",
    "prove": "base gpu crypto evm state exec ai",
    "node": "base crypto evm state exec fuzz ai prove",
    "cli": "base gpu crypto evm state exec fuzz ai prove node",
}
# Shared code that must compile without an operating system.
# The flat tables that state fills and the machine reads are evm's: a data format, not a dependency on
# the machine (docs/architecture.md).
FORMATS = {"state": ["evm/hd_evm.h", "evm/hd_fork.h"]}
FREESTANDING_ROOMS = ["crypto", "evm"]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CUDA_HEADER = re.compile(r"^(cuda|cub/|thrust/|cooperative_groups|nvtx|nvrtc|cublas|curand)")
SHARED = re.compile(r"\bHD_(FN|INL|NOINL)\b")
# A header that is included several times with another meaning of a macro says so in its guard:
#     #error "define HD_LANE_TILE (1 or 32) before including hd_lane.h"
# It is compiled once with each value.
NEEDS = re.compile(r'#\s*error "define (\w+) \((\w+(?: or \w+)*)\) before')


class Missing(Exception):
    """A tool that this machine does not have."""


def sources():
    found = []
    for folder in FOLDERS:
        for at, dirs, names in os.walk(os.path.join(ROOT, folder)):
            dirs[:] = sorted(d for d in dirs if not d.startswith("."))
            for name in sorted(names):
                if name.endswith(SOURCE):
                    found.append(os.path.relpath(os.path.join(at, name), ROOT))
    return found


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def call(command, text=None):
    return subprocess.run(command, input=text, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)


def in_parallel(work, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [problem for problems in pool.map(work, items) for problem in problems]


def first_lines(text, count):
    return "\n    ".join(text.strip().splitlines()[:count])


def check_format():
    for name in ("clang-format-" + CLANG_FORMAT_MAJOR, "clang-format"):
        tool = shutil.which(name)
        if tool:
            version = re.search(r"version (\d+)", call([tool, "--version"]).stdout)
            if version and version.group(1) == CLANG_FORMAT_MAJOR:
                break
    else:
        raise Missing(f"clang-format {CLANG_FORMAT_MAJOR} (other versions decide differently)")

    def work(path):
        done = call([tool, "--dry-run", "--Werror", "--style=file", path])
        if done.returncode == 0:
            return []
        line = re.search(r":(\d+):\d+: error", done.stdout)
        return [f"{path}:{line.group(1) if line else 1}: run clang-format -i on it"]

    return in_parallel(work, sources())


def check_files():
    problems = []
    for path in sources():
        text = read(path)
        lines = text.split("\n")
        name = os.path.basename(path)
        if not lines[0].startswith(f"/* {name} - "):
            problems.append(f"{path}:1: line 1 must be /* {name} - what it is for")
        if len(lines) - 1 > LINES_MAX:
            problems.append(f"{path}:{LINES_MAX}: {len(lines) - 1} lines, at most {LINES_MAX}")
        if not text.endswith("\n"):
            problems.append(f"{path}:{len(lines)}: the last line must end")
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS_MAX:
                problems.append(f"{path}:{number}: {len(line)} columns, at most {COLUMNS_MAX}")
            if "\t" in line or line != line.rstrip():
                problems.append(f"{path}:{number}: a tab, or white space at the end")
    return problems


def check_rooms():
    problems = []
    for path in sources():
        parts = path.split(os.sep)
        room = parts[1] if parts[0] == "src" else None
        if room is not None and (room not in ROOMS or len(parts) != 3):
            problems.append(f"{path}:1: is in none of the rooms {', '.join(ROOMS)}")
            continue
        for number, line in enumerate(read(path).split("\n"), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            mark, target = match.groups()
            at = f"{path}:{number}"
            if CUDA_HEADER.match(target) and not path.endswith("_cuda.cu"):
                problems.append(f"{at}: {target} may be included by *_cuda.cu only")
            if parts[0] == "include" and mark == '"' and not target.startswith("heddle/"):
                problems.append(f"{at}: a public header may include heddle/ and <...> only")
            if room is None or mark == "<" or target.startswith("heddle/"):
                continue
            other = target.split("/")[0]
            if "/" not in target or other not in ROOMS:
                problems.append(f'{at}: write "ROOM/{os.path.basename(target)}"')
            elif target in FORMATS.get(room, []):
                continue
            elif other != room and other not in ROOMS[room].split():
                problems.append(f"{at}: room {room} may not use room {other}")
    return problems


def shared_headers(rooms=None):
    for path in sources():
        parts = path.split(os.sep)
        if (parts[0] == "src" and path.endswith(".h") and (not rooms or parts[1] in rooms)
                and SHARED.search(read(path))):
            yield path


def compile_headers(command, paths, what):
    def work(job):
        path, defines = job
        include = '#include "' + path[len("src/"):].replace(os.sep, "/") + '"\n'
        done = call(command + defines + ["-Isrc", "-"], include)
        if done.returncode == 0:
            return []
        return [f"{path}:1: {what}:\n    {first_lines(done.stdout, 6)}"]

    return in_parallel(work, [(path, defines) for path in paths for defines in needs(path)])


def needs(path):
    """The lists of -D options with which a header must compile; [[]] when it needs none."""
    options = [[]]
    for name, values in NEEDS.findall(read(path)):
        options = [old + [f"-D{name}={value}"] for old in options for value in values.split(" or ")]
    return options


def check_cxx():
    if not shutil.which("g++"):
        raise Missing("g++")
    command = ["g++", "-fsyntax-only", "-std=c++17", "-x", "c++"]
    return compile_headers(command, shared_headers(), "shared files are also C++17")


def check_freestanding():
    command = ["-std=c11", "-ffreestanding", "-fsyntax-only", "-x", "c"]
    if shutil.which("clang"):
        command = ["clang", "--target=riscv64-unknown-elf", "-march=rv64im"] + command
    elif shutil.which("riscv64-unknown-elf-gcc"):
        command = ["riscv64-unknown-elf-gcc"] + command
    else:
        raise Missing("a compiler for riscv64 (clang)")
    return compile_headers(command, shared_headers(FREESTANDING_ROOMS),
                           "the core must compile without an operating system (riscv64)")


CHECKS = {
    "format": check_format,
    "files": check_files,
    "rooms": check_rooms,
    "cxx": check_cxx,
    "freestanding": check_freestanding,
}


def main(names):
    is_strict = "--require" in names
    names = [name for name in names if name != "--require"]
    for name in names:
        if name not in CHECKS:
            print(f"tidy.py: no check {name}: {', '.join(CHECKS)}", file=sys.stderr)
            return 2
    bad_cnt = missing_cnt = 0
    for name in names or CHECKS:
        try:
            problems = CHECKS[name]()
        except Missing as missing:
            print(f"tidy.py {name}: skipped, it needs {missing}")
            missing_cnt += 1
            continue
        for problem in problems:
            print(problem)
        bad_cnt += len(problems)
        print(f"tidy.py {name}: {len(problems) or 'nothing'} to mend")
    if bad_cnt or (is_strict and missing_cnt):
        return 1
    return 77 if missing_cnt and len(names) == 1 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
