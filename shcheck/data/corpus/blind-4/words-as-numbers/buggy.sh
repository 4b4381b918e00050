#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Refuse to load test data into the production database.
case ${1:-} in
testing | staging | production) stage=$1 ;;
*) exit 64 ;;
esac

if [[ $stage -eq production ]]; then  #@ constant-test
	echo "no test data for production" >&2
	exit 1
fi
psql --file=testdata.sql "shop_$stage"
