/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two automata libraries that shcheck/automata compares, behind one face. */
#ifndef SHCHECK_BENCH_AUTOMATA_ENGINE_H
#define SHCHECK_BENCH_AUTOMATA_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

/* Languages are handles of the engine. Every function returns NULL (or false) when the engine gives up. */
struct automata_engine {
	bool available;
	bool (*open)(void);
	/* A pattern in which only * is special, and stands for any text without a slash. */
	void *(*pattern)(const char *text);
	/* (a|b)*a(a|b){count} */
	void *(*blow_up)(int count);
	/* Minimal automata of the results; the operands stay. */
	void *(*intersect)(void *a, void *b);
	void *(*complement)(void *a);
	bool (*matches)(void *a, const char *text, size_t length);
	void (*release)(void *a);
	void (*close)(void);
};

extern const struct automata_engine engine_shcheck, engine_foma;

#endif
