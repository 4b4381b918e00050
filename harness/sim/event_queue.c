/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event queue: a monotone radix heap whose digits adapt to the density of events and whose small buckets are sorted
 * instead of split (design and measurements: docs/design/event-queue.md).
 *
 * The bits of a time are grouped into digits of at most 10 bits. An event lies at the level of the highest digit
 * in which its time differs from @base, in the bucket of that digit, so all buckets of a lower level are earlier.
 * To pop, the first bucket is opened: with few events it is sorted into @bottom; with many, @base moves to its
 * start, the bits below are grouped anew so that a bucket of the next level gets about SPREAD_GOAL events, and its
 * events are spread over that level. No width is preset or tuned: each stretch of time is divided as finely as its
 * own events ask for.
 *
 * Stable order needs no serial in the entries: all pending events of one time are always in one place (one bucket, or
 * the bottom), and each place keeps the order of arrival, also while it is spread.
 *
 * Invariants: base <= now between calls, so every new event has a place. Every event of the bottom is before
 * bottom_end, every event of a bucket at or after it. No event is at a level below that of @finest_bit. A slot
 * belongs to its entry until the entry is met, even when cancelled; cancelled entries are swept before they
 * outnumber the live ones.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <hotbed/assert.h>
#include <hotbed/error.h>
#include <hotbed/sim.h>

enum {
	TIME_BITS = 63,
	DIGIT_BITS = 10, /* widest digit: used where it saves a level */
	NARROW_BITS = 7, /* of digits that have another below them */
	BUCKETS = 1 << DIGIT_BITS,
	WORDS = BUCKETS / 64,
	LEVELS = 64, /* named by the lowest bit of their digit; digits in use do not overlap */
	BUCKETS_USED = (TIME_BITS + DIGIT_BITS - 1) / DIGIT_BITS * BUCKETS, /* at the same time */
	INLINE = 15, /* entries in the bucket itself; larger buckets are spread, not sorted */
	CHUNK_BITS = 3,
	CHUNK = 1 << CHUNK_BITS, /* entries that lie together: two cache lines */
	SPREAD_GOAL = 12,        /* events a bucket should get when one is spread, at most */
	BOTTOM_MAX = 64,         /* the bottom is spread when it would grow beyond this */
	BOTTOM_SPACE = 2 * BOTTOM_MAX,
	PACE_EVENTS = 32, /* measured over at least so many */
	SWEEP_MIN = 1024, /* cancelled entries that are not worth a sweep */
};

#define NONE UINT32_MAX

struct entry {
	int64_t time_ns;
	uint32_t slot;
};

/* A list of entries: the first ones inline, then chunks. An empty bucket is all zero but for old entries. */
struct bucket {
	uint32_t count; /* entries, those of @taken included */
	uint32_t taken; /* inline entries taken from the front: level 0 only */
	uint32_t head;  /* first entry in the chunks, ... */
	uint32_t tail;  /* ... and where the next goes; both valid if count > INLINE */
	struct entry inlined[INLINE];
};

/* What a pending event is. A free slot has serial 0 and links to the next free one in @argument. */
struct slot {
	hb_event_fn *handler;
	void *object;
	uint64_t argument;
	uint64_t serial; /* 0 = free or cancelled */
};

struct hb_event_queue {
	int64_t now_ns;
	uint64_t base;       /* times are placed by how they differ from this */
	uint64_t bottom_end; /* events before this time go to the bottom */
	uint64_t finest_bit; /* 1 << the lowest level in use */
	uint32_t bottom_head, bottom_tail;
	uint32_t bottom_width;            /* level of the bucket that the bottom came from */
	uint32_t free_slot, fresh_slot;   /* list of used slots; slots never used start here */
	uint32_t free_chunk, fresh_chunk; /* likewise */
	uint32_t capacity, chunk_count;
	size_t entries_count; /* live and cancelled */
	size_t cancelled;
	uint64_t serial;
	unsigned int pace_level; /* log2 of the time that SPREAD_GOAL events took of late */
	int64_t pace_now_ns;     /* where that was last measured, ... */
	uint64_t pace_removed;   /* ... and the number of events that had left by then */
	uint64_t moved;          /* events moved between levels since the last regrouping */
	struct slot *slots;
	struct entry *entries; /* shape [chunk_count][CHUNK] */
	uint32_t *next_chunk;  /* shape [chunk_count] */
	size_t slots_bytes, entries_bytes, next_bytes;
	struct bucket (*buckets)[BUCKETS]; /* shape [LEVELS] */
	uint64_t levels;                   /* bit set: the level has events */
	uint32_t words[LEVELS];            /* bit set: that word of occupied[] is not 0 */
	uint64_t occupied[LEVELS][WORDS];  /* bit set: the bucket has events */
	uint8_t level_of_bit
		[64]; /* the level whose digit holds this bit; valid from the finest level up */
	struct entry bottom[BOTTOM_SPACE]; /* sorted, head ... tail */
};

