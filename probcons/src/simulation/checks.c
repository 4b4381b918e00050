/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What must always hold, checked as things happen and at a cost that does not depend on the length of the log: figure 3
 * of the Raft paper, durability of what is committed, and that quorums that were used did meet.
 */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void record(struct pc_simulation *w, const char *format, va_list arguments)
{
	struct pc_simulation_report *report = w->report;
	struct pc_violation *violation;

	w->failed = true;
	world_hash(w, UINT64_MAX);
	if (report->violation_count++ >= PC_VIOLATIONS_MAX)
		return;
	violation = &report->violations[report->violation_count - 1];
	violation->schedule = w->schedule;
	violation->time_ns = w->now_ns;
	(void)vsnprintf(violation->text, sizeof(violation->text), format, arguments);
	TRACE(w, "VIOLATION: %s", violation->text);
}

void check_violation(struct pc_simulation *w, const char *format, ...)
{
	va_list arguments;

	if (w->failed)
		return;
	/* Committees are not safe: what they break is counted, and compared with what was declared. */
	if (w->options.variant == PC_V5) {
		w->failed = true;
		world_hash(w, UINT64_MAX);
		w->report->harmed++;
		return;
	}
	va_start(arguments, format);
	record(w, format, arguments);
	va_end(arguments);
}

