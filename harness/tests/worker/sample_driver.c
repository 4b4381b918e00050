/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sample driver as a program, for tests in which it dies or leaves processes behind. */
#include "sample.h"

int main(int argc, char **argv)
{
	return hb_driver_main(&sample_driver, argc, argv);
}