#define BUCKETS_BYTES (LEVELS * sizeof(struct bucket[BUCKETS]))

/*
 * Pages come from mmap, zeroed and untouched until used, on huge pages where the kernel gives them: at a million events
 * a slot is otherwise a TLB miss.
 */
static void *pages_map(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	(void)madvise(pages, bytes, MADV_HUGEPAGE);
	return pages;
}

static void pages_unmap(void *pages, size_t bytes)
{
	if (pages)
		(void)munmap(pages, bytes);
}

/* Chunks for @capacity entries when every bucket wastes up to a chunk at its tail, and those of level 0 at the head. */
static uint32_t chunks_needed(size_t capacity)
{
	return (uint32_t)(capacity / CHUNK + BUCKETS_USED + BUCKETS + 2);
}

int hb_event_queue_reserve(struct hb_event_queue *queue, size_t capacity, struct hb_error *reterr)
{
	struct slot *slots;
	struct entry *entries;
	uint32_t *next_chunk;
	uint32_t chunk_count;
	size_t slots_bytes, entries_bytes, next_bytes;

	if (capacity < 1 || capacity > HB_EVENT_QUEUE_CAPACITY_MAX)
		return hb_error_set(reterr, -EINVAL,
			"event queue: a capacity of %zu events is out of range; use 1 to %zu",
			capacity, HB_EVENT_QUEUE_CAPACITY_MAX);
	if (capacity <= queue->capacity)
		return 0;
	chunk_count = chunks_needed(capacity);
	slots_bytes = capacity * sizeof(*slots);
	entries_bytes = (size_t)chunk_count * CHUNK * sizeof(*entries);
	next_bytes = chunk_count * sizeof(*next_chunk);
	slots = pages_map(slots_bytes);
	entries = pages_map(entries_bytes);
	next_chunk = pages_map(next_bytes);
	if (!slots || !entries || !next_chunk) {
		pages_unmap(slots, slots_bytes);
		pages_unmap(entries, entries_bytes);
		pages_unmap(next_chunk, next_bytes);
		return hb_error_set(reterr, -ENOMEM,
			"event queue: no memory for %zu events (%zu bytes); lower the capacity",
			capacity, slots_bytes + entries_bytes + next_bytes);
	}
	if (queue->capacity) {
		memcpy(slots, queue->slots, queue->fresh_slot * sizeof(*slots));
		memcpy(entries, queue->entries,
			(size_t)queue->fresh_chunk * CHUNK * sizeof(*entries));
		memcpy(next_chunk, queue->next_chunk, queue->fresh_chunk * sizeof(*next_chunk));
	}
	pages_unmap(queue->slots, queue->slots_bytes);
	pages_unmap(queue->entries, queue->entries_bytes);
	pages_unmap(queue->next_chunk, queue->next_bytes);
	queue->slots = slots;
	queue->entries = entries;
	queue->next_chunk = next_chunk;
	queue->slots_bytes = slots_bytes;
	queue->entries_bytes = entries_bytes;
	queue->next_bytes = next_bytes;
	queue->capacity = (uint32_t)capacity;
	queue->chunk_count = chunk_count;
	return 0;
}

