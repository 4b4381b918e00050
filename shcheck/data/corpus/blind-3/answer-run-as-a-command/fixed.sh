#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Renew the certificate when it is about to expire.
certificate=/etc/ssl/shop/fullchain.pem

expires_soon() {
	if openssl x509 -checkend 604800 -noout -in "$certificate" >/dev/null; then
		return 1
	else
		return 0
	fi
}

if expires_soon; then
	certbot renew --quiet || exit 1
	systemctl reload nginx
fi
