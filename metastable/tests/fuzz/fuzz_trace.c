/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes become a trace whose times rise, or an error. */
#include <sys/mman.h>
#include <unistd.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>

#include <metastable/calibration.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);
	struct hb_error error = {0};
	struct ms_trace trace;

	if (fd < 0)
		return 0;
	if (write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0) {
		int code = ms_trace_read(fd, "trace.csv", &trace, &error);

		hb_assert(code == 0 || error.text[0]);
		for (uint32_t i = 1; code == 0 && i < trace.row_count; i++)
			hb_assert(trace.rows[i].time_s > trace.rows[i - 1].time_s);
		if (code == 0)
			ms_trace_finish(&trace);
	}
	(void)close(fd);
	return 0;
}
