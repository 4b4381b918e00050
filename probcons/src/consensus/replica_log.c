/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log in memory, and the rule that it implies. */
#include "replica_state.h"

struct pc_entry *log_entry(const struct pc_replica *r, uint64_t index)
{
	return &r->ring[index & r->mask];
}

uint64_t log_term(const struct pc_replica *r, uint64_t index)
{
	return index == r->snapshot.index ? r->snapshot.term : log_entry(r, index)->term;
}

bool log_matches(const struct pc_replica *r, uint64_t index, uint64_t term)
{
	return index >= r->snapshot.index && index <= r->last && log_term(r, index) == term;
}

bool log_is_full(const struct pc_replica *r, uint32_t spare)
{
	return r->last - r->snapshot.index + spare > r->mask;
}

void log_append(struct pc_replica *r, const struct pc_entry *entry)
{
	r->last++;
	*log_entry(r, r->last) = *entry;
	if (entry->kind != PC_ENTRY_CHANGE && entry->kind != PC_ENTRY_LEAVE)
		return;
	r->previous = r->latest;
	r->latest.index = r->last;
	if (entry->kind == PC_ENTRY_CHANGE) {
		r->latest.configuration.before = r->latest.configuration.now;
		r->latest.configuration.now = entry->change->now;
		r->latest.configuration.learners = entry->change->learners;
		r->latest.configuration.joint = true;
	} else {
		r->latest.configuration.joint = false;
	}
}

void log_truncate(struct pc_replica *r, uint64_t index)
{
	if (index <= r->commit) {
		r->fault = "a committed entry would be truncated";
		return;
	}
	r->last = index - 1;
	if (r->latest.index >= index)
		r->latest = r->previous;
	if (r->latest.index >= index)
		r->fault = "two rules would be reverted, so the older was changed before it was "
			   "committed";
}

void log_install(struct pc_replica *r, const struct pc_snapshot *snapshot)
{
	r->snapshot = *snapshot;
	r->last = r->commit = r->told_commit = snapshot->index;
	r->latest = (struct dated){snapshot->index, snapshot->configuration};
	r->previous = r->latest;
}

void log_commit(struct pc_replica *r, uint64_t index)
{
	if (index > r->commit)
		r->commit = index;
}
