#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Where the files are.
PATH=/srv/files
ls "$PATH" | sort #@ not-a-command
