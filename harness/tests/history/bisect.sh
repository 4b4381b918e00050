#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# bisect.sh HOTBED - a repository of ten commits whose driver, a script, says how much each of them costs: the commit that
# made it dearer is found, past one that cannot be built, and nothing is left behind.
set -u

hotbed=$(realpath "$1")
command -v git >/dev/null || { echo 'skip: needs git'; exit 77; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/tmp" "$work/repository"
export TMPDIR=$work/tmp GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
cd "$work/repository" || exit 99

fail()
{
	echo "NOT OK: $*"
	[ -s "$work/output" ] && sed 's/^/    /' "$work/output"
	exit 1
}

expect()
{
	local code=$1 text=$2 got
	shift 2
	"$@" >"$work/output" 2>&1 </dev/null
	got=$?
	[ $got -eq "$code" ] || fail "$*: exit code $got instead of $code:"
	grep -qF -- "$text" "$work/output" || fail "$*: '$text' is not in:"
}

cat >driver <<'END'
#!/bin/bash
case $1 in
--describe)
	echo '{"schema": "hotbed.describe/1", "subproject": "demo", "version": "0", "experiments": [
	{"name": "cost", "question": "How dear?", "blocks": 6, "unseeded": false, "quiet": true, "roles": [],
	 "chart": {"x": "", "facet": "", "metric": "cost", "log_x": false, "log_y": false}, "params": [],
	 "metrics": [{"name": "cost", "unit": "1", "help": "h", "better": "lower", "basis": "count", "exact": true,
	  "optional": false, "min_effect": "0"}],
	 "variants": [{"name": "plain", "role": "baseline", "help": "h", "digest_class": ""}], "claims": []}]}'
	exit ;;
--points)
	echo '{"schema": "hotbed.points/1", "experiment": "cost", "points": [
	{"params": "", "memory_bytes": "1048576", "trial_ms": "1"}]}'
	exit ;;
esac
while [ $# -gt 0 ]; do
	[ "$1" = --result-fd ] && fd=$2
	[ "$1" = --variant ] && variant=$2
	shift
done
say() { echo "$1" >&"$fd"; }
say '{"t":"hello","v":1,"subproject":"demo","experiment":"cost","variant":"'"$variant"'"}'
for phase in probe setup warmup run; do say '{"t":"phase","phase":"'$phase'"}'; done
say '{"t":"usage","run_ns":"1000","steal_ppm":"0","psi_ppm":"0","switches_involuntary":"0","migrations":"0"}'
say '{"t":"metric","name":"cost","value":"COST","n":"1"}'
say '{"t":"phase","phase":"verify"}'
say '{"t":"phase","phase":"teardown"}'
say '{"t":"done"}'
END
cat >make.sh <<'END'
grep -qx broken cost && exit 1
mkdir -p build/demo
sed "s/COST/$(cat cost)/" driver >build/demo/hotbed-demo
chmod +x build/demo/hotbed-demo
echo '{"schema": "hotbed.drivers/1", "drivers": ["demo/hotbed-demo"]}' >build/drivers.json
END
printf 'build\nresults\n' >.gitignore
git init -q . || fail 'git init'
costs=(100 100 90 broken 100 broken 120 120 121 120)
commits=()
for i in "${!costs[@]}"; do
	echo "${costs[i]}" >cost
	echo "$i" >number
	git add -A && git commit -q -m "number $i" || fail 'git commit'
	commits+=("$(git rev-parse HEAD)")
done

bisect=("$hotbed" bisect demo/cost --build 'sh make.sh')
# The commit before the dearer one cannot be built: two are left.
expect 0 'first bad commit is one of 2 that cannot be tested' "${bisect[@]}" --good "${commits[0]}" --bad HEAD
git checkout -q -f --detach "${commits[4]}"
for cost in 99 100 130 129 131; do
	echo $cost >cost && echo "x$cost" >number && git commit -q -am "costs $cost" || fail 'git commit'
done
expect 0 'first bad commit, after' "${bisect[@]}" --good "${commits[0]}" --bad HEAD
grep -q 'costs 130' "$work/output" || fail 'the wrong commit:'
grep -q 'cannot be built' "$work/output" || [ "$(grep -c good "$work/output")" -gt 0 ] || fail 'no test:'
expect 0 '"first_bad":	"'"$(git rev-parse HEAD~2)"'"' "${bisect[@]}" --good "${commits[0]}" --bad HEAD --json

expect 4 'not worse than the good one' "${bisect[@]}" --good "${commits[0]}" --bad HEAD~3
expect 3 'cannot be built' "${bisect[@]}" --good "${commits[0]}" --bad "${commits[3]}"
expect 2 'ancestor' "${bisect[@]}" --good HEAD --bad "${commits[0]}"
expect 2 'no such commit' "${bisect[@]}" --good nothing --bad HEAD
expect 2 '--good COMMIT' "${bisect[@]}" --bad HEAD
expect 6 'good commit cannot be built' "${bisect[@]}" --good "${commits[3]}" --bad HEAD

[ -z "$(ls "$TMPDIR")" ] || fail "left behind: $(ls "$TMPDIR")"
[ "$(git worktree list | wc -l)" -eq 1 ] || fail 'working trees are left'
echo ok
