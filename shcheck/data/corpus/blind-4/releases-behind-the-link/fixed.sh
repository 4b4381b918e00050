#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Put a release of the shop on this host and take it into service.
BASE=/srv/shop
RELEASES=$BASE/releases
SHARED=$BASE/shared
KEEP=5

log() {
	printf '%(%F %T)T %s\n' -1 "$*" >>"$BASE/deploy.log"
}

abort() {
	log "aborted: $*"
	echo "deploy: $*" >&2
	exit 1
}

if (( $# != 1 )); then
	echo "usage: deploy VERSION" >&2
	exit 64
fi
version=$1
[[ $version =~ ^[0-9]+(\.[0-9]+)*$ ]] || abort "$version is no version"
archive=$BASE/incoming/shop-$version.tar.gz
[[ -s $archive ]] || abort "$archive is missing"
tar -tzf "$archive" >/dev/null || abort "$archive is damaged"

log "deploying $version"
target=$RELEASES/$version
if [[ -e $target ]]; then
	log "$version is there already; it is emptied"
fi
rm -rf -- "${target:?}"
mkdir -p "$target" || abort "$target cannot be made"
tar -xzf "$archive" -C "$target" --strip-components=1 || abort "the disk is full"

for shared in uploads logs; do
	mkdir -p "$SHARED/$shared" || abort "$SHARED/$shared cannot be made"
	ln -sfn "$SHARED/$shared" "$target/$shared" || abort "$shared cannot be linked"
done
ln -sfn "$target" "$BASE/current" || abort "the link cannot be changed"
systemctl reload shop || abort "the service does not reload"
log "$version is in service, $KEEP releases may stay"
