#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Verify a signature; tell a bad one from one whose key is unknown.
check() {
	gpg --verify "$1".sig "$1"
	test $? -ne 0 || { echo good; return 0; }
	if test 2 -eq $?; then  #@ constant-test
		echo 'the key is unknown' >&2
		return 2
	fi
	echo bad >&2
	return 1
}

check "$1"
