/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "closed_form.h"

double closed_mg1(double rate, double mean, double square)
{
	return mean + rate * square / (2 * (1 - rate * mean));
}

double closed_mmc(uint32_t servers, double load, double mean)
{
	double offered = servers * load, blocking = 1, waiting;

	for (uint32_t n = 1; n <= servers; n++)
		blocking = offered * blocking / (n + offered * blocking);
	waiting = blocking / (1 - load * (1 - blocking));
	return mean + waiting * mean / (servers * (1 - load));
}

double closed_switching(
	double rate, double mean, double square, double switch_time, uint32_t services)
{
	double other = 1 - 1.0 / services;

	return closed_mg1(rate, mean + other * switch_time,
		square + 2 * mean * other * switch_time + other * switch_time * switch_time);
}

double closed_sharing(double load, double mean)
{
	return mean / (1 - load);
}

double closed_polling(double rate, double mean, double square, double walk, uint32_t queues)
{
	double load = rate * mean, round = walk * queues;

	return closed_mg1(rate, mean, square) + round / 2 +
	       round * load * (1 - 1.0 / queues) / (2 * (1 - load));
}
