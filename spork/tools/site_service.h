/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The helper's answers about calling contexts: is there any path from this fork to exec? One thread. */
#ifndef SPORK_SITE_SERVICE_H
#define SPORK_SITE_SERVICE_H

struct site_service;
struct spork_site_request;
struct spork_store;

/*
 * site_service_answer - analyse the context and put a verdict into the store where it is certain that no path reaches
 * exec; everything else is left for the attempts to find out. A wrong request is ignored.
 * @service: made at the first call; lives as long as the helper. Takes up to seconds.
 */
void site_service_answer(struct site_service **service, const struct spork_site_request *request,
	struct spork_store *store);

#endif
