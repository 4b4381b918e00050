/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <shcheck/parse.h>
void shc_print(const struct shc_script *script, FILE *stream)
{
	(void)script;
	(void)stream;
}
