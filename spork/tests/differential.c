/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <hotbed/rng.h>

#include "code/translation.h"
#include "differential.h"
#include "spork/machine.h"

#define PAGE 4096u
#define SCRATCH_BYTES (4 * PAGE)
#define ARENA_BYTES ((size_t)1 << 20)
#define INSN_BYTES 15u
#define MODULE_BASE 0x100000000000u
#define STATUS_FLAGS 0x8d5u

/* What both sides work on, below 2 GiB so that native code reaches it without a register. */
struct native {
	struct spork_registers regs;
	uint64_t stack_pointer;
	uint32_t mxcsr_default, mxcsr;
};

static struct native *native;
static uint8_t *code, *slot, *stub_memory, *scratch, *arena;
static size_t code_size;
static sigjmp_buf fault;
static volatile sig_atomic_t fault_signal;
static char text[4096];

static void on_fault(int number)
{
	fault_signal = number;
	siglongjmp(fault, 1);
}

static void put(const void *bytes, size_t size)
{
	memcpy(code + code_size, bytes, size);
	code_size += size;
}

#define PUT(...) put((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* ModRM and address of an operand in *native. */
static void put_operand(unsigned reg, const void *at)
{
	uint32_t address = (uint32_t)(uintptr_t)at;

	PUT((uint8_t)(0x04 | (reg & 7) << 3), 0x25);
	put(&address, sizeof(address));
}

static void put_vectors(bool store)
{
	for (unsigned n = 0; n < 32; n++) {
		PUT(0x62, (uint8_t)(0x61 | (n & 8 ? 0 : 0x80) | (n & 16 ? 0 : 0x10)), 0xfe, 0x48,
			store ? 0x7f : 0x6f);
		put_operand(n, native->regs.zmm[n]);
	}
	for (unsigned n = 0; n < 8; n++) {
		PUT(0xc4, 0xe1, 0xf8, store ? 0x91 : 0x90);
		put_operand(n, &native->regs.k[n]);
	}
}

static void put_general(bool store)
{
	for (unsigned n = 0; n < 16; n++) {
		if (n == SPORK_RSP)
			continue;
		PUT(n >= 8 ? 0x4c : 0x48, store ? 0x89 : 0x8b);
		put_operand(n, &native->regs.gpr[n]);
	}
}

static void assemble(void)
{
	PUT(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57, 0x50);
	PUT(0xdd); /* frstor */
	put_operand(4, native->regs.x87);
	PUT(0x0f, 0xae); /* ldmxcsr */
	put_operand(2, &native->mxcsr);
	put_vectors(false);
	PUT(0xff); /* push rflags; popfq */
	put_operand(6, &native->regs.rflags);
	PUT(0x9d);
	put_general(false);
	slot = code + code_size;
	for (size_t i = 0; i < INSN_BYTES; i++)
		PUT(0x90);
	put_general(true);
	PUT(0x9c, 0x8f); /* pushfq; pop rflags */
	put_operand(0, &native->regs.rflags);
	PUT(0xfc);
	put_vectors(true);
	PUT(0x0f, 0xae); /* stmxcsr */
	put_operand(3, &native->mxcsr);
	PUT(0x0f, 0xae);
	put_operand(2, &native->mxcsr_default);
	PUT(0xdd); /* fnsave */
	put_operand(6, native->regs.x87);
	PUT(0xc5, 0xf8, 0x77);
	PUT(0x58, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
}

static void *map(size_t size, int flags, int protection)
{
	void *at = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

int differential_init(void)
{
	static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP};
	int all = PROT_READ | PROT_WRITE | PROT_EXEC;

	if (spork_cpu_features()->words[6] != SPORK_VECTOR_AVX512)
		return 0;
	native = map(PAGE, MAP_32BIT, PROT_READ | PROT_WRITE);
	code = map(PAGE, MAP_32BIT, all);
	stub_memory = map(PAGE, 0, all);
	scratch = map(SCRATCH_BYTES, 0, PROT_READ | PROT_WRITE);
	arena = map(ARENA_BYTES, 0, PROT_READ | PROT_WRITE);
	if (!native || !code || !stub_memory || !scratch || !arena)
		return 0;
	native->mxcsr_default = 0x1f80;
	assemble();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};

		(void)sigaction(signals[i], &action, NULL);
	}
	return 1;
}

