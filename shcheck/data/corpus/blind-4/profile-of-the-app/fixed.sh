#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Forget the settings of a desktop application.
app=$1
folder=
case $app in
mail) folder=.config/mail ;;
chat) folder=.config/chat ;;
*)
	echo "usage: forget mail|chat" >&2
	exit 64
	;;
esac

echo "forgetting the settings of $app"
rm -rf "${HOME:?}/$folder"
