#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Export the open orders of a customer.
customer=${1:?usage: open-orders NUMBER}

if [[ ! $customer =~ ^[0-9]+$ ]]; then
	echo "not a number: $customer" >&2
	exit 64
fi
query="SELECT * FROM orders WHERE customer = $customer AND closed IS NULL;"

echo "asking for the orders of $customer" >&2
echo $query | sqlite3 -csv /srv/shop/shop.db  #@ glob
exit "${PIPESTATUS[1]}"
