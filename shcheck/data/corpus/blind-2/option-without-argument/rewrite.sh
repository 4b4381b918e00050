#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Synchronise a working folder with the build machine and run a target there.
set -o nounset
declare host=build.example.org what=all dir=$PWD parallel=4 ssh_port=22 again=
declare -a skip=(--exclude=.git --exclude=.cache '--exclude=*.o')

help() {
	echo "usage: $(basename "$0") [options] [FOLDER]"
	echo "  -r, --remote HOST   the build machine ($host)"
	echo "  -t, --target NAME   what to build ($what)"
	echo "  -j, --jobs N        how many at once ($parallel)"
	echo "  -p, --port N        of the secure shell ($ssh_port)"
	echo "  -x, --exclude GLOB  leave these out, may be repeated"
	echo "  -w, --watch         build again after every change"
	echo "  -h, --help          this text"
}

stop() {
	echo "$(basename "$0"): $1" >&2
	exit 1
}

positive() {
	case "$1" in
	'' | 0* | *[!0-9]*) return 1 ;;
	*) return 0 ;;
	esac
}

until [ "$#" -eq 0 ]; do  #@ loop-forever
	takes=1
	if [ "$1" = -r ] || [ "$1" = --remote ]; then
		host="${2-$host}" takes=2
	elif [ "$1" = -t ] || [ "$1" = --target ]; then
		what="${2-all}" takes=2
	elif [ "$1" = -j ] || [ "$1" = --jobs ]; then
		parallel="${2-4}" takes=2
	elif [ "$1" = -p ] || [ "$1" = --port ]; then
		ssh_port="${2-22}" takes=2
	elif [ "$1" = -x ] || [ "$1" = --exclude ]; then
		skip+=("--exclude=${2-}") takes=2
	elif [ "$1" = -w ] || [ "$1" = --watch ]; then
		again=1
	elif [ "$1" = -h ] || [ "$1" = --help ]; then
		help
		exit
	elif [ "${1#-}" != "$1" ]; then
		help >&2
		exit 2
	else
		dir="$1"
	fi
	shift "$takes"
done

positive "$parallel" || stop "not a number of jobs: $parallel"
positive "$ssh_port" || stop "not a port: $ssh_port"
test -d "$dir" || stop "no folder $dir"

send() {
	rsync --archive --compress --rsh="ssh -p $ssh_port" "${skip[@]}" "$dir"/ "$host":build/
}

make_there() {
	ssh -p "$ssh_port" "$host" make -C build -j "$parallel" "$what"
}

if ! send; then
	stop "cannot reach $host"
fi
make_there
result=$?
if [ -n "$again" ]; then
	while inotifywait -qq -r -e close_write "$dir"; do
		{ send && make_there; } && result=0 || result=$?
	done
fi
exit "$result"