int hb_event_queue_create(size_t capacity, struct hb_event_queue **ret, struct hb_error *reterr)
{
	struct hb_event_queue *queue = calloc(1, sizeof(*queue));
	int result;

	if (!queue)
		return hb_error_set(reterr, -ENOMEM, "event queue: no memory; free some");
	/* Only the pages of buckets in use are ever touched. */
	queue->buckets = mmap(NULL, BUCKETS_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (queue->buckets == MAP_FAILED) {
		free(queue);
		return hb_error_set(reterr, -ENOMEM, "event queue: no memory; free some");
	}
	result = hb_event_queue_reserve(queue, capacity, reterr);
	if (result < 0) {
		hb_event_queue_destroy(queue);
		return result;
	}
	hb_event_queue_clear(queue);
	*ret = queue;
	return 0;
}

void hb_event_queue_destroy(struct hb_event_queue *queue)
{
	if (!queue)
		return;
	pages_unmap(queue->slots, queue->slots_bytes);
	pages_unmap(queue->entries, queue->entries_bytes);
	pages_unmap(queue->next_chunk, queue->next_bytes);
	pages_unmap(queue->buckets, BUCKETS_BYTES);
	free(queue);
}

/* Group the bits @from ... TIME_BITS - 1 or @to - 1 into digits of DIGIT_BITS, counted from @from. */
static inline void digits_group(struct hb_event_queue *queue, unsigned int from, unsigned int to)
{
	unsigned int level = from;

	for (unsigned int bit = from; bit < to; bit++) {
		if (bit == level + DIGIT_BITS)
			level = bit;
		queue->level_of_bit[bit] = (uint8_t)level;
	}
}

/* Number of the highest bit set, 0 if there is none. */
static inline unsigned int highest_bit(uint64_t bits)
{
	return 63 - (unsigned int)__builtin_clzll(bits | 1);
}

static inline void bucket_vacate(
	struct hb_event_queue *queue, unsigned int level, unsigned int digit)
{
	queue->buckets[level][digit].count = 0;
	queue->buckets[level][digit].taken = 0;
	queue->occupied[level][digit / 64] &= ~(1ULL << digit % 64);
	if (queue->occupied[level][digit / 64])
		return;
	queue->words[level] &= ~(1U << digit / 64);
	if (!queue->words[level])
		queue->levels &= ~(1ULL << level);
}

/* The first bucket of a level that has events. */
static inline unsigned int first_digit(const struct hb_event_queue *queue, unsigned int level)
{
	unsigned int word = (unsigned int)__builtin_ctz(queue->words[level]);

	return word * 64 + (unsigned int)__builtin_ctzll(queue->occupied[level][word]);
}

void hb_event_queue_clear(struct hb_event_queue *queue)
{
	while (queue->levels) {
		unsigned int level = (unsigned int)__builtin_ctzll(queue->levels);

		bucket_vacate(queue, level, first_digit(queue, level));
	}
	queue->pace_level = TIME_BITS;
	queue->pace_now_ns = 0;
	queue->moved = 0;
	queue->pace_removed = queue->serial;
	queue->now_ns = 0;
	queue->base = 0;
	queue->bottom_end = 0;
	queue->finest_bit = 1;
	digits_group(queue, 0, TIME_BITS);
	queue->bottom_head = queue->bottom_tail = 0;
	queue->bottom_width = 0;
	queue->free_slot = queue->free_chunk = NONE;
	queue->fresh_slot = queue->fresh_chunk = 0;
	queue->entries_count = queue->cancelled = 0;
}

static inline uint32_t chunk_take(struct hb_event_queue *queue)
{
	uint32_t chunk = queue->free_chunk;

	if (chunk != NONE) {
		queue->free_chunk = queue->next_chunk[chunk];
		return chunk;
	}
	hb_assert(queue->fresh_chunk < queue->chunk_count);
	return queue->fresh_chunk++;
}

static inline void chunk_give(struct hb_event_queue *queue, uint32_t chunk)
{
	queue->next_chunk[chunk] = queue->free_chunk;
	queue->free_chunk = chunk;
}

static inline void slot_give(struct hb_event_queue *queue, uint32_t index)
{
	queue->slots[index].argument = queue->free_slot;
	queue->free_slot = index;
	queue->entries_count--;
}

/* Room for entry number @index >= INLINE of a bucket. */
static __attribute__((noinline)) struct entry *bucket_extend(
	struct hb_event_queue *queue, struct bucket *bucket, uint32_t index)
{
	if (index == INLINE) {
		bucket->head = bucket->tail = chunk_take(queue) << CHUNK_BITS;
	} else if (!(bucket->tail & (CHUNK - 1))) {
		uint32_t chunk = chunk_take(queue);

		queue->next_chunk[(bucket->tail - 1) >> CHUNK_BITS] = chunk;
		bucket->tail = chunk << CHUNK_BITS;
	}
	return &queue->entries[bucket->tail++];
}

static inline __attribute__((always_inline)) void bucket_append(struct hb_event_queue *queue,
	unsigned int level, unsigned int digit, int64_t time_ns, uint32_t slot)
{
	struct bucket *bucket = &queue->buckets[level][digit];
	uint32_t index = bucket->count++;
	struct entry *entry;

	queue->levels |= 1ULL << level;
	queue->words[level] |= 1U << digit / 64;
	queue->occupied[level][digit / 64] |= 1ULL << digit % 64;
	if (index < INLINE)
		entry = &bucket->inlined[index];
	else
		entry = bucket_extend(queue, bucket, index);
	entry->time_ns = time_ns;
	entry->slot = slot;
}

/* Append to the bucket that @time_ns >= bottom_end belongs to. */
static inline __attribute__((always_inline)) void place(
	struct hb_event_queue *queue, int64_t time_ns, uint32_t slot)
{
	uint64_t difference = ((uint64_t)time_ns ^ queue->base) | queue->finest_bit;
	unsigned int level = queue->level_of_bit[63 - (unsigned int)__builtin_clzll(difference)];

	bucket_append(queue, level, (uint64_t)time_ns >> level & (BUCKETS - 1), time_ns, slot);
}

/* How finely time must be divided for SPREAD_GOAL events per bucket, judging by how fast events left lately. */
static unsigned int pace_measure(struct hb_event_queue *queue)
{
	uint64_t removed = queue->serial - queue->entries_count;

	if (removed - queue->pace_removed >= PACE_EVENTS) {
		uint64_t gap_ns = (uint64_t)(queue->now_ns - queue->pace_now_ns) /
				  (removed - queue->pace_removed);

		/* A gap of 2^58 ns is nine years. */
		gap_ns = gap_ns < 1ULL << 58 ? gap_ns | 1 : 1ULL << 58;
		queue->pace_level = highest_bit(gap_ns * SPREAD_GOAL);
		queue->pace_now_ns = queue->now_ns;
		queue->pace_removed = removed;
	}
	return queue->pace_level;
}

/*
 * Let times be placed by their difference from @base, whose bits below @width are free: all levels below are empty.
 * @count events are about to be placed that agree with @base above bit @highest < @width. The digit that ends at
 * @highest gets enough bits for SPREAD_GOAL events per bucket, both of those @count and of those still to come.
 */
static void levels_divide(struct hb_event_queue *queue, uint64_t base, unsigned int width,
	unsigned int highest, uint32_t count)
{
	unsigned int pace = pace_measure(queue);
	unsigned int bits = 1;
	unsigned int finest;

	while (count > (uint32_t)SPREAD_GOAL << bits)
		bits++;
	if (highest + 1 > pace && highest + 1 - pace > bits)
		bits = highest + 1 - pace;
	if (bits > DIGIT_BITS)
		bits = NARROW_BITS;
	finest = highest + 1 > bits ? highest + 1 - bits : 0;
	digits_group(queue, finest, highest + 1);
	digits_group(queue, highest + 1, width);
	queue->finest_bit = 1ULL << finest;
	queue->base = base;
	queue->bottom_end = base;
}

/*
 * The bottom got too long for sorted insertion: spread it over the levels below the bucket it came from. Its events are
 * at or after now, so now can be the base.
 */
static void bottom_spread(struct hb_event_queue *queue)
{
	const struct entry *bottom = &queue->bottom[queue->bottom_head];
	uint32_t count = queue->bottom_tail - queue->bottom_head;
	uint64_t base = (uint64_t)queue->now_ns;
	uint64_t last = (uint64_t)bottom[count - 1].time_ns;

	levels_divide(queue, base, queue->bottom_width, highest_bit(last ^ base), count);
	for (uint32_t i = 0; i < count; i++)
		place(queue, bottom[i].time_ns, bottom[i].slot);
	queue->bottom_head = queue->bottom_tail = 0;
}

/* Put an event behind all of the bottom that are not later. */
static __attribute__((noinline)) void bottom_insert(
	struct hb_event_queue *queue, int64_t time_ns, uint32_t slot)
{
	uint32_t length = queue->bottom_tail - queue->bottom_head;
	struct entry *at;

	if (length == BOTTOM_MAX) {
		bottom_spread(queue);
		place(queue, time_ns, slot);
		return;
	}
	if (queue->bottom_tail == BOTTOM_SPACE) {
		memmove(queue->bottom, &queue->bottom[queue->bottom_head],
			length * sizeof(struct entry));
		queue->bottom_head = 0;
		queue->bottom_tail = length;
	}
	at = &queue->bottom[queue->bottom_tail++];
	while (at > &queue->bottom[queue->bottom_head] && at[-1].time_ns > time_ns) {
		*at = at[-1];
		at--;
	}
	at->time_ns = time_ns;
	at->slot = slot;
}

/* Drop the cancelled ones among @count entries, keeping the order; returns how many stay. */
static uint32_t entries_sweep(struct hb_event_queue *queue, struct entry *entries, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (queue->slots[entries[i].slot].serial)
			entries[kept++] = entries[i];
		else
			slot_give(queue, entries[i].slot);
	}
	return kept;
}

