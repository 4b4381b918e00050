/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "spork/store.h"

#include <stddef.h>
#include <sys/stat.h>

#define PROBES 16
#define STREAK_MAX 10U /* at most 2^10 forks pass between two attempts */

SPORK_FAST static uint64_t checksum(const uint64_t key[2], uint32_t verdict)
{
	uint64_t sum = SPORK_STORE_MAGIC ^ verdict;

	for (int i = 0; i < 2; i++) {
		sum ^= key[i];
		sum *= 0x9e3779b97f4a7c15ULL;
		sum ^= sum >> 29;
	}
	return sum;
}

SPORK_FAST static struct spork_store_entry *slot(
	struct spork_store *store, const uint64_t key[2], uint32_t i)
{
	return &store->entries[(key[0] + i) % SPORK_STORE_ENTRIES];
}

SPORK_FAST struct spork_store_entry *spork_store_find(
	struct spork_store *store, const uint64_t key[2])
{
	for (uint32_t i = 0; i < PROBES; i++) {
		struct spork_store_entry *entry = slot(store, key, i);
		uint64_t first = __atomic_load_n(&entry->key[0], __ATOMIC_ACQUIRE);

		if (first == 0)
			return NULL;
		if (first == key[0] && entry->key[1] == key[1] &&
			entry->verdict <= SPORK_VERDICT_SHARED &&
			__atomic_load_n(&entry->checksum, __ATOMIC_ACQUIRE) ==
				checksum(key, entry->verdict))
			return entry;
	}
	return NULL;
}

void spork_store_set(struct spork_store_entry *entry, enum spork_verdict verdict)
{
	/* In between the entry does not check, so nobody acts on it. */
	__atomic_store_n(&entry->checksum, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&entry->verdict, verdict, __ATOMIC_RELEASE);
	__atomic_store_n(&entry->checksum, checksum(entry->key, verdict), __ATOMIC_RELEASE);
}

SPORK_FAST struct spork_store_entry *spork_store_insert(
	struct spork_store *store, const uint64_t key[2], enum spork_verdict verdict)
{
	struct spork_store_entry *found = spork_store_find(store, key);

	for (uint32_t i = 0; !found && i < PROBES; i++) {
		struct spork_store_entry *entry = slot(store, key, i);
		uint64_t expected = 0;

		/* A damaged entry of this very key is written anew. */
		if (!__atomic_compare_exchange_n(&entry->key[0], &expected, key[0], false,
			    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) &&
			(expected != key[0] || entry->key[1] != key[1]))
			continue;
		entry->key[1] = key[1];
		entry->converted = entry->aborted = entry->streak = entry->skip = 0;
		entry->recipe_faults = 0;
		spork_store_set(entry, verdict);
		found = entry;
	}
	return found;
}

SPORK_FAST int spork_store_admit(struct spork_store_entry *entry)
{
	uint32_t skip = __atomic_load_n(&entry->skip, __ATOMIC_RELAXED);

	if (skip == 0)
		return 1;
	(void)__atomic_compare_exchange_n(
		&entry->skip, &skip, skip - 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return 0;
}

SPORK_FAST void spork_store_converted(struct spork_store_entry *entry)
{
	(void)__atomic_fetch_add(&entry->converted, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->streak, 0, __ATOMIC_RELAXED);
}

void spork_store_aborted(struct spork_store_entry *entry, uint32_t reason)
{
	uint32_t streak = __atomic_add_fetch(&entry->streak, 1, __ATOMIC_RELAXED);

	(void)__atomic_fetch_add(&entry->aborted, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->last_reason, reason, __ATOMIC_RELAXED);
	/* One abort may be chance; after that the pauses double. */
	if (streak >= 2)
		__atomic_store_n(&entry->skip,
			1U << (streak - 1 < STREAK_MAX ? streak - 1 : STREAK_MAX),
			__ATOMIC_RELAXED);
}

void spork_store_doubt(struct spork_store_entry *entry)
{
	__atomic_store_n(&entry->streak, STREAK_MAX + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->skip, 1U << STREAK_MAX, __ATOMIC_RELAXED);
}

bool spork_store_verified(const struct spork_store *store, uint64_t stamp)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		const uint64_t *at = &store->verified[(stamp + i) % SPORK_STORE_FILES];

		if (__atomic_load_n(at, __ATOMIC_ACQUIRE) == stamp)
			return true;
	}
	return false;
}

void spork_store_set_verified(struct spork_store *store, uint64_t stamp)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		uint64_t *at = &store->verified[(stamp + i) % SPORK_STORE_FILES];
		uint64_t expected = 0;

		if (__atomic_compare_exchange_n(
			    at, &expected, stamp, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ||
			expected == stamp)
			return;
	}
	__atomic_store_n(&store->verified[stamp % SPORK_STORE_FILES], stamp, __ATOMIC_RELEASE);
}

/* No program can set the time of change: who replaces or alters a file gets another stamp. Bit 0 is free. */
SPORK_START static uint64_t stamp_of(const struct stat *status)
{
	const uint64_t words[] = {status->st_dev, status->st_ino, (uint64_t)status->st_size,
		(uint64_t)status->st_ctim.tv_sec, (uint64_t)status->st_ctim.tv_nsec};
	uint64_t stamp = SPORK_STORE_MAGIC;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		stamp = (stamp ^ words[i]) * 0xff51afd7ed558ccdULL;
		stamp ^= stamp >> 32;
	}
	return (stamp | 2) & ~1ULL;
}

SPORK_START enum spork_program spork_store_program(
	const uint64_t programs[SPORK_STORE_PROGRAMS], const struct stat *status)
{
	uint64_t stamp = stamp_of(status);

	for (uint32_t i = 0; i < PROBES; i++) {
		uint64_t found = __atomic_load_n(
			&programs[((stamp >> 1) + i) % SPORK_STORE_PROGRAMS], __ATOMIC_ACQUIRE);

		if ((found & ~1ULL) == stamp)
			return found & 1 ? SPORK_PROGRAM_LEAF : SPORK_PROGRAM_STARTS;
		if (found == 0)
			break;
	}
	return SPORK_PROGRAM_UNKNOWN;
}

void spork_store_set_program(uint64_t programs[SPORK_STORE_PROGRAMS], const struct stat *status,
	enum spork_program program)
{
	uint64_t stamp = stamp_of(status), value = stamp | (program == SPORK_PROGRAM_LEAF);

	for (uint32_t i = 0; i < PROBES; i++) {
		uint64_t *at = &programs[((stamp >> 1) + i) % SPORK_STORE_PROGRAMS];
		uint64_t expected = 0;

		if (__atomic_compare_exchange_n(
			    at, &expected, value, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return;
		if ((expected & ~1ULL) == stamp) {
			__atomic_store_n(at, value, __ATOMIC_RELEASE);
			return;
		}
	}
	__atomic_store_n(&programs[(stamp >> 1) % SPORK_STORE_PROGRAMS], value, __ATOMIC_RELEASE);
}
