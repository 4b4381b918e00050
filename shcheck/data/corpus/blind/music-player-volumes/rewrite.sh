#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
remove_old() {
	rm -rf $1/Applications/Player.app  #@ word-split
}
for v in /Volumes/*
do
	remove_old "$v"
done
