#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Export the open orders of a customer.
statement() {
	local text='SELECT * FROM orders'
	text+=" WHERE customer = $1 AND closed IS NULL;"
	printf '%s ' $text  #@ glob
}

case ${1-} in
'')
	echo "usage: open-orders NUMBER" >&2
	exit 64
	;;
*[!0-9]*)
	echo "not a number: $1" >&2
	exit 64
	;;
esac
echo "asking for the orders of $1" >&2
sqlite3 -csv /srv/shop/shop.db <<< "$(statement "$1")"