void differential_bytes(struct hb_rng *rng, uint8_t bytes[15])
{
	static const uint8_t prefixes[] = {0x66, 0xf2, 0xf3, 0xf0};
	uint64_t kind = hb_rng_below(rng, 8);
	size_t at = 0;

	for (size_t i = 0; i < INSN_BYTES; i++)
		bytes[i] = (uint8_t)hb_rng_u64(rng);
	if (kind >= 6) {
		/* EVEX with its fixed bits right, map 1 to 3, without exotic lengths. */
		bytes[0] = 0x62;
		bytes[1] = (uint8_t)((bytes[1] & 0xf0) | (1 + hb_rng_below(rng, 3)));
		bytes[2] |= 4;
		if (bytes[3] & 0x40 && bytes[3] & 0x20)
			bytes[3] &= 0xdf;
		return;
	}
	if (kind == 5) {
		bytes[0] = hb_rng_below(rng, 3) == 0 ? 0xc5 : 0xc4;
		if (bytes[0] == 0xc4)
			bytes[1] = (uint8_t)((bytes[1] & 0xe0) | (1 + hb_rng_below(rng, 3)));
		return;
	}
	if (hb_rng_below(rng, 3) == 0)
		bytes[at++] = prefixes[hb_rng_below(rng, 4)];
	if (hb_rng_below(rng, 2) == 0)
		bytes[at++] = (uint8_t)(0x40 | hb_rng_below(rng, 16));
	if (kind >= 2)
		bytes[at++] = 0x0f;
	if (kind == 4)
		bytes[at++] = hb_rng_below(rng, 2) ? 0x38 : 0x3a;
}

/* Results that differ from run to run, or that leave this thread's control. */
static bool comparable(const struct decoded *d, const struct spork_insn *insn)
{
	switch (d->insn.mnemonic) {
	case ZYDIS_MNEMONIC_RDTSC:
	case ZYDIS_MNEMONIC_RDTSCP:
	case ZYDIS_MNEMONIC_RDRAND:
	case ZYDIS_MNEMONIC_RDSEED:
	case ZYDIS_MNEMONIC_RDPID:
	case ZYDIS_MNEMONIC_CPUID:
	/* These keep the address of the last x87 instruction, which differs. */
	case ZYDIS_MNEMONIC_FNSTENV:
	case ZYDIS_MNEMONIC_FNSAVE:
	case ZYDIS_MNEMONIC_FLDENV:
	case ZYDIS_MNEMONIC_FRSTOR:
	case ZYDIS_MNEMONIC_FLDCW:
		return false;
	default:
		break;
	}
	switch (insn->op) {
	case spork_op_unsupported:
	case spork_op_trap:
	case spork_op_syscall:
	case spork_op_push_r:
	case spork_op_push_i:
	case spork_op_push_m:
	case spork_op_pop_r:
	case spork_op_pop_m:
	case spork_op_leave:
	case spork_op_pushf:
	case spork_op_popf:
	case spork_op_xsave:
	case spork_op_xsavec:
	case spork_op_xrstor:
	case spork_op_fxsave:
	case spork_op_fxrstor:
	case spork_op_ldmxcsr:
		return false;
	default:
		break;
	}
	for (size_t i = 0; i < d->insn.operand_count; i++) {
		const ZydisDecodedOperand *operand = &d->operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
			(ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_IP ||
				register_number(operand->reg.value) == SPORK_RSP))
			return false;
		if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			(operand->mem.segment == ZYDIS_REGISTER_FS ||
				operand->mem.base == ZYDIS_REGISTER_RIP ||
				operand->mem.base == ZYDIS_REGISTER_RSP))
			return false;
	}
	return true;
}

