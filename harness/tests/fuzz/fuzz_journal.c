/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hb_journal_read(): only whole trials, with a commit mark at the end, and offsets inside the file. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include "journal.h"

#include "fuzz.h"

struct seen {
	uint64_t end_bytes;
	size_t size;
};

static int see(const struct hb_journal_trial *trial, void *user, struct hb_error *reterr)
{
	struct seen *seen = user;

	(void)reterr;
	hb_assert(trial->row_count > 0 && trial->end_bytes > seen->end_bytes &&
		  trial->end_bytes <= seen->size);
	seen->end_bytes = trial->end_bytes;
	for (size_t r = 0; r < trial->row_count; r++) {
		for (int c = 0; c < HB_COLUMN_COUNT; c++)
			hb_assert(trial->rows[r][c]);
		hb_assert(!strcmp(trial->rows[r][HB_COLUMN_METRIC], HB_COMMIT_METRIC) ==
			  (r == trial->row_count - 1));
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen seen = {.size = size};
	struct hb_error error = {0};
	uint64_t committed;
	char path[64];
	int fd = memfd_create("journal", MFD_CLOEXEC);

	hb_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int failed = hb_journal_read(path, see, &seen, &committed, &error);

	hb_assert(
		failed ? error.text[0] != '\0' : committed <= size && committed >= seen.end_bytes);
	(void)close(fd);
	return 0;
}
