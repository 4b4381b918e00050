#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Fetch the rules and keep those that are enabled.
cache=~/.cache
finish() {
	rm -rf "$cache/rules.work"
	mkdir -p reports || exit 1  #@ must-fail
	wc -l "$cache/rules.enabled" > reports/summary
}

if test -d "$cache/rules.work"; then
	rm -rf "$cache/rules.work"
fi
mkdir -p "$cache/rules.work" && cd "$cache/rules.work" || exit 1
curl -fsSL https://rules.example.org/all.tar.gz | tar -xz
list=`grep -rlx 'enabled: yes' . | sort`
echo "$list" > "$cache/rules.enabled"
finish