/* Rebuild one bucket from its live entries, in the same order. */
static void bucket_sweep(struct hb_event_queue *queue, unsigned int level, unsigned int digit)
{
	struct bucket old = queue->buckets[level][digit];
	uint32_t left = old.count - old.taken;
	struct entry *entries = &old.inlined[old.taken];
	uint32_t length = INLINE - old.taken;
	uint32_t at = old.head;
	uint32_t next;
	struct entry copy[CHUNK];

	bucket_vacate(queue, level, digit);
	while (left) {
		if (length > left)
			length = left;
		left -= length;
		length = entries_sweep(queue, entries, length);
		for (uint32_t i = 0; i < length; i++)
			bucket_append(queue, level, digit, entries[i].time_ns, entries[i].slot);
		if (!left)
			break;
		/* A chunk is copied and given back first: the appends above need as many as were given. */
		length = CHUNK - (at & (CHUNK - 1));
		memcpy(copy, &queue->entries[at], length * sizeof(*copy));
		entries = copy;
		next = queue->next_chunk[at >> CHUNK_BITS];
		chunk_give(queue, at >> CHUNK_BITS);
		at = next << CHUNK_BITS;
	}
}

/* Give back the slots of all cancelled events. Linear in the entries; paid for by the cancels since the last one. */
static __attribute__((noinline)) void sweep(struct hb_event_queue *queue)
{
	uint64_t levels = queue->levels;

	queue->bottom_tail =
		queue->bottom_head + entries_sweep(queue, &queue->bottom[queue->bottom_head],
					     queue->bottom_tail - queue->bottom_head);
	for (; levels; levels &= levels - 1) {
		unsigned int level = (unsigned int)__builtin_ctzll(levels);
		uint32_t words = queue->words[level];

		for (; words; words &= words - 1) {
			unsigned int word = (unsigned int)__builtin_ctz(words);
			uint64_t digits = queue->occupied[level][word];

			for (; digits; digits &= digits - 1)
				bucket_sweep(queue, level,
					word * 64 + (unsigned int)__builtin_ctzll(digits));
		}
	}
	queue->cancelled = 0;
}

