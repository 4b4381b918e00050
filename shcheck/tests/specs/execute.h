/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Executes the clauses of specifications. Used inside the sandbox only. */
#ifndef SHCHECK_TESTS_SPECS_EXECUTE_H
#define SHCHECK_TESTS_SPECS_EXECUTE_H

#include <stdbool.h>
#include <stdint.h>

#include <shcheck/spec.h>

/* execute_spec - run @spec over options and environments. Returns the number of false or never executed clauses. */
uint32_t execute_spec(const struct shc_spec *spec, bool quiet);

#endif
