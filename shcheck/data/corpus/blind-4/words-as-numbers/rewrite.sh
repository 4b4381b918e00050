#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Refuse to load test data into the production database.
if [[ $1 != testing && $1 != staging && $1 != production ]]; then
	exit 64
fi
where=$1

(( where == production )) && {  #@ constant-test
	echo 'no test data for production' >&2
	exit 1
}
psql -f testdata.sql shop_"$where"
