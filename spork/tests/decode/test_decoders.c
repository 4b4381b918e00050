/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capstone and Zydis over all functions of whole programs and libraries: each is the other's oracle. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/error.h>

#include <spork/decoder.h>
#include <spork/image.h>

#define SHOWN_MAX 20

struct comparison {
	struct spork_decoder_state *capstone, *zydis;
	uint64_t instructions;
	uint64_t contested, zydis_only, neither; /* contested: known to one, and not as expected */
	uint64_t lengths, kinds, targets, conditions, operations, writes;
	int shown;
};

static void show(
	struct comparison *c, const char *what, const uint8_t *bytes, size_t size, uint64_t address)
{
	char left[160] = "?", right[160] = "?";

	if (c->shown++ >= SHOWN_MAX)
		return;
	(void)spork_decoder_capstone.format(c->capstone, bytes, size, address, left, sizeof(left));
	(void)spork_decoder_zydis.format(c->zydis, bytes, size, address, right, sizeof(right));
	(void)printf("%#" PRIx64 " differs in %s: capstone '%s', zydis '%s'\n", address, what, left,
		right);
}

/*
 * What Capstone 4.0.2 does not know: many EVEX instructions, VEX ones of mask registers (0x41..0x4b and 0x90..0x99 of
 * map 0F, 0x30..0x33 of map 0F3A), rdpkru and wrpkru.
 */
static bool is_known_exception(const uint8_t *bytes, size_t size)
{
	size_t at = 0;
	uint8_t opcode;

	while (at < size && (bytes[at] == 0x66 || bytes[at] == 0xf2 || bytes[at] == 0xf3))
		at++;
	if (at < size && bytes[at] == 0x62)
		return true;
	if (size - at >= 3 && bytes[at] == 0x0f && bytes[at + 1] == 0x01)
		return bytes[at + 2] == 0xee || bytes[at + 2] == 0xef;
	if (size - at >= 3 && bytes[at] == 0xc5)
		opcode = bytes[at + 2];
	else if (size - at >= 4 && bytes[at] == 0xc4)
		opcode = bytes[at + 3];
	else
		return false;
	return (opcode >= 0x41 && opcode <= 0x4b) || (opcode >= 0x90 && opcode <= 0x99) ||
	       (opcode >= 0x30 && opcode <= 0x33);
}

static void compare_pair(struct comparison *c, const struct spork_instruction *left,
	const struct spork_instruction *right, const uint8_t *bytes, size_t size)
{
	uint64_t address = left->address;

	if (left->length != right->length) {
		c->lengths++;
		show(c, "length", bytes, size, address);
		return;
	}
	if (left->kind != right->kind) {
		c->kinds++;
		show(c, "kind", bytes, size, address);
	}
	if (left->direct != right->direct || left->target != right->target) {
		c->targets++;
		show(c, "target", bytes, size, address);
	}
	if (left->condition != right->condition) {
		c->conditions++;
		show(c, "condition", bytes, size, address);
	}
	if (left->operation != right->operation) {
		c->operations++;
		show(c, "operation", bytes, size, address);
	}
	if ((left->writes ^ right->writes) & 0xffff) {
		c->writes++;
		show(c, "written registers", bytes, size, address);
	}
}

/* Linear from the function's start, resynchronised by Zydis. */
static void compare_function(
	struct comparison *c, const uint8_t *bytes, size_t size, uint64_t address)
{
	for (size_t at = 0; at < size;) {
		struct spork_instruction left = {0}, right = {0};
		size_t left_size = size - at;
		bool has_left = !spork_decoder_capstone.decode(
			c->capstone, bytes + at, left_size, address + at, &left);
		bool has_right = !spork_decoder_zydis.decode(
			c->zydis, bytes + at, left_size, address + at, &right);

		c->instructions++;
		if (has_left && has_right) {
			compare_pair(c, &left, &right, bytes + at, left_size);
		} else if (has_right && is_known_exception(bytes + at, left_size)) {
			c->zydis_only++;
		} else if (has_left || has_right) {
			c->contested++;
			show(c, "being known", bytes + at, left_size, address + at);
		} else {
			c->neither++;
		}
		at += has_right ? right.length : has_left ? left.length : 1;
	}
}

static void compare_file(struct comparison *c, const char *path)
{
	const struct spork_function *functions;
	struct spork_image *image = NULL;
	struct hb_error error = {0};
	size_t count;

	cr_assert(spork_image_open(path, &image, &error) == 0, "%s: %s", path, error.text);
	count = spork_image_functions(image, &functions);
	for (size_t i = 0; i < count; i++) {
		size_t available = 0;
		const uint8_t *bytes =
			spork_image_bytes(image, functions[i].start, &available, NULL);

		compare_function(
			c, bytes, functions[i].end - functions[i].start, functions[i].start);
	}
	spork_image_close(image);
}

Test(decoders, agree_over_whole_programs_and_libraries)
{
	static const char *const paths[] = {
		"/usr/lib/x86_64-linux-gnu/libc.so.6",
		"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
		"/usr/bin/perl",
		"/bin/bash",
		"/bin/dash",
	};
	struct comparison c = {0};

	cr_assert(spork_decoder_capstone.create(&c.capstone) == 0);
	cr_assert(spork_decoder_zydis.create(&c.zydis) == 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (access(paths[i], R_OK) == 0)
			compare_file(&c, paths[i]);
	}
	(void)printf("%" PRIu64 " instructions; only Zydis knows %" PRIu64 ", neither %" PRIu64
		     "; differ: length %" PRIu64 ", kind %" PRIu64 ", target %" PRIu64
		     ", condition %" PRIu64 ", operation %" PRIu64 ", writes %" PRIu64
		     ", known to one %" PRIu64 "\n",
		c.instructions, c.zydis_only, c.neither, c.lengths, c.kinds, c.targets,
		c.conditions, c.operations, c.writes, c.contested);
	spork_decoder_capstone.destroy(c.capstone);
	spork_decoder_zydis.destroy(c.zydis);
	cr_assert(c.instructions > 100000, "too little was compared");
	cr_assert(c.zydis_only > 0, "the known exceptions are gone: is Capstone newer than 4.0.2?");
	cr_assert(c.contested == 0 && c.neither * 1000 < c.instructions);
	cr_assert(c.lengths == 0 && c.kinds == 0 && c.targets == 0 && c.conditions == 0);
	cr_assert(c.operations == 0 && c.writes == 0);
}
