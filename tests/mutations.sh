#!/usr/bin/env bash
# mutations.sh - proves that tests notice a missing rule: builds src/base/hd_mutation.h's kinds one
# after the other and demands that a test fails with each, and none without. Exit status 0: so it
# is; 1: not so; 77: the build folder is not ninja's. Usage: mutations.sh BUILD [NUMBER...]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || { echo "Usage: mutations.sh BUILD [NUMBER...]" >&2; exit 2; }
build=$(cd "$1" && pwd)
shift
[ -f "$build/build.ninja" ] || { echo "SKIP: $build is not a build folder of ninja"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
programs=(test_rounds_rules test_rounds_tags test_ordered hd_rounds)

# command_of TARGET - the last command that makes it.
command_of() { ninja -C "$build" -t commands "$1" | tail -n 1; }

# run PROGRAM FOLDER - what it prints goes to FOLDER/PROGRAM.log. Wrong reads may never converge.
run() {
    local arguments=()
    [ "$1" = hd_rounds ] && arguments=(--blocks 300 --seed 4000 --threads 1,3)
    timeout -k 5 300 "$2/$1" "${arguments[@]}" >"$2/$1.log" 2>&1
}

# who_failed LOG - the first cases that failed, or the first block, or the signal's message.
who_failed() {
    local names
    names=$(sed -n 's/^\[  FAILED  \] \([a-z][a-z0-9_]*\)$/\1/p' "$1" | sort -u | head -n 3 | paste -sd ' ')
    [ -n "$names" ] || names=$(sed -n 's/^\(seed [0-9]*\),.*/\1/p' "$1" | head -n 1)
    echo "${names:-ended by a signal or the time limit}"
}

ninja -C "$build" "${programs[@]}" >"$work/ninja.log" || { cat "$work/ninja.log"; exit 1; }
for program in "${programs[@]}"; do
    ln -s "$build/$program" "$work/$program"
    run "$program" "$work" || { tail -n 20 "$work/$program.log"; echo "$program fails as it is"; exit 1; }
done

missed=0
while read -r name number file; do
    [ $# -eq 0 ] || [[ " $* " == *" $number "* ]] || continue
    object=CMakeFiles/heddle.dir/src/$file.o
    folder=$work/$number
    mkdir "$folder"
    compile=$(command_of "$object")
    compile=${compile//$object/$folder/mutant.o}
    (cd "$build" && eval "$compile -DHD_MUTATION=$number")
    caught=
    for program in "${programs[@]}"; do
        # The mutant stands before the library, whose own object is then left where it is.
        link=$(command_of "$program")
        link=${link/ -o $program / -o $folder/$program $folder/mutant.o }
        (cd "$build" && eval "$link")
        if ! run "$program" "$folder"; then
            caught+="${caught:+; }$program: $(who_failed "$folder/$program.log")"
        fi
    done
    [ -n "$caught" ] || missed=$((missed + 1))
    printf '%2d %-13s %s\n' "$number" "${name,,}" "${caught:-NOT NOTICED BY ANY TEST}"
    rm -rf "$folder"
done < <(sed -n 's|^#define HD_MUTATION_\([A-Z_]*\) \([0-9][0-9]*\) */\* \([^:]*\): .*|\1 \2 \3|p' \
    "$here/../src/base/hd_mutation.h")
[ "$missed" -eq 0 ] || { echo "$missed kinds were not noticed"; exit 1; }
