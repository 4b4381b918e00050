/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What PID 1 lists before and after a command, compared; and its faults in words. See outside.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <hotbed/error.h>

#include "outside.h"

/* A record of the reply and the path behind it. */
struct found {
	struct record record;
	const char *path; /* not terminated */
};

static int found_compare(const void *left, const void *right)
{
	const struct found *a = left, *b = right;
	size_t common = a->record.path_bytes < b->record.path_bytes ? a->record.path_bytes
								    : b->record.path_bytes;
	int order = memcmp(a->path, b->path, common);

	if (order != 0)
		return order;
	if (a->record.path_bytes != b->record.path_bytes)
		return a->record.path_bytes < b->record.path_bytes ? -1 : 1;
	return (int)a->record.listing - (int)b->record.listing;
}

static int change_compare(const void *left, const void *right)
{
	const struct hb_sandbox_change *a = left, *b = right;
	int order = strcmp(a->path, b->path);

	return order != 0 ? order : (int)a->kind - (int)b->kind;
}

static bool same_path(const struct found *a, const struct found *b)
{
	return a->record.path_bytes == b->record.path_bytes &&
	       memcmp(a->path, b->path, a->record.path_bytes) == 0;
}

static bool differs(const struct record *before, const struct record *after)
{
	if (before->mode != after->mode)
		return true;
	/* A folder's size and times change with what is in it, and that is listed itself. */
	if (S_ISDIR(after->mode))
		return false;
	return before->inode != after->inode || before->size != after->size ||
	       before->mtime_ns != after->mtime_ns;
}

struct changes {
	struct hb_sandbox_result *result;
	char *text; /* where the next path goes */
};

static void change_add(struct changes *changes, const char *prefix, const struct found *found,
	enum hb_sandbox_change_kind kind, bool directory)
{
	struct hb_sandbox_result *result = changes->result;

	if (result->changes_count == HB_SANDBOX_CHANGES_MAX) {
		result->changes_cut = true;
		return;
	}
	result->changes[result->changes_count++] =
		(struct hb_sandbox_change){changes->text, kind, directory};
	if (prefix[1])
		changes->text = stpcpy(changes->text, prefix);
	*changes->text++ = '/';
	memcpy(changes->text, found->path, found->record.path_bytes);
	changes->text += found->record.path_bytes;
	*changes->text++ = '\0';
}

/* A whiteout is a character device 0, 0: commands cannot make one, only the kernel does. */
static void upper_add(
	struct changes *changes, const struct hb_sandbox_spec *spec, const struct found *found)
{
	const struct record *record = &found->record;
	const char *prefix = spec->mounts[record->overlay].target;

	if (S_ISCHR(record->mode) && record->size == 0) {
		/* In an opaque folder there may be whiteouts of what never was; they say nothing. */
		if (record->in_lower)
			change_add(changes, prefix, found, HB_SANDBOX_DELETED, false);
	} else if (S_ISDIR(record->mode)) {
		/*
		 * A folder copied up because of what is in it looks like one whose mode changed; only what is in it is
		 * listed. An opaque one has replaced the lower.
		 */
		if (!record->in_lower)
			change_add(changes, prefix, found, HB_SANDBOX_CREATED, true);
		else if (record->opaque)
			change_add(changes, prefix, found, HB_SANDBOX_OPAQUE, true);
	} else {
		change_add(changes, prefix, found,
			record->in_lower ? HB_SANDBOX_MODIFIED : HB_SANDBOX_CREATED, false);
	}
}

static void compare(struct changes *changes, const struct hb_sandbox_spec *spec,
	const struct found *found, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct record *record = &found[i].record;

		if (record->listing == LISTING_UPPER) {
			upper_add(changes, spec, &found[i]);
		} else if (record->listing == LISTING_AFTER) {
			change_add(
				changes, "/", &found[i], HB_SANDBOX_CREATED, S_ISDIR(record->mode));
		} else if (i + 1 < count && found[i + 1].record.listing == LISTING_AFTER &&
			   same_path(&found[i], &found[i + 1])) {
			i++;
			if (differs(record, &found[i].record))
				change_add(changes, "/", &found[i], HB_SANDBOX_MODIFIED,
					S_ISDIR(found[i].record.mode));
		} else {
			change_add(changes, "/", &found[i], HB_SANDBOX_DELETED, false);
		}
	}
}

/* Split the bytes into records. Returns their number; @found NULL only counts. */
static size_t records_split(const char *bytes, size_t size, struct found *found)
{
	size_t count = 0;

	while (size >= sizeof(struct record)) {
		struct record record;

		memcpy(&record, bytes, sizeof(record));
		if (size - sizeof(record) < record.path_bytes)
			break;
		if (found)
			found[count] = (struct found){record, bytes + sizeof(record)};
		count++;
		bytes += sizeof(record) + record.path_bytes;
		size -= sizeof(record) + record.path_bytes;
	}
	return count;
}

static int changes_read(const char *bytes, size_t size, const struct hb_sandbox_spec *spec,
	struct hb_sandbox_result *ret)
{
	size_t count = records_split(bytes, size, NULL);
	size_t prefix_bytes = 0;
	struct changes changes = {.result = ret};
	struct found *found;