/* What holds even where committees need not meet. */
static void check_always(struct pc_simulation *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void check_always(struct pc_simulation *w, const char *format, ...)
{
	va_list arguments;

	if (w->failed)
		return;
	va_start(arguments, format);
	record(w, format, arguments);
	va_end(arguments);
}

uint64_t entry_digest(const struct pc_entry *entry)
{
	uint64_t h = entry->term * UINT64_C(0x9e3779b97f4a7c15) ^ entry->command;

	h = (h ^ h >> 31) * UINT64_C(0xbf58476d1ce4e5b9) ^ (entry->client << 56 | entry->sequence);
	h = (h ^ h >> 29) * UINT64_C(0x94d049bb133111eb) ^ entry->kind;
	return h ^ h >> 32;
}

void check_begin(struct pc_simulation *w)
{
	memset(w->leaders, 0, sizeof(w->leaders));
	w->generation++;
	w->audit_count = 0;
	w->committed_last = w->snapshots[0].snapshot.index;
	w->committed[w->committed_last] = (struct committed){0};
	w->ruling = w->snapshots[0].snapshot.configuration;
	w->ruling_index = w->committed_last;
	w->progress_from = UINT64_MAX;
	w->last_holders = 0;
	w->failed = w->overflow = false;
}

/* ---- log matching ---- */

static uint64_t term_before(const struct pc_replica *replica, uint64_t index)
{
	const struct pc_snapshot *snapshot = pc_replica_snapshot(replica);

	return index - 1 == snapshot->index ? snapshot->term
					    : pc_replica_entry(replica, index - 1)->term;
}

/*
 * An entry is known by index and term. If each has one content and one predecessor, logs that agree in an entry agree
 * in all before it: log matching, by induction.
 */
void check_append(struct pc_simulation *w, uint32_t n, uint64_t index)
{
	const struct pc_replica *replica = w->nodes[n].replica;
	const struct pc_entry *entry = pc_replica_entry(replica, index);
	uint64_t key = index << 32 | entry->term, digest = entry_digest(entry);
	uint64_t previous = term_before(replica, index);
	uint64_t at = hb_rng_mix(key, 0) & (SEEN_SLOTS - 1);

	for (uint32_t i = 0; i < SEEN_SLOTS; i++, at = (at + 1) & (SEEN_SLOTS - 1)) {
		struct seen *seen = &w->seen[at];

		if (seen->generation != w->generation) {
			*seen = (struct seen){key, digest, previous, w->generation};
			return;
		}
		if (seen->key != key)
			continue;
		if (seen->digest != digest || seen->previous_term != previous)
			check_violation(w,
				"log matching: node %u has another entry %llu of term %llu than "
				"others",
				n, (unsigned long long)index, (unsigned long long)entry->term);
		return;
	}
	w->overflow = true;
}

/* ---- the rule ---- */

static void apply_rule(struct pc_configuration *rule, const struct pc_entry *entry)
{
	if (entry->kind == PC_ENTRY_CHANGE) {
		rule->before = rule->now;
		rule->now = entry->change->now;
		rule->learners = entry->change->learners;
		rule->joint = true;
	} else if (entry->kind == PC_ENTRY_LEAVE) {
		rule->joint = false;
	}
}

/* ---- committed ---- */

void check_truncate(struct pc_simulation *w, uint32_t n, uint64_t index)
{
	const struct image *image = &w->nodes[n].disk.image;

	/* The replica has truncated already; the disk still shows what goes, if it was durable. */
	for (uint64_t i = index; i <= w->committed_last && i <= image->last; i++) {
		if (i > w->snapshots[image->snapshot].snapshot.index &&
			image->ring[i % LOG_ENTRIES].term == w->committed[i].term &&
			w->nodes[n].disk.issued == w->nodes[n].disk.durable)
			check_violation(w,
				"committed is durable: node %u truncates the committed entry %llu",
				n, (unsigned long long)i);
	}
	if (index <= w->nodes[n].store.applied)
		check_violation(w,
			"state machine safety: node %u truncates entry %llu, which it has applied",
			n, (unsigned long long)index);
}

static bool has_durably(struct pc_simulation *w, uint32_t n, uint64_t index, uint64_t term)
{
	struct image *image = &w->nodes[n].disk.image;

	if (index <= w->snapshots[image->snapshot].snapshot.index)
		return true;
	return index <= image->last && image_entry(image, index)->term == term;
}

static struct audit *audit_of(struct pc_simulation *w, const struct pc_replica *replica)
{
	uint64_t index, digest;
	const struct pc_configuration *c = pc_replica_configuration(replica, &index);

	digest = hb_rng_mix(index << 1 | c->joint,
		c->now.voters << 40 ^ (uint64_t)c->now.need_per << 20 ^ c->now.need_vc);
	for (uint32_t n = 0; n < w->options.nodes; n++)
		digest = (digest ^ c->now.votes[n] ^ (uint64_t)c->now.lives[n] << 32) *
			 UINT64_C(0x9e3779b97f4a7c15);
	for (uint32_t i = 0; i < w->audit_count; i++) {
		if (w->audits[i].configuration == digest)
			return &w->audits[i];
	}
	if (w->audit_count == AUDITS_MAX)
		return NULL;
	w->audits[w->audit_count] = (struct audit){.configuration = digest};
	return &w->audits[w->audit_count++];
}

/* Adds @mask to @masks unless it is there or there is no room; true if it is new. */
static bool note(uint64_t *masks, uint32_t *count, uint64_t mask)
{
	for (uint32_t i = 0; i < *count; i++) {
		if (masks[i] == mask)
			return false;
	}
	if (*count < MASKS_MAX)
		masks[(*count)++] = mask;
	return true;
}

static void audit_commit(struct pc_simulation *w, const struct pc_replica *replica, uint64_t index)
{
	struct audit *audit = audit_of(w, replica);
	uint64_t holders = pc_replica_holders(replica, index);

	w->last_holders = holders;
	if (!audit || !note(audit->commits, &audit->commit_count, holders))
		return;
	for (uint32_t i = 0; i < audit->election_count; i++) {
		if (!(audit->elections[i] & holders))
			check_violation(w,
				"quorum intersection: %llx commit what %llx, who elect, do not "
				"have",
				(unsigned long long)holders,
				(unsigned long long)audit->elections[i]);
	}
}

void check_commit(struct pc_simulation *w, uint32_t n, uint64_t from, uint64_t to)
{
	const struct pc_replica *replica = w->nodes[n].replica;
	const struct pc_configuration *c = pc_replica_configuration(replica, NULL);
	uint64_t first = pc_replica_snapshot(replica)->index + 1;

	if (to >= INDEX_MAX) {
		w->overflow = true;
		w->failed = true;
		return;
	}
	if (from < first) {
		check_violation(w,
			"state machine safety: node %u applies beyond what anybody committed", n);
		return;
	}
	for (uint64_t i = from; i <= to; i++) {
		const struct pc_entry *entry = pc_replica_entry(replica, i);
		uint64_t set = 0;

		w->committed[i] = (struct committed){
			entry_digest(entry), entry->term, 0, pc_replica_promise(replica).term};
		w->report->commits++;
		apply_rule(&w->ruling, entry);
		if (entry->kind >= PC_ENTRY_CHANGE)
			w->ruling_index = i;
		/* A node that lost its disk since it acknowledged may be counted: it never votes in that life again. */
		for (uint32_t k = 0; k < w->options.nodes; k++) {
			if (has_durably(w, k, i, entry->term) ||
				c->now.lives[k] != w->nodes[k].life || w->nodes[k].rotten)
				set |= bit(k);
		}
		if (w->options.variant != PC_V5 && !pc_configuration_persists(c, set, NULL))
			check_violation(w,
				"committed is durable: entry %llu is committed and durable on %llx "
				"only",
				(unsigned long long)i, (unsigned long long)set);
	}
	w->committed_last = to;
	if (pc_replica_role(replica) == PC_LEADER)
		audit_commit(w, replica, to);
}

void check_apply(struct pc_simulation *w, uint32_t n, uint64_t index, const struct pc_entry *entry)
{
	struct committed *committed = &w->committed[index];
	uint64_t state = w->nodes[n].store.digest + 1;

	if (w->failed)
		return;
	if (entry_digest(entry) != committed->digest) {
		check_violation(w,
			"state machine safety: node %u applies another entry %llu than others", n,
			(unsigned long long)index);
		return;
	}
	if (committed->state == 0) {
		committed->state = state;
		world_hash(w, state);
	} else if (committed->state != state) {
		check_violation(w,
			"state machine safety: node %u has another state after entry %llu", n,
			(unsigned long long)index);
	}
}

void check_install(struct pc_simulation *w, uint32_t n, const struct stored_snapshot *snapshot)
{
	uint64_t index = snapshot->snapshot.index;

	if (index > w->committed_last)
		check_violation(
			w, "state machine safety: node %u installs what nobody committed", n);
	else if (w->committed[index].state &&
		 w->committed[index].state != snapshot->store.digest + 1)
		check_violation(w,
			"state machine safety: the snapshot of %llu is not the state there",
			(unsigned long long)index);
}

static bool is_same_rule(const struct pc_rule *a, const struct pc_rule *b)
{
	return a->voters == b->voters && a->total == b->total && a->need_per == b->need_per &&
	       a->need_vc == b->need_vc && memcmp(a->votes, b->votes, sizeof(a->votes)) == 0 &&
	       memcmp(a->lives, b->lives, sizeof(a->lives)) == 0;
}

/* The rule in force is what snapshot and log say, whatever was appended, truncated or lost before. */
void check_rule(struct pc_simulation *w, uint32_t n)
{
	const struct pc_replica *replica = w->nodes[n].replica;
	const struct pc_snapshot *snapshot = pc_replica_snapshot(replica);
	const struct pc_configuration *has = pc_replica_configuration(replica, NULL);
	struct pc_configuration said = snapshot->configuration;
	uint64_t last = pc_replica_last_index(replica);

	for (uint64_t i = snapshot->index + 1; i <= last; i++)
		apply_rule(&said, pc_replica_entry(replica, i));
	if (said.joint != has->joint || said.learners != has->learners ||
		!is_same_rule(&said.now, &has->now) ||
		(said.joint && !is_same_rule(&said.before, &has->before)))
		check_always(w, "rule: node %u goes by another than its log says", n);
}

/* ---- leaders ---- */

static void audit_election(struct pc_simulation *w, uint32_t n)
{
	struct audit *audit = audit_of(w, w->nodes[n].replica);
	uint64_t voters = pc_replica_supporters(w->nodes[n].replica);

	if (!audit || !note(audit->elections, &audit->election_count, voters))
		return;
	for (uint32_t i = 0; i < audit->commit_count; i++) {
		if (!(audit->commits[i] & voters))
			check_violation(w,
				"quorum intersection: %llx elect and do not have what %llx "
				"committed",
				(unsigned long long)voters, (unsigned long long)audit->commits[i]);
	}
	for (uint32_t i = 0; i < audit->election_count; i++) {
		if (!(audit->elections[i] & voters))
			check_violation(w,
				"quorum intersection: %llx and %llx elect without each other",
				(unsigned long long)voters,
				(unsigned long long)audit->elections[i]);
	}
}

/* A leader has all that leaders of earlier terms have committed; who is elected late owes nothing to later ones. */
static void check_completeness(struct pc_simulation *w, uint32_t n)
{
	const struct pc_replica *replica = w->nodes[n].replica;
	uint64_t from = pc_replica_snapshot(replica)->index + 1;
	uint64_t term = pc_replica_promise(replica).term;

	for (uint64_t i = from; i <= w->committed_last && w->committed[i].committed_in < term;
		i++) {
		if (i > pc_replica_last_index(replica)) {
			check_violation(w,
				"leader completeness: node %u leads and lacks the committed entry "
				"%llu",
				n, (unsigned long long)i);
			return;
		}
		if (entry_digest(pc_replica_entry(replica, i)) != w->committed[i].digest) {
			check_violation(w,
				"leader completeness: node %u leads and has another entry than the "
				"committed %llu",
				n, (unsigned long long)i);
			return;
		}
	}
}

void check_leader(struct pc_simulation *w, uint32_t n)
{
	const struct pc_replica *replica = w->nodes[n].replica;
	uint64_t term = pc_replica_promise(replica).term, voters = pc_replica_supporters(replica);

	w->report->elections++;
	world_hash(w, term << 8 | n);
	TRACE(w, "node %u leads term %llu, elected by %llx", n, (unsigned long long)term,
		(unsigned long long)voters);
	if (pc_replica_configuration(replica, NULL)->joint)
		world_saw(w, PC_SAW_JOINT_ELECTION);
	if (term >= TERMS_MAX) {
		w->overflow = w->failed = true;
		return;
	}
	if (w->leaders[term] && w->leaders[term] != n + 1)
		check_violation(w, "election safety: nodes %u and %u both lead term %llu", n,
			w->leaders[term] - 1, (unsigned long long)term);
	w->leaders[term] = n + 1;
	check_completeness(w, n);
	if (w->options.variant != PC_V5)
		audit_election(w, n);
	else if (voters != w->nodes[n].drawn)
		check_always(w, "committees: node %u leads by %llx, but %llx were drawn", n,
			(unsigned long long)voters, (unsigned long long)w->nodes[n].drawn);
}

/*
 * Every committee that is drawn to elect is a trial, whether it elects or not: of those that win, more have missed the
 * last commit than of those that were drawn, since nobody in them refuses.
 */
void check_campaign(struct pc_simulation *w, uint32_t n)
{
	uint64_t drawn = pc_replica_committee(w->nodes[n].replica);

	w->nodes[n].drawn = drawn;
	TRACE(w, "node %u campaigns with committee %llx", n, (unsigned long long)drawn);
	if (w->last_holders == 0)
		return;
	w->report->committee_trials++;
	w->report->committee_misses += (drawn & w->last_holders) == 0;
}

/* ---- states reached ---- */

/* One node as seen from afar: what it is, and how far it is behind the others. */
static uint64_t outline(
	const struct pc_simulation *w, uint32_t n, uint64_t max_term, uint64_t max_last)
{
	const struct node *node = &w->nodes[n];
	const struct pc_configuration *c = pc_replica_configuration(node->replica, NULL);
	uint64_t term = max_term - pc_replica_promise(node->replica).term;
	uint64_t last = max_last - pc_replica_last_index(node->replica);
	uint64_t open =
		pc_replica_last_index(node->replica) - pc_replica_commit_index(node->replica);

	if (!node->up)
		return 1;
	return 2 | (uint64_t)pc_replica_role(node->replica) << 2 | (uint64_t)c->joint << 4 |
	       (term < 3 ? term : 3) << 5 | (last < 3 ? last : 3) << 7 |
	       (open < 3 ? open : 3) << 9 |
	       (uint64_t)pc_configuration_is_voter(c, n, node->life) << 11;
}

/* Which node is which does not matter: outlines are sorted. */
void check_state(struct pc_simulation *w)
{
	uint64_t outlines[NODES_MAX], max_term = 0, max_last = 0, hash = 0;

	for (uint32_t n = 0; n < w->options.nodes; n++) {
		uint64_t term = pc_replica_promise(w->nodes[n].replica).term;
		uint64_t last = pc_replica_last_index(w->nodes[n].replica);

		max_term = term > max_term ? term : max_term;
		max_last = last > max_last ? last : max_last;
	}
	for (uint32_t n = 0; n < w->options.nodes; n++) {
		uint64_t word = outline(w, n, max_term, max_last);
		uint32_t at = n;

		for (; at > 0 && outlines[at - 1] > word; at--)
			outlines[at] = outlines[at - 1];
		outlines[at] = word;
	}
	for (uint32_t n = 0; n < w->options.nodes; n++)
		hash = hb_rng_mix(hash, outlines[n]);
	hash &= STATES - 1;
	w->report->states += !(w->states[hash / 64] >> hash % 64 & 1);
	w->states[hash / 64] |= (uint64_t)1 << hash % 64;
}

/* ---- the end ---- */

static void judge(struct pc_simulation *w)
{
	enum pc_judgement judgement;
	struct pc_judgement_reason reason;

	if (pc_history_judge(&w->history, PC_JUDGE_MEMORY_BYTES, &judgement, &reason)) {
		w->overflow = true;
		return;
	}
	if (judgement == PC_NOT_LINEARIZABLE)
		check_violation(w, "linearizability: no order explains operation %u on key %u",
			reason.line, reason.key);
	w->report->undecided += judgement == PC_UNDECIDED;
}

/*
 * Can anybody be elected at all? Not where so many voters have lost their disks that the others are no quorum: the node
 * with the best log knows the rule that counts.
 */
static bool may_elect(const struct pc_simulation *w)
{
	const struct pc_configuration *c = NULL;
	uint32_t lives[PC_REPLICAS_MAX] = {0};
	uint64_t best_term = 0, best_last = 0, up = 0;

	for (uint32_t n = 0; n < w->options.nodes; n++) {
		const struct pc_replica *replica = w->nodes[n].replica;
		uint64_t last = pc_replica_last_index(replica), term;

		if (!w->nodes[n].up)
			continue;
		up |= bit(n);
		lives[n] = w->nodes[n].life;
		term = last == pc_replica_snapshot(replica)->index
			       ? pc_replica_snapshot(replica)->term
			       : pc_replica_entry(replica, last)->term;
		if (c && (term < best_term || (term == best_term && last < best_last)))
			continue;
		best_term = term;
		best_last = last;
		c = pc_replica_configuration(replica, NULL);
	}
	return c && c->now.total > 0 && pc_configuration_vote(c, up, 0, lives) == PC_WON &&
	       pc_configuration_persists(c, up, lives);
}

void check_end(struct pc_simulation *w)
{
	if (!w->failed && w->options.variant != PC_V5 && !w->options.mission &&
		w->committed_last <= w->progress_from) {
		if (may_elect(w))
			check_violation(w, "liveness: nothing was committed in the quiet time");
		else
			world_saw(w, PC_SAW_STUCK);
	}
	client_finish_all(w);
	if (!w->failed && w->options.linearizable)
		judge(w);
	w->history.count = 0;
}
