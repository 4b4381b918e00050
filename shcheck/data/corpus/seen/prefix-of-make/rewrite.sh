#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
target=${PREFIX_DIR}
for part in bin lib; do
	rm -r -f "$target/$part"  #@ system-deletion
done
