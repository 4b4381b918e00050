#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# completion.sh HOTBED SCRIPT - what bash completes, by calling the completion function as bash does.
set -u

hotbed=$(realpath "$1")
script=$(realpath "$2")
failed=0
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 99

# shellcheck disable=SC1090
source "$script" || exit 1
complete -p ./hotbed | grep -q _hotbed || { echo './hotbed has no completion'; exit 1; }

# completes WORDS... - the last word is the one under the cursor; sets COMPREPLY.
completes()
{
	COMP_WORDS=("$hotbed" "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_hotbed
}

# expect WANTED WORDS... - WANTED must be among the completions.
expect()
{
	local wanted=$1 reply
	shift
	completes "$@"
	for reply in "${COMPREPLY[@]}"; do
		[[ $reply == "$wanted" ]] && return
	done
	echo "'hotbed $*' completes to (${COMPREPLY[*]}), not to $wanted"
	failed=$((failed + 1))
}

# refuse UNWANTED WORDS...
refuse()
{
	local unwanted=$1 reply
	shift
	completes "$@"
	for reply in "${COMPREPLY[@]}"; do
		[[ $reply == "$unwanted" ]] || continue
		echo "'hotbed $*' completes to $unwanted"
		failed=$((failed + 1))
	done
}

while read -r name; do
	expect "$name" "${name:0:1}"
	expect "$name" help ''
	expect --help "$name" --h
	expect --color= "$name" --co
	for option in $("$hotbed" help "$name" | sed -n 's/^ *\(-., \)\{0,1\}\(--[a-z-]*=\{0,1\}\).*/\2/p'); do
		expect "$option" "$name" --
	done
done < <("$hotbed" --dump names)
expect setup s
expect --version --v
expect never list --color = n
refuse describe l
refuse list de

names=$("$hotbed" list --names) || { echo "hotbed list --names failed"; exit 1; }
[[ -n $names ]] || { echo 'there is no experiment to complete'; exit 1; }
for name in $names; do
	expect "$name" describe ''
	expect "$name" list "${name:0:4}"
done
if "$hotbed" --dump names | grep -qx report; then
	mkdir -p results/0190-aa
	expect 0190-aa report 01
fi
[[ $failed -eq 0 ]]
