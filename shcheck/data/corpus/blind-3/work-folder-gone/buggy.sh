#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Fetch the rules and keep those that are enabled.
work=$HOME/.cache/rules.work
url=https://rules.example.org/all.tar.gz

rm -rf "$work"
mkdir -p "$work" || exit 1
cd "$work" || exit 1
curl -fsSLo all.tar.gz "$url" || exit 1
tar -xzf all.tar.gz || exit 1
grep -rlx 'enabled: yes' . | sort >"$HOME/.cache/rules.enabled"
rm -rf "$work"
mkdir reports || exit 1  #@ must-fail
wc -l "$HOME/.cache/rules.enabled" >reports/summary
