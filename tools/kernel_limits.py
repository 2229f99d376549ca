#!/usr/bin/env python3
"""kernel_limits.py - registers, stack frame and compile time of every kernel, against a written limit.

usage: tools/kernel_limits.py [--csv FILE]

Compiles each src/*/*_cuda.cu for sm_90 with ptxas -v and compares with LIMITS below. A kernel that is
not listed meets DEFAULT. Exit status: 0 all within, 1 over a limit or a failed compilation, 77 no nvcc.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# kernel: (registers, bytes of stack frame). Pairings hold a tower of field elements on the stack.
DEFAULT = (128, 4096)
LIMITS = {
    "wave_step": (168, 1280),  # three blocks of 128 threads on a multiprocessor
    "tagged_step": (168, 1280),  # the same, with loads followed
    "trace_step": (168, 1280),  # one thread: to find differences, not for speed
    "wave_export": (64, 1024),
    "bn_pairing": (200, 5120),
    "kzg": (168, 8192),
    "bls_g1_msm": (128, 4096),
    "bls_g2_msm": (168, 8192),
    "bls_pairing": (168, 8192),
}
FILE_SECONDS_MAX = 600  # of one file, on a busy machine


def kernel_name(mangled):
    """The plain name inside _Z<length><name>... (also with a _ZN... or internal-linkage prefix)."""
    for match in re.finditer(r"(?<!\d)(\d+)([A-Za-z_]\w*)", mangled):
        length = int(match.group(1))
        name = match.group(2)[:length]
        if len(name) == length and not name.startswith("_GLOBAL"):
            return name
    return mangled


def limit_of(name):
    for key, limit in LIMITS.items():
        if key in name:
            return limit
    return DEFAULT


def main():
    nvcc = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    if not os.access(nvcc, os.X_OK):
        print("kernel_limits.py: SKIP: nvcc is not here")
        return 77
    rows, status = [], 0
    for path in sorted(glob.glob(os.path.join(ROOT, "src", "*", "*_cuda.cu"))):
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as work:
            done = subprocess.run(
                [nvcc, "-std=c++17", "-O3", "-arch=sm_90", "-I" + os.path.join(ROOT, "src"),
                 "-Xptxas=-v", "-diag-suppress=177", "-cubin", "-o", os.path.join(work, "x.cubin"),
                 path], capture_output=True, text=True, timeout=FILE_SECONDS_MAX, check=False)
        seconds = time.monotonic() - begin
        if done.returncode != 0:
            print(done.stderr)
            return 1
        name = frame = None
        for line in done.stderr.split("\n"):
            if match := re.search(r"Compiling entry function '(\w+)'", line):
                name = kernel_name(match.group(1))
            elif match := re.search(r"(\d+) bytes stack frame", line):
                frame = int(match.group(1))
            elif name and (match := re.search(r"Used (\d+) registers", line)):
                if "cub" not in name and "Device" not in name:
                    rows.append((os.path.relpath(path, ROOT), name, int(match.group(1)), frame or 0,
                                 seconds))
                name = None
    print(f"{'kernel':40} {'registers':>9} {'limit':>6} {'frame':>6} {'limit':>6}")
    for _, name, registers, frame, _ in rows:
        registers_max, frame_max = limit_of(name)
        is_over = registers > registers_max or frame > frame_max
        status |= is_over
        print(f"{name:40} {registers:9} {registers_max:6} {frame:6} {frame_max:6}"
              f"{'  OVER' if is_over else ''}")
    for path in sorted({row[0] for row in rows}):
        print(f"{path}: compiled in {next(r[4] for r in rows if r[0] == path):.0f} s")
    if "--csv" in sys.argv:
        with open(sys.argv[sys.argv.index("--csv") + 1], "w", encoding="utf-8") as f:
            f.write("file,kernel,registers,frame,file_seconds\n")
            for row in rows:
                f.write(",".join(str(x) for x in row[:4]) + f",{row[4]:.0f}\n")
    if not rows:
        print("kernel_limits.py: no kernel was found")
        return 1
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
