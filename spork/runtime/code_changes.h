/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs that change code in memory: whoever does it makes it writable, and executable again. Noticed where libc's
 * mprotect is used; otherwise what was compared before the change is believed to be the same still.
 */
#ifndef SPORK_CODE_CHANGES_H
#define SPORK_CODE_CHANGES_H

#include <stdint.h>

/* code_changes_count - differs from an earlier value if code may have been changed meanwhile. Any thread. */
uint64_t code_changes_count(void);

/*
 * data_changes_count - the same about memory that could not be written to. Where libc's mprotect is not ours, it
 * differs every time.
 */
uint64_t data_changes_count(void);

#endif