static uint64_t interesting(struct hb_rng *rng)
{
	static const uint64_t values[] = {0, 1, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN,
		0x80000000, 0x7fffffff, 0xffffffff, 0x8000, 0x7fff, 0x80, 0x7f, 0xff,
		0x3ff0000000000000};

	switch (hb_rng_below(rng, 4)) {
	case 0:
		return values[hb_rng_below(rng, sizeof(values) / sizeof(values[0]))];
	case 1:
		return hb_rng_below(rng, 70);
	default:
		return hb_rng_u64(rng);
	}
}

/* x87 with some registers in use, as fnsave leaves it. */
static void random_x87(struct hb_rng *rng, uint8_t image[128])
{
	uint64_t depth = hb_rng_below(rng, 8);

	__asm__ volatile("fninit");
	for (uint64_t n = 0; n < depth; n++) {
		double value = hb_rng_normal(rng) * 1000;

		__asm__ volatile("fldl %0" ::"m"(value));
	}
	memset(image, 0, 128);
	__asm__ volatile("fnsave %0" : "=m"(*(uint8_t(*)[108])image));
}

static void random_state(struct hb_rng *rng, struct spork_registers *regs)
{
	memset(regs, 0, sizeof(*regs));
	for (size_t n = 0; n < 16; n++)
		regs->gpr[n] = interesting(rng);
	regs->rflags = (hb_rng_u64(rng) & STATUS_FLAGS) | 0x202;
	for (size_t n = 0; n < 32; n++)
		for (size_t i = 0; i < 8; i++) {
			uint64_t value = interesting(rng);

			memcpy(regs->zmm[n] + 8 * i, &value, 8);
		}
	for (size_t n = 0; n < 8; n++)
		regs->k[n] = interesting(rng);
	regs->mxcsr_fcw = UINT64_C(0x037f00001f80);
	random_x87(rng, regs->x87);
	regs->x87_used = 1;
	for (size_t i = 0; i < SCRATCH_BYTES; i++)
		scratch[i] = (uint8_t)hb_rng_u64(rng);
}

/* Points the registers of a memory operand into the scratch memory. */
static bool aim(struct hb_rng *rng, const struct decoded *d, const struct spork_insn *insn,
	struct spork_registers *regs)
{
	uint64_t target = (uint64_t)(uintptr_t)scratch + PAGE + hb_rng_below(rng, PAGE);
	bool string = insn->op >= spork_op_movs && insn->op <= spork_op_cmps;

