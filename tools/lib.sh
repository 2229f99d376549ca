# lib.sh - what run.sh, test.sh and .ci/run share: finding and installing what a build needs.
# To be sourced by bash. The caller sets `set -euo pipefail`.
# shellcheck shell=bash disable=SC2034

# Package names of Debian and Ubuntu. What is there is found by asking for the thing itself, not
# for the package, so that other systems and hand-installed tools are fine too.
HD_BUILD_NEEDS=(
    cmd:cc:gcc cmd:cmake:cmake cmd:ninja:ninja-build cmd:pkg-config:pkg-config
    header:stdio.h:libc6-dev
    lib:libsecp256k1:libsecp256k1-dev lib:libcrypto:libssl-dev lib:gmp:libgmp-dev
    lib:json-c:libjson-c-dev lib:lmdb:liblmdb-dev
)
HD_TEST_NEEDS=(cmd:python3:python3 cmd:g++:g++ lib:cmocka:libcmocka-dev)
HD_LINT_NEEDS=(cmd:clang:clang cmd:clang-format-14:clang-format-14)

hd_say() { printf '%s\n' "$*" >&2; }

# hd_is_there KIND:NAME:PACKAGE - whether the machine has it.
hd_is_there() {
    local kind name rest=$1
    kind=${rest%%:*} rest=${rest#*:} name=${rest%%:*}
    case $kind in
    cmd) command -v "$name" >/dev/null 2>&1 ;;
    lib) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "$name" ;;
    header)
        command -v cc >/dev/null 2>&1 &&
            printf '#include <%s>\n' "$name" | cc -E - >/dev/null 2>&1
        ;;
    esac
}

# hd_need YES KIND:NAME:PACKAGE... - installs what is missing. YES=1 does not ask. Without a
# terminal and without YES it says what is missing and exits with status 2.
hd_need() {
    local yes=$1 need answer as_root=()
    local -a packages=()
    shift
    for need in "$@"; do
        hd_is_there "$need" || packages+=("${need##*:}")
    done
    [ ${#packages[@]} -eq 0 ] && return 0
    hd_say "Missing on this machine: ${packages[*]}"
    if ! command -v apt-get >/dev/null 2>&1; then
        hd_say "These are the names on Debian and Ubuntu; please install what matches them here."
        exit 2
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            hd_say "Please install them as root: apt-get install ${packages[*]}"
            exit 2
        fi
        as_root=(sudo)
    fi
    if [ "$yes" != 1 ]; then
        if [ ! -t 0 ]; then
            hd_say "Run again with --yes to install them, or: apt-get install ${packages[*]}"
            exit 2
        fi
        read -r -p "Install them with apt-get? [y/N] " answer
        case $answer in
        [yY]*) ;;
        *) exit 2 ;;
        esac
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -qq)
    if ! "${as_root[@]}" update >&2 ||
        ! "${as_root[@]}" install -y --no-install-recommends "${packages[@]}" >&2; then
        hd_say "apt-get could not install: ${packages[*]}"
        exit 2
    fi
}

# hd_build PRESET [TARGET] - configures and builds; on a terminal with the build's progress, else
# quietly, with the end of the log when it fails.
hd_build() {
    local preset=$1 log=build/$1.log
    local -a target=()
    [ $# -gt 1 ] && target=(--target "$2")
    mkdir -p build
    hd_say "Building ($preset) ..."
    if ! cmake --preset "$preset" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        return 1
    fi
    if [ -t 2 ]; then
        cmake --build --preset "$preset" "${target[@]}" >&2
    elif ! cmake --build --preset "$preset" "${target[@]}" >>"$log" 2>&1; then
        tail -n 40 "$log" >&2
        return 1
    fi
}

hd_fixtures() { printf '%s\n' "${HEDDLE_FIXTURES:-$HOME/.cache/heddle/fixtures}"; }
