#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
rm -rf "${PREFIX_DIR:?}/bin" "${PREFIX_DIR:?}/lib"