static int slot_take(struct hb_event_queue *queue, uint32_t *ret)
{
	if (queue->free_slot == NONE && queue->fresh_slot == queue->capacity) {
		if (!queue->cancelled)
			return -ENOSPC;
		sweep(queue);
	}
	if (queue->free_slot != NONE) {
		*ret = queue->free_slot;
		queue->free_slot = (uint32_t)queue->slots[*ret].argument;
	} else {
		*ret = queue->fresh_slot++;
	}
	queue->entries_count++;
	return 0;
}

int hb_event_queue_insert(struct hb_event_queue *queue, int64_t time_ns, hb_event_fn *handler,
	void *object, uint64_t argument, struct hb_event_id *ret_id)
{
	struct slot *slot;
	uint32_t index;

	if (time_ns < queue->now_ns)
		return -EINVAL;
	if (slot_take(queue, &index) < 0)
		return -ENOSPC;
	slot = &queue->slots[index];
	slot->handler = handler;
	slot->object = object;
	slot->argument = argument;
	slot->serial = ++queue->serial;
	if ((uint64_t)time_ns < queue->bottom_end)
		bottom_insert(queue, time_ns, index);
	else
		place(queue, time_ns, index);
	if (ret_id) {
		ret_id->serial = slot->serial;
		ret_id->slot = index;
	}
	return 0;
}

int hb_event_queue_cancel(struct hb_event_queue *queue, struct hb_event_id id)
{
	if (!id.serial || id.slot >= queue->fresh_slot || queue->slots[id.slot].serial != id.serial)
		return -ESTALE;
	queue->slots[id.slot].serial = 0;
	queue->cancelled++;
	if (queue->cancelled > SWEEP_MIN && queue->cancelled > queue->entries_count / 2)
		sweep(queue);
	return 0;
}

