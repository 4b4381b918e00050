#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove what the build left behind.
everything=
if [[ ${1-} == -a ]]; then
	everything=1
elif (( $# > 0 )); then
	exit 64
fi

products=(bin lib)
root=`git rev-parse --show-toplevel 2> /dev/null`
for product in "${products[@]}"; do
	rm --recursive --force "${root}/${product}"  #@ system-deletion
done
[[ -z $everything ]] || git clean -fdx
echo "clean"
