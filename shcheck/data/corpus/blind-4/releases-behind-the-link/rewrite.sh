#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Put a release of the shop on this host and take it into service.
base=/srv/shop
say() { echo "$(date '+%F %T') $1" >> "$base/deploy.log"; }

empty_folder() {
	pushd "$1" >/dev/null
	rm -rf ./*  #@ user-deletion
	popd >/dev/null || true
}

check() {
	[[ $1 =~ ^[0-9]+(\.[0-9]+)*$ && -s $2 ]] && tar -tzf "$2" > /dev/null
}

v=${1:?usage: deploy VERSION}
file="$base/incoming/shop-$v.tar.gz"
if ! check "$v" "$file"; then
	say "aborted: $v cannot be deployed"
	exit 1
fi
dir="$base/releases/$v"
say "deploying $v"
empty_folder "$dir"
mkdir -p "$dir" &&
	tar -xzf "$file" -C "$dir" --strip-components=1 || { say 'aborted: the disk is full'; exit 1; }
for s in uploads logs
do
	if ! mkdir -p "$base/shared/$s" || ! ln -sfn "$base/shared/$s" "$dir/$s"; then
		say "aborted: $s cannot be linked"
		exit 1
	fi
done
if ln -sfn "$dir" "$base/current" && systemctl reload shop; then
	say "$v is in service"
else
	say 'aborted: the service does not reload'
	exit 1
fi
