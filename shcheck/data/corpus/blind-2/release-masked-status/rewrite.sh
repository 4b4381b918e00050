#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Tag, build and publish a release of the parser library.
set -o nounset
declare to=origin from=main quiet=yes publish=yes

abort() { echo "release: $1" >&2; exit 1; }
info() { [ "$quiet" = yes ] || echo "$1"; }

show_usage() {
	echo "usage: $(basename "$0") [-n] [-v] [-r REMOTE] [-b BRANCH]"
	echo "  -n         do everything but publish"
	echo "  -v         say more"
	echo "  -r REMOTE  the remote to push to (origin)"
	echo "  -b BRANCH  the branch to release from (main)"
} >&2

while (( $# > 0 )); do
	case "$1" in
	-n) publish=no ;;
	-v) quiet=no ;;
	-r | -b)
		if (( $# < 2 )); then
			show_usage
			exit 2
		fi
		if [ "$1" = -r ]; then to="$2"; else from="$2"; fi
		shift
		;;
	*)
		show_usage
		exit 2
		;;
	esac
	shift
done

on_branch="$(git rev-parse --abbrev-ref HEAD)" || abort "this is no repository"
if [ "$on_branch" != "$from" ]; then
	abort "on $on_branch, not on $from"
fi
git diff --quiet || abort "there are changes that are not committed"

release_name() {
	typeset -r label="$(git describe --exact-match --tags)" || abort "HEAD carries no tag"  #@ lost-status
	echo "${label/#v/}"
}

upload() {
	local part
	for part in "$1" "$1.asc"; do
		curl --fail --silent --show-error --upload-file "$part" \
			"https://registry.example.org/api/packages/" || return 1
	done
}

number="$(release_name)" || exit 1
info "releasing version $number"
info "building $number"
{ make clean && make dist VERSION="$number"; } || abort "the build failed"
file=dist/parser-"$number".tar.gz
test -s "$file" || abort "the build made no $file"
info "signing $file"
gpg --batch --yes --armor --detach-sign "$file" || abort "cannot sign"
if [ "$publish" = no ]; then
	info "would publish $file"
else
	upload "$file" || abort "cannot publish"
	git push "$to" "v$number" || abort "cannot push the tag"
fi
info "released"