	for (size_t i = 0; i < spec->mounts_count; i++)
		if (strlen(spec->mounts[i].target) > prefix_bytes)
			prefix_bytes = strlen(spec->mounts[i].target);
	if (count == 0)
		return 0;
	found = calloc(count, sizeof(*found));
	ret->changes = calloc(count, sizeof(*ret->changes));
	/* The records' own bytes are more than the slash and the NUL that each path gets. */
	ret->text = malloc(size + count * prefix_bytes);
	if (!found || !ret->changes || !ret->text) {
		free(found);
		return -ENOMEM;
	}
	(void)records_split(bytes, size, found);
	qsort(found, count, sizeof(*found), found_compare);
	changes.text = ret->text;
	compare(&changes, spec, found, count);
	qsort(ret->changes, ret->changes_count, sizeof(*ret->changes), change_compare);
	free(found);
	return 0;
}

int listing_read(int fd, const struct hb_sandbox_spec *spec,
	const struct hb_sandbox_command *command, struct hb_sandbox_result *ret)
{
	size_t canaries = command->canaries_count;
	struct stat st;
	char *bytes;
	int code = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((size_t)st.st_size < canaries)
		return -EPROTO;
	if (st.st_size == 0)
		return 0;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	if (canaries > 0) {
		ret->canaries = calloc(canaries, sizeof(*ret->canaries));
		if (ret->canaries) {
			ret->canaries_count = canaries;
			for (size_t i = 0; i < canaries; i++)
				ret->canaries[i] = (enum hb_sandbox_canary)bytes[i];
		} else {
			code = -ENOMEM;
		}
	}
	if (!code && command->list_changes)
		code = changes_read(bytes + canaries, (size_t)st.st_size - canaries, spec, ret);
	(void)munmap(bytes, (size_t)st.st_size);
	return code;
}

static int mount_fault(
	const struct fault *fault, const struct hb_sandbox_spec *spec, struct hb_error *reterr)
{
	const struct hb_sandbox_mount *mount = &spec->mounts[fault->index];
	const char *why = strerrordesc_np(-fault->code);

	switch (fault->step) {
	case STEP_SOURCE:
		return hb_error_set_at(reterr, fault->code, mount->source, 0,
			"cannot be shown inside as %s: %s; sources are files or folders that the "
			"caller may "
			"reach without capabilities",
			mount->target, why);
	case STEP_XATTR:
		return hb_error_set_at(reterr, -EOPNOTSUPP,
			mount->upper ? mount->upper : mount->target, 0,
			"the upper layer cannot keep user extended attributes (%s), which overlays "
			"need; "
			"give an upper folder on ext4, xfs or btrfs that user 65534 may write if "
			"the caller "
			"is root, or use Linux 6.6 for layers in memory",
			why);
	case STEP_OVERLAY:
		return hb_error_set_at(reterr, fault->code, mount->source, 0,
			"no overlay can be mounted over it: %s; it may hold mount points, which "
			"overlays do "
			"not show, or the upper layer is not on a local file system",
			why);
	default:
		return hb_error_set_at(reterr, fault->code, mount->target, 0,
			"nothing can be mounted there: %s; the target may be in a read-only place "
			"or behind a "
			"symbolic link",
			why);
	}
}

static int command_fault(const struct fault *fault, const struct hb_sandbox_command *command,
	struct hb_error *reterr)
{
	const char *why = strerrordesc_np(-fault->code);

	switch (fault->step) {
	case STEP_TREE:
		return hb_error_set(reterr, fault->code,
			"entry %u of the tree (%s) cannot be made: %s; no folder on the way may be "
			"a link or "
			"read-only, nothing may stand there, and all has to fit into the disk "
			"limit",
			fault->index, command->tree[fault->index].path, why);
	case STEP_CANARY:
		return hb_error_set(reterr, fault->code,
			"canary %u (%s) cannot be read before the start: %s; it has to exist and "
			"to have at "
			"most 1 MiB",
			fault->index, command->canaries[fault->index], why);
	case STEP_DIRECTORY:
		return hb_error_set(reterr, fault->code,
			"the start directory %s cannot be entered inside: %s; add it to the tree",
			command->directory ? command->directory : "/home/user", why);
	default:
		return hb_error_set(reterr, fault->code,
			"%s cannot be executed inside: %s; programs come from the system's /usr or "
			"from "
			"mounts",
			command->argv[0], why);
	}
}

int fault_describe(const struct fault *fault, const struct hb_sandbox_spec *spec,
	const struct hb_sandbox_command *command, struct hb_error *reterr)
{
	const char *why = strerrordesc_np(-fault->code);

	switch (fault->step) {
	case STEP_SOURCE:
	case STEP_TARGET:
	case STEP_OVERLAY:
	case STEP_XATTR:
		return mount_fault(fault, spec, reterr);
	case STEP_TREE:
	case STEP_CANARY:
	case STEP_DIRECTORY:
	case STEP_EXEC:
		return command_fault(fault, command, reterr);
	case STEP_PROC:
		return hb_error_set(reterr, fault->code,
			"no /proc can be mounted: %s; containers that mask their own /proc forbid "
			"it, run "
			"outside or with an unmasked /proc",
			why);
	case STEP_STAGE:
	case STEP_ROOT:
	case STEP_DEVICES:
	case STEP_SYSTEM:
		return hb_error_set(reterr, fault->code,
			"the root of the sandbox cannot be made (step %d.%u): %s; Linux 5.14 or "
			"newer is "
			"needed, and a security module may forbid mounts in user namespaces",
			(int)fault->step, fault->index, why);
	default:
		return hb_error_set(reterr, fault->code,
			"the sandbox cannot be set up (step %d.%u): %s", (int)fault->step,
			fault->index, why);
	}
}
