#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Dependencies run one way (architecture page): base <- sim, markov, sandbox <- worker <- SUB/src <- SUB/tools, SUB/bench;
# the runner uses base, changepoint and sandbox only; subprojects never include one another. Read from the #include lines.
# Usage: dependencies.sh ROOT [--self-test]
set -u
cd "$1" || exit 99

check()
{
	awk '
	BEGIN {
		n = split("error assert sanitizer log clock rng rng_gsl hist stats csv json json_out file suggest command_line", names, " ")
		for (i = 1; i <= n; i++) layer[names[i]] = "base"
		layer["sim"] = "sim"; layer["markov"] = "markov"; layer["sandbox"] = "sandbox"
		layer["changepoint"] = "changepoint"
		layer["experiment"] = layer["trial"] = layer["load"] = layer["describe"] = "worker"
		allowed["base"] = " base "
		allowed["sim"] = " base sim "
		allowed["markov"] = " base markov "
		allowed["sandbox"] = " base sandbox "
		allowed["worker"] = " base sim markov sandbox worker "
		allowed["changepoint"] = " base changepoint "
		allowed["runner"] = " base sandbox changepoint "
		allowed["sub"] = " base sim markov sandbox worker "
		subs = " nicos spork shcheck probcons batching metastable "
	}
	function part(file,   p) {
		split(file, p, "/")
		if (p[1] == "harness") {
			if (p[2] == "include") { sub(/\.h$/, "", p[4]); return layer[p[4]] }
			return p[2]
		}
		return index(subs, " " p[1] " ") ? "sub" : ""
	}
	{
		file = $0
		from = part(file)
		split(file, p, "/")
		if (from == "" || from == "tests" || from == "bench" || p[2] == "tests") next
		if (!(from in allowed)) { print file ": not in any layer; add it to this test"; bad = 1; next }
		line = 0
		while ((getline text < file) > 0) {
			line++
			if (text !~ /^[ \t]*#[ \t]*include[ \t]*[<"]/) next_include = 0
			else {
				sub(/^[^<"]*[<"]/, "", text); sub(/[>"].*/, "", text)
				if (split(text, q, "/") == 2 && q[1] == "hotbed") {
					name = q[2]; sub(/\.h$/, "", name)
					if (!(name in layer)) { print file ":" line ": <hotbed/" q[2] "> is in no layer"; bad = 1 }
					else if (!index(allowed[from], " " layer[name] " ")) {
						print file ":" line ": " from " may not use " layer[name]; bad = 1
					}
				} else if (index(subs, " " q[1] " ") && q[1] != p[1]) {
					print file ":" line ": " p[1] " may not include " q[1]; bad = 1
				} else if (text ~ /\.\.\//) {
					print file ":" line ": a relative include leaves the folder"; bad = 1
				}
			}
		}
		close(file)
		count++
	}
	END {
		if (!count) { print "no file was checked"; bad = 1 }
		exit bad
	}'
}

list()
{
	find harness nicos spork shcheck probcons batching metastable -name '*.[ch]' ! -path '*/node_modules/*' | sort
}

list | check || exit 1

# The test can fail: a subproject that includes another, and a runner that includes the worker, are refused.
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/spork/src" "$scratch/harness/runner"
echo '#include <nicos/nicos.h>' >"$scratch/spork/src/a.c"
echo '#include <hotbed/trial.h>' >"$scratch/harness/runner/a.c"
cd "$scratch" || exit 99
for file in spork/src/a.c harness/runner/a.c; do
	if echo "$file" | check >/dev/null; then
		echo "the check accepts $file: $(cat "$file")"
		exit 1
	fi
done
