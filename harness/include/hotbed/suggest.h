/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The name that somebody probably meant, for messages about unknown ones. Thread-safe. */
#ifndef HOTBED_SUGGEST_H
#define HOTBED_SUGGEST_H

/*
 * hb_suggest - the entry of @names (NULL-terminated) closest to @word by edit distance, or NULL if none is near;
 * for "unknown experiment 'spork/spwan-latency'; did you mean 'spork/spawn-latency'?".
 * An entry that begins with @word (of 3 bytes or more) comes first. Neither words nor names beyond 128 bytes are near.
 */
const char *hb_suggest(const char *word, const char *const *names);

#endif
