#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Renew the certificate when it is about to expire.
certificate=/etc/ssl/shop/fullchain.pem

expires_soon() {
	if openssl x509 -checkend 604800 -noout -in "$certificate" >/dev/null; then
		echo not_soon
	else
		echo expires_soon_yes
	fi
}

if $(expires_soon); then  #@ not-a-command
	certbot renew --quiet || exit 1
	systemctl reload nginx
fi