/* Sort a small bucket, inline as a whole, into the empty bottom. */
static void bucket_to_bottom(
	struct hb_event_queue *queue, const struct bucket *bucket, uint32_t count)
{
	const struct entry *entries = bucket->inlined;
	uint32_t rank[INLINE];

	/* Ranks from all pairs: no branch depends on the times, which would be a misprediction per event. */
	for (uint32_t i = 0; i < count; i++) {
		uint32_t before = 0;

		__builtin_prefetch(&queue->slots[entries[i].slot], 1);
		for (uint32_t j = 0; j < i; j++) {
			uint32_t later = entries[j].time_ns > entries[i].time_ns;

			rank[j] += later;
			before += 1 - later;
		}
		rank[i] = before;
	}
	for (uint32_t i = 0; i < count; i++)
		queue->bottom[rank[i]] = entries[i];
	queue->bottom_head = 0;
	queue->bottom_tail = count;
}

/* Move the @count events of a bucket that has been vacated to their places under the new base. */
static void bucket_spread(struct hb_event_queue *queue, const struct bucket *bucket, uint32_t count)
{
	uint32_t at = bucket->head;
	uint32_t first = count < INLINE ? count : INLINE;
	uint32_t left = count - first;

	queue->moved += count;
	for (uint32_t i = 0; i < first; i++)
		place(queue, bucket->inlined[i].time_ns, bucket->inlined[i].slot);
	while (left) {
		uint32_t chunk = at >> CHUNK_BITS;
		uint32_t next = queue->next_chunk[chunk];
		uint32_t length = left < CHUNK ? left : CHUNK;

		left -= length;
		if (left)
			__builtin_prefetch(&queue->entries[(size_t)next << CHUNK_BITS]);
		for (; length; length--, at++)
			place(queue, queue->entries[at].time_ns, queue->entries[at].slot);
		chunk_give(queue, chunk);
		at = next << CHUNK_BITS;
	}
}

/*
 * The highest bit in which the @count > INLINE events of a bucket of @level differ, 0 if they are all equal. Stops as
 * soon as it is level - 1, so only buckets whose events lie close together are read in full.
 */
static unsigned int bucket_highest_bit(const struct hb_event_queue *queue,
	const struct bucket *bucket, uint32_t count, unsigned int level)
{
	uint64_t first = (uint64_t)bucket->inlined[0].time_ns;
	uint64_t difference = 0;
	uint32_t at = bucket->head;

	for (uint32_t i = 1; i < INLINE; i++)
		difference |= (uint64_t)bucket->inlined[i].time_ns ^ first;
	for (uint32_t left = count - INLINE; left && !(difference >> (level - 1)); left--) {
		difference |= (uint64_t)queue->entries[at].time_ns ^ first;
		if (!(++at & (CHUNK - 1)))
			at = queue->next_chunk[(at - 1) >> CHUNK_BITS] << CHUNK_BITS;
	}
	return highest_bit(difference);
}

/*
 * Does the digit of @level start too high? When its bucket is wider than SPREAD_GOAL events and yet one digit could
 * reach further, every event is moved twice where once would do. Regrouping moves what the level holds, so it waits
 * until as many events have been moved anyway.
 */
static bool level_is_coarse(struct hb_event_queue *queue, unsigned int level)
{
	unsigned int pace = pace_measure(queue);

	return level > pace && level < pace + DIGIT_BITS && queue->moved >= queue->entries_count;
}

/* Move all events of the first level with events to finer digits; @start is the beginning of its first bucket. */
static void level_regroup(struct hb_event_queue *queue, unsigned int level, uint64_t start)
{
	unsigned int top = level;

	while (top < TIME_BITS && queue->level_of_bit[top] == level)
		top++;
	digits_group(queue, queue->pace_level, top);
	queue->finest_bit = 1ULL << queue->pace_level;
	queue->base = start;
	queue->bottom_end = start;
	while (queue->levels & 1ULL << level) {
		unsigned int digit = first_digit(queue, level);
		const struct bucket *bucket = &queue->buckets[level][digit];
		uint32_t count = bucket->count;

		bucket_vacate(queue, level, digit);
		bucket_spread(queue, bucket, count);
	}
	queue->moved = 0;
}

