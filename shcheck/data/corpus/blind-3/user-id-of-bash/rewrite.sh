#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Remove the old kernels that were put on hold.
running="`uname -r`"

must_be_root() {
	test $EUID != 0 && {  #@ empty-expansion
		echo "must be root" >&2
		exit 1
	}
}

must_be_root
ls /boot | sed -n 's/^vmlinuz-//p' | while read -r version; do
	case $version in
	"$running") continue ;;
	esac
	apt-mark unhold "linux-image-$version" < /dev/null
	apt-get remove -y "linux-image-$version" < /dev/null
done
