/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clients and servers counted, in the JSON of simulated and of emulated runs. */
#ifndef METASTABLE_COUNTS_JSON_H
#define METASTABLE_COUNTS_JSON_H

#include <cjson/cJSON.h>

#include <metastable/model.h>
#include <metastable/simulation.h>

/*
 * json_clients - add `clients`, an object for each client and call of @model with what @all says of it, to @object.
 * @all: shape [model->client_count].
 */
void json_clients(cJSON *object, const struct ms_model *model, const struct ms_client_counts *all);

/* json_servers - add `servers` likewise. @all: shape [model->server_count]. */
void json_servers(cJSON *object, const struct ms_model *model, const struct ms_server_counts *all);

#endif