/*
 * Open the first bucket, bottom and level 0 being empty. A bucket that begins after @limit_ns stays closed: base must
 * not pass a time at which events can still be inserted. Returns whether one was opened.
 */
static __attribute__((noinline)) bool first_bucket_open(
	struct hb_event_queue *queue, int64_t limit_ns)
{
	unsigned int level, digit, highest;
	const struct bucket *bucket;
	uint64_t start, base;
	uint32_t count;

	if (!queue->levels) {
		/* Buckets of cancelled events may have been opened ahead of now. */
		if (queue->base > (uint64_t)queue->now_ns)
			queue->base = queue->bottom_end = (uint64_t)queue->now_ns;
		return false;
	}
	level = (unsigned int)__builtin_ctzll(queue->levels);
	digit = first_digit(queue, level);
	bucket = &queue->buckets[level][digit];
	start = (uint64_t)bucket->inlined[0].time_ns >> level << level;
	if (start > (uint64_t)limit_ns)
		return false;
	count = bucket->count;
	if (count > INLINE && level_is_coarse(queue, level)) {
		level_regroup(queue, level, start);
		return true;
	}
	bucket_vacate(queue, level, digit);
	if (count <= INLINE) {
		queue->base = start;
		queue->bottom_end = start + (1ULL << level);
		queue->bottom_width = level;
		bucket_to_bottom(queue, bucket, count);
		return true;
	}
	highest = bucket_highest_bit(queue, bucket, count, level);
	base = (uint64_t)bucket->inlined[0].time_ns >> highest >> 1 << highest << 1;
	if (base > (uint64_t)limit_ns) {
		base = start;
		highest = level - 1;
	}
	levels_divide(queue, base, level, highest, count);
	bucket_spread(queue, bucket, count);
	return true;
}

/* Take the first event of level 0, all of whose buckets are one nanosecond wide, unless it is after @limit_ns. */
static inline bool level0_take(struct hb_event_queue *queue, int64_t limit_ns, struct entry *ret)
{
	unsigned int digit = first_digit(queue, 0);
	struct bucket *bucket = &queue->buckets[0][digit];
	uint32_t chunk = bucket->head >> CHUNK_BITS;

	if (bucket->inlined[0].time_ns > limit_ns)
		return false;
	if (bucket->taken < INLINE) {
		*ret = bucket->inlined[bucket->taken++];
		if (bucket->taken == bucket->count)
			bucket_vacate(queue, 0, digit);
		return true;
	}
	*ret = queue->entries[bucket->head++];
	if (--bucket->count == INLINE) {
		bucket_vacate(queue, 0, digit);
		chunk_give(queue, chunk);
	} else if (!(bucket->head & (CHUNK - 1))) {
		bucket->head = queue->next_chunk[chunk] << CHUNK_BITS;
		chunk_give(queue, chunk);
	}
	return true;
}

bool hb_event_queue_pop(struct hb_event_queue *queue, int64_t limit_ns, struct hb_event *ret)
{
	if (limit_ns < queue->now_ns)
		return false;
	for (;;) {
		struct entry entry;
		struct slot *slot;

		if (queue->bottom_head < queue->bottom_tail) {
			entry = queue->bottom[queue->bottom_head];
			if (entry.time_ns > limit_ns)
				break;
			queue->bottom_head++;
		} else if (queue->levels & 1) {
			if (!level0_take(queue, limit_ns, &entry))
				break;
		} else if (first_bucket_open(queue, limit_ns)) {
			continue;
		} else {
			break;
		}
		slot = &queue->slots[entry.slot];
		if (!slot->serial) {
			queue->cancelled--;
			slot_give(queue, entry.slot);
			continue;
		}
		ret->time_ns = entry.time_ns;
		ret->handler = slot->handler;
		ret->object = slot->object;
		ret->argument = slot->argument;
		slot->serial = 0;
		slot_give(queue, entry.slot);
		queue->now_ns = entry.time_ns;
		return true;
	}
	if (limit_ns != INT64_MAX && limit_ns > queue->now_ns)
		queue->now_ns = limit_ns;
	return false;
}

size_t hb_event_queue_count(const struct hb_event_queue *queue)
{
	return queue->entries_count - queue->cancelled;
}

int64_t hb_event_queue_now_ns(const struct hb_event_queue *queue)
{
	return queue->now_ns;
}
