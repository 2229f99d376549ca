#!/usr/bin/env python3
"""test_summary.py - reads ctest's JUnit report; says why tests were skipped and counts them all.

Usage: tools/test_summary.py REPORT. The last line is "N passed, M failed, K skipped". Exit status 1
when a test failed, when none ran, or when HEDDLE_REQUIRE_FIXTURES=1 and one that needs no GPU was
skipped.
"""
import os
import sys
import xml.etree.ElementTree as tree


def reason(case):
    """The line of a skipped test's output that says why."""
    text = (case.findtext("system-out") or "").strip().splitlines()
    plain = [line.strip() for line in text
             if line.strip() and not line.startswith("[") and "SKIPPED TEST" not in line]
    return plain[-1] if plain else "no reason given"


def main(path):
    counts = {"run": 0, "fail": 0, "skip": 0}
    is_strict = os.environ.get("HEDDLE_REQUIRE_FIXTURES") == "1"
    bad_skips = 0
    try:
        cases = list(tree.parse(path).getroot().iter("testcase"))
    except (OSError, tree.ParseError) as problem:
        print(f"test_summary.py: {path}: {problem}", file=sys.stderr)
        cases = []
    for case in cases:
        # HeddleTests.cmake gives the label gpu by the file's name, which is the case's prefix.
        program = (case.get("name") or "").split(".")[0]
        if case.get("status") == "run" and case.find("failure") is None:
            counts["run"] += 1
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            is_bad = is_strict and "gpu" not in program and "cuda" not in program
            bad_skips += is_bad
            counts["skip"] += 1
            print(f"skipped: {case.get('name')}: {reason(case)}")
        else:
            counts["fail"] += 1
            print(f"failed: {case.get('name')}")
    if bad_skips:
        print(f"{bad_skips} skipped, which HEDDLE_REQUIRE_FIXTURES=1 forbids")
    print(f"{counts['run']} passed, {counts['fail']} failed, {counts['skip']} skipped")
    return 1 if counts["fail"] or bad_skips or not counts["run"] else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