	if (string) {
		regs->gpr[SPORK_RSI] = target;
		regs->gpr[SPORK_RDI] =
			(uint64_t)(uintptr_t)scratch + PAGE + hb_rng_below(rng, PAGE);
		regs->gpr[SPORK_RCX] = hb_rng_below(rng, 100);
		return true;
	}
	if (insn->base == SPORK_REG_ZERO && insn->index == SPORK_REG_ZERO) {
		for (size_t i = 0; i < d->insn.operand_count; i++)
			if (d->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
				return insn->op == spork_op_nop;
		return true;
	}
	if (insn->base == SPORK_REG_ZERO || insn->base == insn->index)
		return false;
	if ((insn->extra & SPORK_STUB_ALIGNED) && hb_rng_below(rng, 8) != 0)
		target &= ~UINT64_C(63);
	if (insn->op == spork_op_bit_mr)
		regs->gpr[insn->r2] = hb_rng_below(rng, 4000) - (hb_rng_below(rng, 2) ? 2000 : 0);
	if (insn->op == spork_op_bit_mr && (insn->r2 == insn->base || insn->r2 == insn->index))
		return false;
	if (insn->index != SPORK_REG_ZERO) {
		regs->gpr[insn->index] = hb_rng_below(rng, 64);
		target -= regs->gpr[insn->index] << insn->scale;
	}
	regs->gpr[insn->base] = target - (uint64_t)(int64_t)insn->disp;
	return true;
}

static bool run_native(const struct decoded *d, const struct spork_registers *start)
{
	native->regs = *start;
	native->mxcsr = 0x1f80;
	memset(slot, 0x90, INSN_BYTES);
	memcpy(slot, d->bytes, d->insn.length);
	fault_signal = 0;
	if (sigsetjmp(fault, 1) == 0) {
		((void (*)(void))(uintptr_t)code)();
		return true;
	}
	__asm__ volatile("fninit; cld");
	__builtin_ia32_ldmxcsr(0x1f80);
	return false;
}

static enum spork_stop run_interpreter(struct spork_machine *m, struct spork_insn *insn,
	const struct stub_pool *stubs, const struct spork_registers *start)
{
	static uint16_t slots[PAGE];
	struct spork_insn insns[2] = {*insn, {.op = spork_op_trap, .offset = insn->length}};
	struct spork_code_page page = {0, 0};
	struct spork_code c = {.pages = &page,
		.slots = slots,
		.insns = insns,
		.stubs = stub_memory,
		.page_count = 1,
		.slot_page_count = 1,
		.insn_count = 2,
		.stub_bytes = (uint32_t)stubs->size};
	struct spork_module module = {.base = MODULE_BASE, .end = MODULE_BASE + PAGE, .code = &c};
	enum spork_stop stop;

	slots[0] = 1;
	if (stubs->size > 0)
		memcpy(stub_memory, stubs->bytes, stubs->size);
	memset(m, 0, sizeof(*m));
	m->regs = *start;
	m->regs.rip = MODULE_BASE;
	m->modules = &module;
	m->module_count = 1;
	m->overlay = spork_overlay_init(arena, ARENA_BYTES);
	spork_overlay_add_range(m->overlay, (uint64_t)(uintptr_t)scratch,
		(uint64_t)(uintptr_t)scratch + SCRATCH_BYTES, true);
	stop = spork_machine_run(m, 1);
	m->modules = NULL;
	return stop;
}

static bool difference(
	const char *what, unsigned number, const void *cpu, const void *own, size_t size)
{
	const uint8_t *a = cpu, *b = own;
	size_t at = 0;

	if (memcmp(a, b, size) == 0)
		return false;
	while (a[at] == b[at])
		at++;
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
		"; %s %u byte %zu: CPU %02x, interpreter %02x", what, number, at, a[at], b[at]);
	return true;
}

/* Compares *native with the machine, and both memories. */
static bool differ(const struct decoded *d, struct spork_machine *m, const uint8_t *native_scratch)
{
	static uint8_t seen[SCRATCH_BYTES];
	const struct spork_registers *a = &native->regs, *b = &m->regs;
	uint32_t undefined = d->insn.cpu_flags ? d->insn.cpu_flags->undefined : 0;
	uint64_t flags_a = a->rflags & STATUS_FLAGS & ~(uint64_t)undefined;
	uint64_t flags_b = b->rflags & STATUS_FLAGS & ~(uint64_t)undefined;
	uint32_t mxcsr = (uint32_t)b->mxcsr_fcw;
	bool any = false;

	for (unsigned n = 0; n < 16; n++)
		if (n != SPORK_RSP)
			any |= difference("register", n, &a->gpr[n], &b->gpr[n], 8);
	any |= difference("flags", 0, &flags_a, &flags_b, 8);
	for (unsigned n = 0; n < 32; n++)
		any |= difference("vector", n, a->zmm[n], b->zmm[n], 64);
	for (unsigned n = 0; n < 8; n++)
		any |= difference("mask", n, &a->k[n], &b->k[n], 8);
	any |= difference("mxcsr", 0, &native->mxcsr, &mxcsr, 4);
	/* Control, status and tag word, and the registers; not where the last instruction stood. */
	any |= difference("x87 state", 0, a->x87, b->x87, 12);
	any |= difference("x87 registers", 0, a->x87 + 28, b->x87 + 28, 80);
	if (spork_overlay_read(m->overlay, (uint64_t)(uintptr_t)scratch, seen, sizeof(seen)) != 0)
		return true;
	any |= difference("memory", 0, native_scratch, seen, sizeof(seen));
	return any;
}

