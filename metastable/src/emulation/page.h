/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the processes of an emulation share: one page-aligned block that the supervisor maps before it forks. Each field
 * has one writer; a process reads those of another only when that has ended, but for the atomic ones.
 */
#ifndef METASTABLE_EMULATION_PAGE_H
#define METASTABLE_EMULATION_PAGE_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include <hotbed/error.h>

#include <metastable/emulation.h>

#include "shared_cache.h"

/* Of one service process; it writes all of it. */
struct ms_page_service {
	uint16_t port; /* before it says it is ready */
	atomic_uint jobs;
	struct ms_server_counts counts;
	struct ms_lateness lateness;
	struct hb_error error;
};

struct ms_page {
	/* the supervisor */
	struct ms_model model;
	struct ms_emulation_options options;
	uint64_t seed, replication;
	double compression;
	int64_t start_ns; /* of model time, on CLOCK_MONOTONIC */
	/* the services, by server of the model; calls by client, each of the service that makes it */
	struct ms_page_service services[MS_SERVERS_MAX];
	struct ms_client_counts calls[MS_CLIENTS_MAX];
	/* all of them */
	struct ms_shared_cache caches[MS_CACHES_MAX];
	/* the client */
	struct ms_run_result result;
	struct ms_lateness client_lateness;
	struct hb_error client_error;
};

static inline int64_t ms_page_clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Model time, which stands before the start. */
static inline int64_t ms_page_now_ns(const struct ms_page *page)
{
	int64_t passed_ns = ms_page_clock_ns() - page->start_ns;

	return passed_ns > 0 ? (int64_t)((double)passed_ns * page->compression) : 0;
}

static inline int64_t ms_page_real_ns(const struct ms_page *page, int64_t model_ns)
{
	return page->start_ns + (int64_t)((double)model_ns / page->compression);
}

/* A timer that should have gone off at @due_ns went off at @now_ns, both on CLOCK_MONOTONIC. */
static inline void ms_lateness_add(struct ms_lateness *lateness, int64_t due_ns, int64_t now_ns)
{
	double late_s = now_ns > due_ns ? (double)(now_ns - due_ns) / 1e9 : 0;

	lateness->timers++;
	lateness->late += late_s > lateness->limit_s;
	lateness->mean_s += (late_s - lateness->mean_s) / (double)lateness->timers;
	if (late_s > lateness->max_s)
		lateness->max_s = late_s;
}

/*
 * ms_service_process - be service @number until SIGTERM: binds, writes the port, writes a byte to @ready_fd.
 * Returns 0 or -errno with the reason in the page.
 */
int ms_service_process(struct ms_page *page, uint32_t number, int ready_fd);

/* ms_client_process - be the clients until the end of the run; fills the page's result. @bins: shared, or NULL. */
int ms_client_process(struct ms_page *page, struct ms_bin *bins);

#endif
