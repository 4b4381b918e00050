#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The bytes of an object file as an array of C. Usage: embed.sh OBJECT NAME
set -eu
printf '/* SPDX-License-Identifier: GPL-3.0-or-later */\n'
printf 'static const unsigned char %s[] = {\n' "$2"
od -An -v -tx1 "$1" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
printf '};\n'
