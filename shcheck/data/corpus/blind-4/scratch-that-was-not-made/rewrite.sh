#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Build the index of the mirror in a scratch folder and put it beside the packages.
base=/srv/mirror
sign='gpg --keyring /etc/mirror/keyring.gpg --batch --yes --detach-sign'

index() {
	from=$base/pool/$1 to=$base/dists/$1
	if test -d "$to"; then
		apt-ftparchive packages "$from" > "$scratch/Packages" || return 1
		gzip -9 "$scratch/Packages" || return 1
		$sign "$scratch/Packages.gz" || return 1
		mv -f "$scratch/Packages.gz" "$scratch/Packages.gz.sig" "$to/" || return 1
		logger -t mirror-index "the index of $1 is new"
	else
		logger -t mirror-index "there is no suite $1"
	fi
}

mkdir /run/lock/mirror-index || exit 1
scratch="`mktemp -d /var/tmp/index.XXXXXX`"
state=0
if test -r /etc/mirror/keyring.gpg && test -d "$base/pool"; then
	for s in stable testing; do
		index "$s" || {
			logger -t mirror-index "the index of $s cannot be made"
			state=1
			break
		}
	done
else
	logger -t mirror-index 'there is no keyring or no pool'
	state=1
fi
rm -rf "$scratch/"*  #@ system-deletion
rmdir "$scratch" /run/lock/mirror-index
exit "$state"
