#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Nightly: throw the finished snapshots of every host away once they are on tape.
readonly journal=/var/log/prune.log marks=/var/lib/tape

journal_line() { echo "$(date '+%F %T') $1" >> "$journal"; }

for machine in atlas borealis cygnus; do
	mark=$marks/$machine.done
	if ! test -e "$mark"; then
		journal_line "skipping $machine: not on tape"
		continue
	fi
	pushd "/mnt/snapshots/$machine" > /dev/null
	victims=(*)
	journal_line "pruning $machine: ${#victims[@]} entries"
	rm -rf -- "${victims[@]}"  #@ user-deletion
	popd > /dev/null
	rm -f "$mark"
done
