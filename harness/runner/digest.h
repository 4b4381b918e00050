/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a night has shown, on one page: as text for a terminal or mail, as HTML, and as JSON for hooks. Thread-safe. */
#ifndef HOTBED_RUNNER_DIGEST_H
#define HOTBED_RUNNER_DIGEST_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "doctor.h"
#include "history.h"
#include "text.h"

struct hb_digest {
	const char *folder, *run_id, *utc;
	int run_code, exit_code; /* of the run, and of the night */
	const struct hb_finding *findings;
	size_t finding_count;
	const struct hb_import_result *imported;
	const struct hb_alarms *alarms;
	cJSON *run; /* what `run --json` printed */
};

/* hb_digest_subject - one line: what a mail would be called. @buffer: 160 bytes. Returns @buffer. */
char *hb_digest_subject(const struct hb_digest *digest, char *buffer);

void hb_digest_put_text(const struct hb_digest *digest, struct hb_text *text);

/* hb_digest_put_html - a page that loads nothing. */
void hb_digest_put_html(const struct hb_digest *digest, struct hb_text *text);

/* hb_digest_json - hotbed.nightly/1, freed by the caller; NULL without memory. */
cJSON *hb_digest_json(const struct hb_digest *digest);

#endif
