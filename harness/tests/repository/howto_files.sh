#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# howto_files.sh ROOT - the ready files of docs/howto: every option that they give to hotbed exists, systemd accepts the units,
# and the workflows are YAML, where the tools for that are at hand.
set -u
cd "$1" || exit 99
failed=0
checked=0

fault()
{
	echo "$*"
	failed=$((failed + 1))
}

for file in docs/howto/hotbed-nightly.service docs/howto/nightly-github.yml docs/howto/nightly-gitlab.yml; do
	for command in nightly run; do
		for option in $(sed -n "s/.*hotbed $command\\(.*\\)/\\1/p" "$file" | grep -o -- '--[a-z-]*'); do
			grep -qE "\\{\"${option#--}\"|^	\\{\"${option#--}\"" harness/runner/cmd_$command.c harness/runner/run_options.h ||
				fault "$file: hotbed $command has no option $option"
			checked=$((checked + 1))
		done
	done
done
[ "$checked" -ge 8 ] || fault "only $checked options were found"

if command -v systemd-analyze >/dev/null 2>&1; then
	folder=$(mktemp -d) || exit 99
	trap 'rm -rf "$folder"' EXIT
	# The program and its folder are this machine's own to choose.
	sed 's|/srv/hotbed/hotbed|/bin/true|; s|/srv/hotbed|/|; s/^User=.*/User=root/; /^Documentation=/d' \
		docs/howto/hotbed-nightly.service >"$folder/hotbed-nightly.service"
	cp docs/howto/hotbed-nightly.timer "$folder/"
	complaints=$(systemd-analyze verify "$folder/hotbed-nightly.service" "$folder/hotbed-nightly.timer" 2>&1 |
		grep -F "$folder/hotbed-nightly")
	[ -z "$complaints" ] || fault "$complaints"
	systemd-analyze calendar '*-*-* 01:00:00' >/dev/null || fault 'OnCalendar'
fi
for file in docs/howto/nightly-github.yml docs/howto/nightly-gitlab.yml; do
	! grep -n "$(printf '\t')" "$file" || fault "$file: tabs are no YAML"
	if python3 -c 'import yaml' 2>/dev/null; then
		python3 -c 'import sys, yaml; assert isinstance(yaml.safe_load(open(sys.argv[1])), dict)' "$file" ||
			fault "$file: no YAML"
	fi
done
[ "$failed" -eq 0 ]
