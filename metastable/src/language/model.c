/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-ups in a model. See metastable/model.h. */
#include <string.h>

#include <hotbed/assert.h>

#include <metastable/model.h>

double ms_sweep_value(const struct ms_sweep_axis *axis, uint32_t index)
{
	hb_assert(index < axis->count);
	return axis->listed ? axis->values[index] : axis->from + index * axis->step;
}

double ms_model_trigger_end_s(const struct ms_model *model)
{
	double end_s = 0;

	for (uint32_t i = 0; i < model->trigger_count; i++) {
		const struct ms_trigger *trigger = &model->triggers[i];

		if (trigger->at_s + trigger->duration_s > end_s)
			end_s = trigger->at_s + trigger->duration_s;
	}
	return end_s;
}

int ms_model_server(const struct ms_model *model, const char *name)
{
	for (uint32_t i = 0; i < model->server_count; i++) {
		if (strcmp(model->servers[i].name, name) == 0)
			return (int)i;
	}
	return MS_NONE;
}

int ms_model_client(const struct ms_model *model, const char *name)
{
	for (uint32_t i = 0; i < model->client_count; i++) {
		if (strcmp(model->clients[i].name, name) == 0)
			return (int)i;
	}
	return MS_NONE;
}

int ms_model_cache(const struct ms_model *model, const char *name)
{
	for (uint32_t i = 0; i < model->cache_count; i++) {
		if (strcmp(model->caches[i].name, name) == 0)
			return (int)i;
	}
	return MS_NONE;
}
