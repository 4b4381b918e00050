#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Synchronise a working folder with the build machine and run a target there.
set -u
remote=build.example.org
target=all
folder=$PWD
jobs=4
port=22
watch=no
excludes=(.git .cache '*.o')

usage() {
	cat <<-END
	usage: ${0##*/} [options] [FOLDER]
	  -r, --remote HOST   the build machine ($remote)
	  -t, --target NAME   what to build ($target)
	  -j, --jobs N        how many at once ($jobs)
	  -p, --port N        of the secure shell ($port)
	  -x, --exclude GLOB  leave these out, may be repeated
	  -w, --watch         build again after every change
	  -h, --help          this text
	END
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

is_number() {
	[[ $1 =~ ^[1-9][0-9]*$ ]]
}

while (($#)); do  #@ loop-forever
	case $1 in
	-r | --remote)
		remote=${2:-$remote}
		shift 2
		;;
	-t | --target)
		target=${2:-all}
		shift 2
		;;
	-j | --jobs)
		jobs=${2:-4}
		shift 2
		;;
	-p | --port)
		port=${2:-22}
		shift 2
		;;
	-x | --exclude)
		excludes+=("${2:-}")
		shift 2
		;;
	-w | --watch)
		watch=yes
		shift
		;;
	-h | --help)
		usage
		exit 0
		;;
	-*)
		usage >&2
		exit 2
		;;
	*)
		folder=$1
		shift
		;;
	esac
done

is_number "$jobs" || die "not a number of jobs: $jobs"
is_number "$port" || die "not a port: $port"
[[ -d $folder ]] || die "no folder $folder"

synchronise() {
	local options=() pattern
	for pattern in "${excludes[@]}"; do
		options+=(--exclude="$pattern")
	done
	rsync -az -e "ssh -p $port" "${options[@]}" "$folder/" "$remote:build/"
}

build() {
	ssh -p "$port" "$remote" "make -C build -j $jobs $target"
}

synchronise || die "cannot reach $remote"
build
status=$?
if [[ $watch == yes ]]; then
	while inotifywait -qq -r -e close_write "$folder"; do
		synchronise && build
		status=$?
	done
fi
exit "$status"
