/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The card's table of services: it holds the records of some, the others lie in the host's memory and are fetched
 * when a request for them comes. What is scheduled does not depend on it, only when: a miss costs the time of the
 * fetch.
 *
 * Replacement by CLOCK (second chance). Not thread-safe: one owner. Source: Corbato, "A Paging Experiment with the
 * Multics System", 1968.
 */
#ifndef NICOS_TABLE_H
#define NICOS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct hb_error;
struct nic_table;

/*
 * nic_table_create - an empty table.
 * @entries: records that it holds, >= 1. @services: numbers of services, 0 ... @services - 1.
 * @ret: nic_table_destroy() frees it.
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int nic_table_create(
	uint32_t entries, uint32_t services, struct nic_table **ret, struct hb_error *reterr);

/* nic_table_destroy - NULL is allowed. */
void nic_table_destroy(struct nic_table *table);

/*
 * nic_table_look_up - the record of @service (in range, asserted) is needed now.
 * Returns true if the table held it; otherwise it does now, and another record may have gone. Amortised constant
 * time.
 */
bool nic_table_look_up(struct nic_table *table, uint32_t service);

#endif
