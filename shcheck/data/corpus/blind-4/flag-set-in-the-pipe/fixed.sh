#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Check all certificates and say whether one of them expires soon.
expiring=0
while IFS= read -r -d '' pem; do
	if ! openssl x509 -noout -checkend 1209600 -in "$pem"; then
		echo "$pem expires"
		expiring=1
	fi
done < <(find /etc/ssl/site -name '*.pem' -print0)
if [ "$expiring" -eq 1 ]; then
	exit 1
fi
echo "no certificate expires"
