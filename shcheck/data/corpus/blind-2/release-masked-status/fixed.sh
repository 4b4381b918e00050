#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Tag, build and publish a release of the parser library.
set -u
remote=origin
branch=main
registry=https://registry.example.org/api/packages
dry=0
verbose=0

usage() {
	cat >&2 <<-END
	usage: ${0##*/} [-n] [-v] [-r REMOTE] [-b BRANCH]
	  -n         do everything but publish
	  -v         say more
	  -r REMOTE  the remote to push to (origin)
	  -b BRANCH  the branch to release from (main)
	END
	exit 2
}

die() {
	printf 'release: %s\n' "$*" >&2
	exit 1
}

say() {
	if ((verbose)); then
		printf '%s\n' "$*"
	fi
}

while getopts nvr:b: flag; do
	case $flag in
	n) dry=1 ;;
	v) verbose=1 ;;
	r) remote=$OPTARG ;;
	b) branch=$OPTARG ;;
	*) usage ;;
	esac
done

check_tree() {
	local current
	current=$(git rev-parse --abbrev-ref HEAD) || die "this is no repository"
	[[ $current == "$branch" ]] || die "on $current, not on $branch"
	git diff --quiet || die "there are changes that are not committed"
}

version_of_tag() {
	local tag
	tag=$(git describe --tags --exact-match)
	if [[ $? -ne 0 ]]; then
		die "HEAD carries no tag"
	fi
	printf '%s\n' "${tag#v}"
}

build() {
	say "building $1"
	make clean || return 1
	make dist VERSION="$1"
}

sign() {
	say "signing $1"
	gpg --batch --yes --detach-sign --armor "$1"
}

publish() {
	local archive=$1
	if ((dry)); then
		say "would publish $archive"
		return 0
	fi
	curl -fsS -T "$archive" "$registry/" || return 1
	curl -fsS -T "$archive.asc" "$registry/"
}

check_tree
version=$(version_of_tag) || exit 1
say "releasing version $version"
build "$version" || die "the build failed"
archive="dist/parser-$version.tar.gz"
[[ -s $archive ]] || die "the build made no $archive"
sign "$archive" || die "cannot sign"
publish "$archive" || die "cannot publish"
if ! ((dry)); then
	git push "$remote" "v$version" || die "cannot push the tag"
fi
say "released"
