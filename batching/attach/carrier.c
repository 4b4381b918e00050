/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <batching/carrier.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>

#include "bpf/carrier_layout.h"
#include "carrier_object.h"

_Static_assert(CARRIER_BYTES == BAT_OPTION_BYTES && CARRIER_KIND == BAT_OPTION_KIND &&
		       CARRIER_PLACES == BAT_CARRIER_SOCKETS_MAX,
	"one layout");
_Static_assert(
	sizeof(struct carrier_arrival) == sizeof(struct bat_carried), "handed over as it is");

struct bat_carrier {
	struct bpf_object *object;
	struct bpf_link *link;
	struct ring_buffer *arrivals;
	int slots_fd;
	void (*each)(void *user, const struct bat_carried *carried); /* while options are taken */
	void *user;
};

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int on_arrival(void *context, void *data, size_t size)
{
	struct bat_carrier *carrier = context;
	struct bat_carried carried;

	if (size < sizeof(carried))
		return 0;
	memcpy(&carried, data, sizeof(carried));
	carrier->each(carrier->user, &carried);
	return 0;
}

static int load(struct bat_carrier *carrier, int group_fd)
{
	struct bpf_program *program;
	int err;

	carrier->object = bpf_object__open_mem(carrier_object, sizeof(carrier_object), NULL);
	if (!carrier->object)
		return errno ? -errno : -EINVAL;
	err = bpf_object__load(carrier->object);
	if (err)
		return err;
	carrier->slots_fd = bpf_object__find_map_fd_by_name(carrier->object, "slots");
	carrier->arrivals =
		ring_buffer__new(bpf_object__find_map_fd_by_name(carrier->object, "arrivals"),
			on_arrival, carrier, NULL);
	if (!carrier->arrivals)
		return errno ? -errno : -EINVAL;
	program = bpf_object__find_program_by_name(carrier->object, "on_socket");
	carrier->link = program ? bpf_program__attach_cgroup(program, group_fd) : NULL;
	return carrier->link ? 0 : errno ? -errno : -EINVAL;
}

int bat_carrier_create(struct bat_carrier **ret, const char *group, struct hb_error *reterr)
{
	int group_fd = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	struct bat_carrier *carrier;

	if (group_fd < 0) {
		err = -errno;
		return hb_error_set(
			reterr, err, "cannot open control group '%s': %s", group, strerror(-err));
	}
	carrier = calloc(1, sizeof(*carrier));
	if (!carrier) {
		(void)close(group_fd);
		return hb_error_set(reterr, -ENOMEM, "no memory for a carrier");
	}
	(void)libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	(void)libbpf_set_print(say_nothing);
	errno = 0;
	err = load(carrier, group_fd);
	(void)close(group_fd);
	if (!err) {
		*ret = carrier;
		return 0;
	}
	bat_carrier_destroy(carrier);
	if (err == -EPERM || err == -EACCES)
		return hb_error_set(reterr, -EPERM,
			"BPF programs may not be loaded: CAP_BPF and CAP_NET_ADMIN are needed");
	/* The first version of groups gives EBADF; an old kernel, or one without them, EINVAL. */
	if (err == -EBADF || err == -EINVAL || err == -ENOENT)
		return hb_error_set(reterr, -ENOTSUP,
			"'%s' is no control group of version 2, or the kernel lacks TCP header "
			"options for BPF",
			group);
	return hb_error_set(reterr, err, "BPF programs cannot be loaded: %s", strerror(-err));
}

void bat_carrier_destroy(struct bat_carrier *carrier)
{
	if (!carrier)
		return;
	(void)bpf_link__destroy(carrier->link);
	ring_buffer__free(carrier->arrivals);
	bpf_object__close(carrier->object);
	free(carrier);
}

int bat_carrier_put(struct bat_carrier *carrier, uint64_t cookie, const uint8_t *option)
{
	struct carrier_slot slot;

	if (bpf_map_lookup_elem(carrier->slots_fd, &cookie, &slot))
		return errno ? -errno : -ENOENT;
	if (slot.state != CARRIER_EMPTY)
		return -EBUSY;
	/* Nobody else writes to an empty slot. */
	slot.state = CARRIER_PUT;
	memcpy(slot.option, option, sizeof(slot.option));
	return bpf_map_update_elem(carrier->slots_fd, &cookie, &slot, BPF_EXIST) ? -errno : 0;
}

int bat_carrier_take(struct bat_carrier *carrier,
	void (*each)(void *user, const struct bat_carried *carried), void *user)
{
	carrier->each = each;
	carrier->user = user;
	return ring_buffer__consume(carrier->arrivals);
}
