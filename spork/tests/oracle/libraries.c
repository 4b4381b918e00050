/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What makes a child load libraries between fork and exec: itself, or libc for it (character sets, name services).
 * A file of its own, so that it is linked into those cases only that use it.
 */
#include <dlfcn.h>
#include <iconv.h>
#include <pwd.h>
#include <string.h>

#include "support.h"

/* A sum that only the library's own code can tell. */
static void load(int flags, int closes)
{
	unsigned long (*sum)(unsigned long, const unsigned char *, unsigned) = NULL;
	void *library = dlopen("libz.so.1", flags);
	void *symbol = library ? dlsym(library, "crc32") : NULL;

	/* ISO C has no conversion between pointers to objects and to functions. */
	memcpy(&sum, &symbol, sizeof(sum));
	oracle_note("sum", sum ? (long)sum(0, (const unsigned char *)"between", 7) : -1);
	if (library && closes)
		oracle_note("closed", dlclose(library));
}

static void convert(const char *from)
{
	char in[] = "Erd\xf5s \xb1", out[64] = "", *at = in, *to = out;
	size_t in_bytes = sizeof(in) - 1, out_bytes = sizeof(out);
	iconv_t converter = iconv_open("UTF-16LE", from);
	long sum = 0;

	if (converter == (iconv_t)-1) {
		oracle_note("converter", -1);
		return;
	}
	oracle_note("converted", (long)iconv(converter, &at, &in_bytes, &to, &out_bytes));
	for (size_t i = 0; i < sizeof(out) - out_bytes; i++)
		sum = sum * 31 % 1000003 + (unsigned char)out[i];
	oracle_note("text", sum);
	(void)iconv_close(converter);
}

void oracle_use_library(int number)
{
	const struct passwd *user;

	switch (number % 6) {
	case 0:
		load(RTLD_NOW, 0);
		return;
	case 1:
		load(RTLD_LAZY | RTLD_GLOBAL, 0);
		return;
	case 2:
		convert("ISO-8859-2");
		return;
	case 3:
		convert("EUC-JP");
		return;
	case 4:
		user = getpwnam("root");
		oracle_note("user", user ? (long)strlen(user->pw_dir) : -1);
		return;
	default:
		load(RTLD_NOW, 1);
	}
}
