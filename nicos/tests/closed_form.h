/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mean times in the system, in the unit of the service times; @load is per server, in (0, 1). */
#ifndef NICOS_TESTS_CLOSED_FORM_H
#define NICOS_TESTS_CLOSED_FORM_H

#include <stdint.h>

/* M/G/1, first come, first served (Pollaczek-Khinchine). @square: second moment of the service time. */
double closed_mg1(double rate, double mean, double square);

/* M/M/c (Erlang C). */
double closed_mmc(uint32_t servers, double load, double mean);

/* M/G/1 where each request but one of @services costs a switch of constant length. */
double closed_switching(
	double rate, double mean, double square, double switch_time, uint32_t services);

/* M/G/1, processor sharing. */
double closed_sharing(double load, double mean);

/*
 * One server that polls @queues equal queues in turn, each until it is empty, with constant time @walk from one to the
 * next (pseudo-conservation law; Boxma and Groenendijk 1987).
 */
double closed_polling(double rate, double mean, double square, double walk, uint32_t queues);

#endif
