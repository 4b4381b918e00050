#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The launcher's own rules: POSIX sh, usage errors give 2, a missing package without root is named with the command to run.
# It works on a copy of the launcher whose commands are stand-ins, so nothing is installed. Usage: launcher.sh ROOT
set -u
root=$1
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0

fail()
{
	echo "FAIL: $*"
	failed=1
}

expect()
{
	[ "$2" = "$3" ] || fail "$1: expected $2, got $3"
}

sh -n "$root/hotbed" || fail 'the launcher is not valid sh'
if command -v dash >/dev/null 2>&1; then
	dash -n "$root/hotbed" || fail 'the launcher is not valid POSIX sh'
fi

# A machine in which dpkg knows nothing, nobody is root and there is no sudo.
mkdir -p "$scratch/bin" "$scratch/repo"
cp "$root/hotbed" "$scratch/repo/hotbed"
for tool in sh env cat cp cmp mkdir rm grep sed sort cut tail dirname readlink flock printf; do
	path=$(command -v "$tool") && case $path in /*) ln -s "$path" "$scratch/bin/$tool" ;; esac
done
printf '#!/bin/sh\nexit 1\n' >"$scratch/bin/dpkg-query"
printf '#!/bin/sh\necho "apt-get was called" >&2\nexit 1\n' >"$scratch/bin/apt-get"
printf '#!/bin/sh\necho 1000\n' >"$scratch/bin/id"
chmod +x "$scratch"/bin/dpkg-query "$scratch"/bin/apt-get "$scratch"/bin/id

output=$(PATH=$scratch/bin "$scratch/repo/hotbed" setup </dev/null 2>&1)
expect 'set-up without root' 6 $?
case $output in
*'sudo apt-get update && sudo apt-get install --no-install-recommends gcc '*) ;;
*) fail "the command to run is not printed: $output" ;;
esac
case $output in
*'apt-get was called'*) fail 'apt-get was called without root' ;;
esac

"$root/hotbed" setup --nonsense >/dev/null 2>&1
expect 'unknown argument of setup' 2 $?
"$root/hotbed" test --nonsense >/dev/null 2>&1
expect 'unknown argument of test' 2 $?
"$root/hotbed" test --help | grep -q -- --nightly || fail 'test --help does not name --nightly'
exit $failed