static void describe(const struct decoded *d, uint64_t seed)
{
	ZydisFormatter formatter;
	char line[200] = "";
	size_t at;

	(void)ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	(void)ZydisFormatterFormatInstruction(&formatter, &d->insn, d->operands,
		d->insn.operand_count_visible, line, sizeof(line), 0, NULL);
	at = (size_t)snprintf(
		text, sizeof(text), "%s, seed %llu, bytes", line, (unsigned long long)seed);
	for (size_t i = 0; i < d->insn.length; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " %02x", d->bytes[i]);
}

static enum differential compare(const struct decoded *d, struct spork_insn *insn,
	const struct stub_pool *stubs, const struct spork_registers *start)
{
	static uint8_t before[SCRATCH_BYTES], after[SCRATCH_BYTES];
	static struct spork_machine machine;
	enum spork_stop stop;
	bool executed;

	memcpy(before, scratch, SCRATCH_BYTES);
	executed = run_native(d, start);
	memcpy(after, scratch, SCRATCH_BYTES);
	memcpy(scratch, before, SCRATCH_BYTES);
	/* An instruction that this CPU does not have, or lock where it must not be. */
	if (!executed && fault_signal == SIGILL)
		return DIFFERENTIAL_SKIPPED;
	if (sigsetjmp(fault, 1) != 0) {
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"; signal %d in the interpreter", (int)fault_signal);
		return DIFFERENTIAL_DIFFERS;
	}
	stop = run_interpreter(&machine, insn, stubs, start);
	if (!executed && stop != SPORK_STOP_BUDGET)
		return DIFFERENTIAL_FAULT;
	/* With a mask of zeros the CPU does not look at the address; the interpreter gives up, which is safe. */
	if (executed && stop == SPORK_STOP_TRAP && (insn->extra & SPORK_STUB_ALIGNED) &&
		d->insn.avx.mask.reg != ZYDIS_REGISTER_NONE &&
		d->insn.avx.mask.reg != ZYDIS_REGISTER_K0)
		return DIFFERENTIAL_FAULT;
	/* Number 1 is the state in use by the thread that asks, which is not the child's: the interpreter gives up. */
	if (executed && stop == SPORK_STOP_UNSUPPORTED &&
		d->insn.mnemonic == ZYDIS_MNEMONIC_XGETBV && (uint32_t)start->gpr[SPORK_RCX] == 1)
		return DIFFERENTIAL_FAULT;
	if (!executed || stop != SPORK_STOP_BUDGET) {
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"; CPU signal %d, interpreter stop %d", (int)fault_signal, stop);
		return DIFFERENTIAL_DIFFERS;
	}
	return differ(d, &machine, after) ? DIFFERENTIAL_DIFFERS : DIFFERENTIAL_EQUAL;
}

enum differential differential_run(
	const uint8_t bytes[15], uint64_t seed, const char **ret_text, unsigned *ret_op)
{
	struct decoded d = {.bytes = bytes, .address = MODULE_BASE, .lowest = MODULE_BASE};
	struct stub_pool stubs = {0};
	struct spork_registers start;
	struct spork_insn insn;
	enum differential result = DIFFERENTIAL_SKIPPED;
	ZydisDecoder decoder;
	struct hb_rng rng;

	*ret_text = text;
	hb_rng_init(&rng, seed, 1);
	(void)ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!ZYAN_SUCCESS(
		    ZydisDecoderDecodeFull(&decoder, bytes, INSN_BYTES, &d.insn, d.operands)) ||
		lower(&d, &stubs, &insn) < 0)
		return DIFFERENTIAL_SKIPPED;
	*ret_op = insn.op;
	if (insn.op > spork_op_syscall && insn.op <= spork_op_j_nle)
		result = DIFFERENTIAL_SKIPPED;
	else if (comparable(&d, &insn)) {
		random_state(&rng, &start);
		describe(&d, seed);
		if (aim(&rng, &d, &insn, &start))
			result = compare(&d, &insn, &stubs, &start);
	}
	stub_pool_finish(&stubs);
	return result;
}
