/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parser reads anything without harm; what it accepts, the formatter turns into text that means the same, and
 * formatting again changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include <metastable/format.h>
#include <metastable/model.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ms_model first, second;

/* Lines differ after formatting; all else must not. */
static void forget_lines(struct ms_model *model)
{
	for (uint32_t i = 0; i < model->server_count; i++)
		model->servers[i].line = 0;
	for (uint32_t i = 0; i < model->client_count; i++)
		model->clients[i].line = 0;
	for (uint32_t i = 0; i < model->cache_count; i++)
		model->caches[i].line = 0;
	for (uint32_t i = 0; i < model->trigger_count; i++)
		model->triggers[i].line = 0;
	for (uint32_t i = 0; i < model->axis_count; i++)
		model->axes[i].line = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct hb_error error = {0};
	char *once = NULL, *twice = NULL;
	size_t once_length, twice_length;
	int code = ms_model_read(text, size, "fuzz.ms", NULL, 0, &first, &error);

	hb_assert(code == 0 || error.text[0]);
	if (ms_format(text, size, "fuzz.ms", &once, &once_length, NULL))
		return 0;
	hb_assert(ms_format(once, once_length, "fuzz.ms", &twice, &twice_length, NULL) == 0);
	hb_assert(once_length == twice_length && memcmp(once, twice, once_length) == 0);
	hb_assert(ms_model_read(once, once_length, "fuzz.ms", NULL, 0, &second, NULL) == code);
	if (code == 0) {
		forget_lines(&first);
		forget_lines(&second);
		hb_assert(memcmp(&first, &second, sizeof(first)) == 0);
		(void)ms_model_features(&first);
	}
	free(once);
	free(twice);
	return 0;
}
