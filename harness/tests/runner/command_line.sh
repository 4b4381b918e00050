#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# command_line.sh HOTBED - what the program prints and returns for right and wrong command lines, in a build folder of its own
# with a scripted driver.
set -u

folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$folder/build/harness" "$folder/build/demo"
# A copy finds the manifest of the folder it lies in.
cp "$1" "$folder/build/harness/hotbed"
hotbed=$folder/build/harness/hotbed
checks=0
failed=0

manifest()
{
	printf '{"schema": "hotbed.drivers/1", "drivers": [%s]}\n' "$1" >"$folder/build/drivers.json"
}

driver()
{
	cat >"$folder/build/demo/hotbed-$1"
	chmod +x "$folder/build/demo/hotbed-$1"
}

# expect CODE TEXT ARGUMENTS... - the exit code, and TEXT somewhere in what is printed ("" for anything).
expect()
{
	code=$1
	text=$2
	shift 2
	checks=$((checks + 1))
	printed=$("$hotbed" "$@" 2>&1 </dev/null)
	got=$?
	if [ $got -ne "$code" ]; then
		echo "hotbed $*: exit code $got instead of $code:"
		echo "$printed"
		failed=$((failed + 1))
	fi
	case $printed in
	*"$text"*) ;;
	*)
		echo "hotbed $*: '$text' is not in:"
		echo "$printed"
		failed=$((failed + 1)) ;;
	esac
}

driver demo <<'DRIVER'
#!/bin/sh
case $1 in
--describe)
	cat <<'JSON'
{"schema": "hotbed.describe/1", "subproject": "demo", "version": "0.1.0", "experiments": [
 {"name": "first-light", "question": "Is it lit?", "blocks": 12, "unseeded": false, "quiet": false, "roles": [],
  "chart": {"x": "", "facet": "", "metric": "glow", "log_x": false, "log_y": false},
  "params": [{"name": "size", "type": "int", "unit": "1", "help": "how big", "sweep": ["1", "2"],
              "sweep_quick": ["1"], "sweep_full": ["1", "2", "3"]}],
  "metrics": [{"name": "glow", "unit": "1", "help": "how bright", "better": "higher", "basis": "model",
               "exact": true, "optional": false, "min_effect": "0"}],
  "variants": [{"name": "candle", "role": "baseline", "help": "wax", "digest_class": ""},
               {"name": "lamp", "role": "idea", "help": "oil", "digest_class": ""}],
  "claims": [{"name": "brighter", "text": "Lamps outshine candles.", "paper": "Optics", "section": "2",
              "metric": "glow", "variant": "lamp", "where": "size=2", "against_variant": "",
              "against_where": "", "lo": "2", "hi": "inf", "needs": "", "headline": true}]}]}
JSON
	;;
--points)
	cat <<'JSON'
{"schema": "hotbed.points/1", "experiment": "first-light", "points": [
 {"params": "size=1", "memory_bytes": "67108864", "trial_ms": "500"},
 {"params": "size=2", "memory_bytes": "134217728", "trial_ms": "1500"}]}
JSON
	;;
esac
DRIVER

manifest ''
expect 2 'Usage: hotbed COMMAND'
expect 0 'Usage: hotbed COMMAND' --help
expect 0 'Usage: hotbed COMMAND' help
expect 0 'hotbed 0.' --version
expect 0 'Usage: hotbed list' help list
expect 0 'Usage: hotbed list' list --help
expect 2 "did you mean 'list'?" lsit
expect 2 "did you mean 'doctor'?" help docter
expect 2 "'hotbed help' lists the commands" frobnicate
expect 2 "did you mean '--names'?" list --nams
expect 2 "takes no value" list --json=yes
expect 2 "needs a value" doctor --out
expect 2 "none of auto, always, never" list --color=blue
expect 2 'needs SUB or SUB/EXPERIMENT' describe
expect 0 'nothing to run yet: nicos, spork' list

manifest '"demo/hotbed-demo"'
expect 0 'demo/first-light' list --names
expect 0 'candle* lamp' list
# 2 points, 12 blocks, two variants and the control: 12 x 3 x (0.5 s + 1.5 s).
expect 0 '72 s' list
expect 0 '"estimate_ms":	"72000"' list --json
expect 0 '"trials":	"72"' list --json demo
# A smoke run has two blocks.
expect 0 '12 s' list --quick
expect 0 'Is it lit?' describe demo
expect 0 'glow of lamp at size 2 over the baseline: at least x2' describe demo/first-light
expect 0 '"subproject":	"demo"' describe --json demo/first-light
expect 2 "did you mean 'demo/first-light'?" describe demo/first-ligth
expect 2 "did you mean 'demo'?" list dmeo
expect 2 "'hotbed list' shows what there is" describe photosynthesis
expect 0 'memory' doctor
expect 0 '"schema":	"hotbed.doctor/1"' doctor --json
expect 2 'takes no operands' doctor now

# A driver that dies, one that is not there and one that answers nonsense leave the others usable.
driver broken <<'DRIVER'
#!/bin/sh
kill -SEGV $$
DRIVER
driver babbler <<'DRIVER'
#!/bin/sh
echo 'certainly! here is the description:'
DRIVER
for bad in broken babbler ghost; do
	manifest "\"demo/hotbed-demo\", \"demo/hotbed-$bad\""
	expect 6 "list: $bad: the driver does not answer" list
	expect 6 'demo/first-light' list
	expect 0 'Is it lit?' describe demo
	expect 2 'the driver does not answer' describe "$bad"
done

echo '{"schema": "hotbed.drivers/1", "drivers": 7}' >"$folder/build/drivers.json"
expect 6 'drivers.json' list
rm "$folder/build/drivers.json"
expect 6 'drivers.json' list
manifest '"demo/hotbed-demo"'

# Standard output that cannot be written is no success.
if [ -w /dev/full ]; then
	checks=$((checks + 1))
	"$hotbed" list >/dev/full 2>"$folder/errors"
	code=$?
	if [ $code -ne 6 ] || ! grep -q 'standard output' "$folder/errors"; then
		echo "hotbed list >/dev/full: exit code $code"
		cat "$folder/errors"
		failed=$((failed + 1))
	fi
fi

# Colours only where they are wanted.
checks=$((checks + 1))
if "$hotbed" doctor | grep -q "$(printf '\033')"; then
	echo 'doctor: colours in a pipe'
	failed=$((failed + 1))
fi
checks=$((checks + 1))
if ! "$hotbed" doctor --color=always | grep -q "$(printf '\033')"; then
	echo 'doctor --color=always: no colours'
	failed=$((failed + 1))
fi

echo "$checks checks, $failed failed"
[ "$failed" -eq 0 ]
