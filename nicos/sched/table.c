/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <nicos/table.h>

#include <errno.h>
#include <stdlib.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#define NOWHERE UINT32_MAX

struct entry {
	uint32_t service;
	bool referenced;
};

struct nic_table {
	uint32_t entry_count, used, service_count;
	uint32_t hand;
	struct entry *entries; /* shape [entry_count] */
	uint32_t *places;      /* shape [service_count]: entry of a service, or NOWHERE */
};

int nic_table_create(
	uint32_t entries, uint32_t services, struct nic_table **ret, struct hb_error *reterr)
{
	struct nic_table *table;

	if (entries == 0 || services == 0)
		return hb_error_set(reterr, -EINVAL,
			"table: %u entries for %u services; use at least one of each", entries,
			services);
	table = calloc(1, sizeof(*table));
	if (table) {
		table->entries = calloc(entries, sizeof(*table->entries));
		table->places = malloc(services * sizeof(*table->places));
	}
	if (!table || !table->entries || !table->places) {
		nic_table_destroy(table);
		return hb_error_set(reterr, -ENOMEM,
			"table: no memory for %u entries and %u services; use fewer", entries,
			services);
	}
	table->entry_count = entries;
	table->service_count = services;
	for (uint32_t s = 0; s < services; s++)
		table->places[s] = NOWHERE;
	*ret = table;
	return 0;
}

void nic_table_destroy(struct nic_table *table)
{
	if (!table)
		return;
	free(table->entries);
	free(table->places);
	free(table);
}

/* The hand passes records that were used since it came by, at most one round. */
static uint32_t victim(struct nic_table *table)
{
	uint32_t place;

	while (table->entries[table->hand].referenced) {
		table->entries[table->hand].referenced = false;
		table->hand = (table->hand + 1) % table->entry_count;
	}
	place = table->hand;
	table->hand = (place + 1) % table->entry_count;
	table->places[table->entries[place].service] = NOWHERE;
	return place;
}

bool nic_table_look_up(struct nic_table *table, uint32_t service)
{
	uint32_t place;

	hb_assert(service < table->service_count);
	place = table->places[service];
	if (place != NOWHERE) {
		table->entries[place].referenced = true;
		return true;
	}
	place = table->used < table->entry_count ? table->used++ : victim(table);
	table->entries[place] = (struct entry){.service = service};
	table->places[service] = place;
	return false;
}
