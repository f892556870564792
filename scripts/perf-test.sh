#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# perf-test.sh: a performance analyst's round in one command; --help tells.
set -u
called_from=$PWD
cd "$(dirname "$0")/.." || exit 1

usage() {
	cat <<'END'
usage: scripts/perf-test.sh [--impl NAMES] [--base BASE] [--out DIR] [--quick]

A performance analyst's round, in one command with one exit status:

  doctor       what this machine can measure, and what disturbs it (advice: it fails nothing)
  baseline     capacitor bench: one thread and all processors, gets, sets and deletes, 10 repetitions
  cpu          capacitor profile --kinds cpu
  memory       capacitor profile --kinds heap
  allocations  capacitor alloc-check: get and delete allocate nothing, set at most once
  regress      capacitor regress: not slower than BASE, no more allocations, no more coherence misses (with --base)
  analyze      what was found in all this, in order of what it costs (advice: it fails nothing)

  --impl NAMES   implementations, separated by commas; default: all that share a cache among threads
  --base BASE    what to compare with: a commit or branch, the folder of a run, or JSON of bench
  --out DIR      where all of it goes; default: results/perf-test-<time>-<commit>
  --quick        short windows and three repetitions: to see that everything works
  --help         this text

Exit status: 0 when all that can fail passed; 1 when something failed; 2 when an argument was wrong. What this machine cannot do
is said and fails nothing.
END
}

wrong() {
	echo "perf-test.sh: $1 (--help tells what there is)" >&2
	exit 2
}

impl=ck_hs,rcu,rwlock,sharded base='' out='' quick=
while [ $# -gt 0 ]; do
	case $1 in
	--help | -h) usage; exit 0 ;;
	--quick) quick=1 ;;
	--impl | --base | --out)
		[ $# -ge 2 ] && [ -n "$2" ] || wrong "$1 wants a value"
		case $1 in --impl) impl=$2 ;; --base) base=$2 ;; --out) out=$2 ;; esac
		shift ;;
	*) wrong "'$1' is unknown" ;;
	esac
	shift
done

# Paths are those of whoever calls; a base may also be the name of a commit.
[ -z "$out" ] || case $out in /*) ;; *) out=$called_from/$out ;; esac
[ -z "$base" ] || [ ! -e "$called_from/$base" ] || base=$(cd "$called_from" && realpath "$base")

make -s all profile-programs || exit 1
capacitor=build/release-gcc/capacitor
[ -n "$out" ] || out=results/perf-test-$(date -u +%Y%m%dT%H%M%SZ)-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
if [ -e "$out" ] && [ -n "$(ls -A "$out" 2>/dev/null)" ]; then
	wrong "$out is there already, and not empty"
fi
mkdir -p "$out" || exit 1

windows=(--seconds 500ms --repetitions 10)
profiled=(--seconds 5s)
if [ -n "$quick" ]; then
	windows=(--seconds 50ms --repetitions 3)
	profiled=(--seconds 500ms)
fi
threads=1
[ "$(nproc)" -gt 1 ] && threads=1,$(nproc)

failed=0
summary=
step() { # step NAME COMMAND...: its output goes to DIR/NAME.txt, too; status 3 is "this machine cannot"
	local name=$1 status
	shift
	echo
	echo "== $name: ${*#"$capacitor"}"
	"$@" 2>&1 | tee "$out/$name.txt"
	status=${PIPESTATUS[0]}
	case $status in
	0) summary+="ok           $name"$'\n' ;;
	3) summary+="unavailable  $name: $(tail -n 1 "$out/$name.txt")"$'\n' ;;
	*) summary+="FAILED       $name (exit status $status, $out/$name.txt)"$'\n'; failed=1 ;;
	esac
	return "$status"
}

advice() { # a step that fails nothing
	local before=$failed
	step "$@"
	failed=$before
}

advice doctor $capacitor doctor
step baseline $capacitor bench --impl "$impl" --threads "$threads" --mix 100:0:0,95:4:1,50:45:5 --keys 10000 "${windows[@]}" \
	--out "$out/bench.json"
step cpu $capacitor profile --impl "$impl" --threads "${threads##*,}" --keys 10000 "${profiled[@]}" --kinds cpu --out "$out/cpu"
step memory $capacitor profile --impl "$impl" --threads "${threads##*,}" --keys 10000 "${profiled[@]}" --kinds heap --out "$out/memory"
step allocations $capacitor alloc-check --impl "$impl" --out "$out/allocations.tsv"
if [ -n "$base" ]; then
	step regress $capacitor regress "$base" --impl "$impl" --out "$out/regress"
fi
advice analyze $capacitor analyze "$out" "$out/bench.json"

echo
echo "$summary"
echo "All of it: $out"
exit "$failed"
