#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Make the ELF files that the fuzzers start from, so that no binary is committed. Usage: seeds.sh FOLDER SEED.c COMPILER…
set -eu

folder=$1
seed=$2
shift 2
mkdir -p "$folder"
"$@" -O2 -fPIC -shared -nostdlib -fno-sanitize=all -Wl,-z,lazy -Wl,--build-id -o "$folder/lazy.so" "$seed"
"$@" -O2 -fPIC -shared -nostdlib -fno-sanitize=all -fno-plt -Wl,-z,now -s -o "$folder/stripped.so" "$seed"
"$@" -O0 -fPIC -shared -nostdlib -fno-sanitize=all -fno-asynchronous-unwind-tables -o "$folder/frameless.so" "$seed"
