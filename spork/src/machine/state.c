/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stubs, which run an instruction on the CPU, and the instructions that move whole vector state, which libc's lazy
 * binding uses on every first call of a function.
 *
 * Layouts of the XSAVE area: Intel SDM volume 1, chapter 13.
 */
#include <cpuid.h>

#include "machine/cpu.h"

#define X87_DEFAULT_CONTROL 0x37fu

/* Stubs change all that the System V ABI lets a function change, and keep the rest. */
typedef void stub_function(struct spork_machine *m);

/* Copies an operand; nearly all have one of few sizes. */
INLINE void copy_operand(void *to, const void *from, size_t size)
{
	switch (size) {
	case 8:
		memcpy(to, from, 8);
		break;
	case 16:
		memcpy(to, from, 16);
		break;
	case 32:
		memcpy(to, from, 32);
		break;
	case 64:
		memcpy(to, from, 64);
		break;
	default:
		memcpy(to, from, size);
		break;
	}
}

/* The operand's place if a page found before holds it whole. */
INLINE uint8_t *operand_place(const struct overlay_tlb *tlb, uint64_t address, size_t size)
{
	const struct overlay_tlb *e = &tlb[address / OVERLAY_PAGE % OVERLAY_TLB];

	if (e->page != address / OVERLAY_PAGE || address % OVERLAY_PAGE > OVERLAY_PAGE - size)
		return NULL;
	return (uint8_t *)(uintptr_t)(address + e->delta);
}

/* Brings the operand into the bounce buffer, and finds out whether it can be written before registers change. */
static bool fetch_slowly(struct cpu *c, const struct spork_insn *i, uint64_t address, size_t size)
{
	if (!overlay_load(c->overlay, address, c->m->bounce, size))
		return false;
	return !(i->extra & SPORK_STUB_WRITES) ||
	       overlay_store(c->overlay, address, c->m->bounce, size);
}

INLINE const struct spork_insn *run_stub(struct cpu *c, const struct spork_insn *i)
{
	size_t size = i->extra & SPORK_STUB_SIZE;
	uint64_t address = 0;
	uint8_t *place = NULL;

	if (UNLIKELY(i->target >= c->stub_bytes || size > sizeof(c->m->bounce)))
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	if (size > 0) {
		address = address_of(c, i);
		if ((i->extra & SPORK_STUB_ALIGNED) && UNLIKELY(address & (size - 1)))
			return stop_at(c, SPORK_STOP_TRAP);
		place = operand_place(
			i->extra & SPORK_STUB_WRITES ? c->overlay->write_tlb : c->overlay->read_tlb,
			address, size);
		if (UNLIKELY(!place)) {
			c->overlay->stack_pointer = c->r[SPORK_RSP];
			if (!fetch_slowly(c, i, address, size))
				return stop_memory(c);
		} else if (i->extra & SPORK_STUB_READS) {
			copy_operand(c->m->bounce, place, size);
		}
	}
	((stub_function *)(uintptr_t)(c->stubs + i->target))(c->m);
	if (i->extra & SPORK_STUB_WRITES) {
		if (LIKELY(place))
			copy_operand(place, c->m->bounce, size);
		else
			(void)overlay_store(c->overlay, address, c->m->bounce, size);
	}
	return i + 1;
}

HANDLER(stub)
{
	return run_stub(c, i);
}

HANDLER(stub_flags)
{
	const struct spork_insn *next;

	cpu_materialise(c);
	next = run_stub(c, i);
	set_explicit(c, c->r[SPORK_REG_RFLAGS] & FLAGS_STATUS);
	return next;
}

HANDLER(stub_x87)
{
	struct spork_registers *regs = &c->m->regs;

	if (!regs->x87_used) {
		uint16_t control = (uint16_t)(regs->mxcsr_fcw >> 32), empty = 0xffff;

		/* As fninit leaves it; the tag word says that all registers are empty. */
		if (control == 0)
			control = X87_DEFAULT_CONTROL;
		memset(regs->x87, 0, sizeof(regs->x87));
		memcpy(regs->x87, &control, 2);
		memcpy(regs->x87 + 8, &empty, 2);
		regs->x87_used = 1;
	}
	return op_stub_flags(c, i);
}

HANDLER(vzeroupper)
{
	for (size_t n = 0; n < 16; n++)
		memset(c->m->regs.zmm[n] + 16, 0, 48);
	return i + 1;
}

HANDLER(vzeroall)
{
	memset(c->m->regs.zmm, 0, 16 * sizeof(c->m->regs.zmm[0]));
	return i + 1;
}

/* Only values that raise no exceptions can be live while the interpreter runs. */
static bool set_mxcsr(uint32_t value)
{
	if ((value & ~0xffffu) != 0 || (value & MXCSR_MASKS) != MXCSR_MASKS)
		return false;
	__builtin_ia32_ldmxcsr(value);
	return true;
}

HANDLER(ldmxcsr)
{
	uint64_t value;

	if (!load(c, address_of(c, i), 32, &value))
		return stop_memory(c);
	if (!set_mxcsr((uint32_t)value))
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	return i + 1;
}

/* State components and where they are kept here. */
enum {
	COMPONENT_X87,
	COMPONENT_SSE,
	COMPONENT_AVX,
	COMPONENT_MASKS = 5,
	COMPONENT_HIGH_HALVES,
	COMPONENT_HIGH_REGISTERS,
	COMPONENT_KEYS = 9
};

#define COMPONENTS_KNOWN 0x2e7u
#define LEGACY_BYTES 512u
#define HEADER_BYTES 64u
#define AREA_BYTES 4096u

/* Bytes of a component beyond the legacy part. */
static size_t component_bytes(unsigned component)
{
	switch (component) {
	case COMPONENT_AVX:
		return 256;
	case COMPONENT_MASKS:
		return 64;
	case COMPONENT_HIGH_HALVES:
		return 512;
	case COMPONENT_HIGH_REGISTERS:
		return 1024;
	default:
		return 8;
	}
}

/* Where a component stands in an area: packed in order, or where cpuid says. */
static size_t component_offset(unsigned component, uint64_t packed)
{
	size_t at = LEGACY_BYTES + HEADER_BYTES;
	uint32_t a, b = 0, c, d;

	if (!packed) {
		__cpuid_count(0xd, component, a, b, c, d);
		return b + component_bytes(component) <= AREA_BYTES ? b : 0;
	}
	for (unsigned n = COMPONENT_AVX; n < component; n++)
		if (packed >> n & 1)
			at += component_bytes(n);
	return at;
}

static uint32_t protection_keys(void)
{
	uint32_t low, high;

	__asm__ volatile("rdpkru" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

static void save_component(const struct spork_registers *regs, unsigned component, uint8_t *to)
{
	uint32_t keys;

	switch (component) {
	case COMPONENT_AVX:
		for (size_t n = 0; n < 16; n++)
			memcpy(to + 16 * n, regs->zmm[n] + 16, 16);
		break;
	case COMPONENT_MASKS:
		memcpy(to, regs->k, sizeof(regs->k));
		break;
	case COMPONENT_HIGH_HALVES:
		for (size_t n = 0; n < 16; n++)
			memcpy(to + 32 * n, regs->zmm[n] + 32, 32);
		break;
	case COMPONENT_HIGH_REGISTERS:
		memcpy(to, regs->zmm[16], 1024);
		break;
	default:
		keys = protection_keys();
		memcpy(to, &keys, sizeof(keys));
		break;
	}
}

/* From an area, or to the initial state if @from is NULL. The keys stay the parent's own. */
static void restore_component(struct spork_registers *regs, unsigned component, const uint8_t *from)
{
	static const uint8_t zeros[1024];

	if (!from)
		from = zeros;
	switch (component) {
	case COMPONENT_AVX:
		for (size_t n = 0; n < 16; n++)
			memcpy(regs->zmm[n] + 16, from + 16 * n, 16);
		break;
	case COMPONENT_MASKS:
		memcpy(regs->k, from, sizeof(regs->k));
		break;
	case COMPONENT_HIGH_HALVES:
		for (size_t n = 0; n < 16; n++)
			memcpy(regs->zmm[n] + 32, from + 32 * n, 32);
		break;
	case COMPONENT_HIGH_REGISTERS:
		memcpy(regs->zmm[16], from, 1024);
		break;
	default:
		break;
	}
}

static void save_legacy(
	const struct spork_registers *regs, uint64_t components, uint32_t mxcsr, uint8_t *area)
{
	uint32_t mask = 0xffff;
	uint16_t control = (uint16_t)(regs->mxcsr_fcw >> 32);

	if (components >> COMPONENT_X87 & 1) {
		memset(area, 0, 24);
		memset(area + 32, 0, 128);
		memcpy(area, &control, 2);
	}
	if (components & 6) {
		memcpy(area + 24, &mxcsr, 4);
		memcpy(area + 28, &mask, 4);
	}
	if (components >> COMPONENT_SSE & 1)
		for (size_t n = 0; n < 16; n++)
			memcpy(area + 160 + 16 * n, regs->zmm[n], 16);
}

/* x87 registers in an area are more than the interpreter keeps apart; only the control word is taken over. */
static bool restore_legacy(
	struct spork_registers *regs, uint64_t components, uint64_t present, const uint8_t *area)
{
	uint32_t mxcsr = MXCSR_MASKS;
	uint16_t control = X87_DEFAULT_CONTROL;

	if (components >> COMPONENT_X87 & 1) {
		if (present >> COMPONENT_X87 & 1) {
			memcpy(&control, area, 2);
			if (area[4] != 0)
				return false;
		}
		regs->mxcsr_fcw = (regs->mxcsr_fcw & 0xffffffff) | (uint64_t)control << 32;
	}
	if (present & 6)
		memcpy(&mxcsr, area + 24, 4);
	if ((components & 6) && !set_mxcsr(mxcsr))
		return false;
	if (components >> COMPONENT_SSE & 1)
		for (size_t n = 0; n < 16; n++) {
			if (present >> COMPONENT_SSE & 1)
				memcpy(regs->zmm[n], area + 160 + 16 * n, 16);
			else
				memset(regs->zmm[n], 0, 16);
		}
	return true;
}

static uint64_t enabled_components(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

/* Number 1 tells what this thread uses, not what the child's would; the others raise an exception. */
HANDLER(xgetbv)
{
	uint64_t enabled = enabled_components();

	if ((uint32_t)c->r[SPORK_RCX] != 0)
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	c->r[SPORK_RAX] = (uint32_t)enabled;
	c->r[SPORK_RDX] = enabled >> 32;
	return i + 1;
}

uint64_t cpu_requested(const struct cpu *c)
{
	return enabled_components() & ((c->r[SPORK_RDX] << 32) | (uint32_t)c->r[SPORK_RAX]);
}

/* The size of an area; 0 = it holds what is not known here, or is larger than can be. */
static size_t area_bytes(uint64_t components, uint64_t format)
{
	size_t end = LEGACY_BYTES + HEADER_BYTES, at;

	if (components & ~(uint64_t)COMPONENTS_KNOWN)
		return 0;
	for (unsigned n = COMPONENT_AVX; n <= COMPONENT_KEYS; n++) {
		if (!(components >> n & 1))
			continue;
		at = component_offset(n, format);
		if (at == 0)
			return 0;
		if (at + component_bytes(n) > end)
			end = at + component_bytes(n);
	}
	return end;
}

static void fill_area(const struct spork_registers *regs, uint64_t components, uint64_t format,
	uint32_t mxcsr, uint8_t area[AREA_BYTES])
{
	uint64_t head[2];

	save_legacy(regs, components, mxcsr, area);
	for (unsigned n = COMPONENT_AVX; n <= COMPONENT_KEYS; n++)
		if (components >> n & 1)
			save_component(regs, n, area + component_offset(n, format));
	memcpy(head, area + LEGACY_BYTES, sizeof(head));
	head[0] = format ? components : (head[0] & ~components) | components;
	if (format)
		head[1] = format;
	memcpy(area + LEGACY_BYTES, head, sizeof(head));
}

static uint64_t packed_format(uint64_t components)
{
	return components | UINT64_C(1) << 63;
}

size_t cpu_packed_bytes(uint64_t components)
{
	/* Neither x87 registers nor keys, whose values are not in struct spork_registers alone. */
	return components & (1u << COMPONENT_X87 | 1u << COMPONENT_KEYS)
		       ? 0
		       : area_bytes(components, packed_format(components));
}

bool cpu_packed_holds(uint64_t offset, size_t size)
{
	return offset == 24 || (offset >= 160 && offset < 416) ||
	       (offset >= LEGACY_BYTES && offset < LEGACY_BYTES + 16) ||
	       (offset >= LEGACY_BYTES + HEADER_BYTES && offset < size);
}

bool cpu_packed_is_whole(uint64_t components)
{
	return components == (enabled_components() & COMPONENTS_KNOWN &
				     ~(uint64_t)(1u << COMPONENT_X87 | 1u << COMPONENT_KEYS));
}

SPORK_FAST bool cpu_save_packed(struct spork_overlay *o, const struct spork_registers *regs,
	uint64_t components, uint64_t address, size_t size)
{
	uint32_t mxcsr = ((uint32_t)regs->mxcsr_fcw & 0xffff) | MXCSR_MASKS;
	uint8_t area[AREA_BYTES];

	if (!overlay_load(o, address, area, size))
		return false;
	fill_area(regs, components, packed_format(components), mxcsr, area);
	return overlay_store(o, address, area, size);
}

static const struct spork_insn *save_area(struct cpu *c, const struct spork_insn *i, bool packed)
{
	struct spork_registers *regs = &c->m->regs;
	uint64_t address = address_of(c, i), components = cpu_requested(c);
	uint64_t format = packed ? packed_format(components) : 0;
	size_t size = area_bytes(components, format);
	uint8_t area[AREA_BYTES];

	if (address % 64 != 0)
		return stop_at(c, SPORK_STOP_TRAP);
	if (size == 0 || (regs->x87_used && (components & 1)))
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	if (!overlay_load(c->overlay, address, area, size))
		return stop_memory(c);
	fill_area(regs, components, format, __builtin_ia32_stmxcsr(), area);
	if (!overlay_store(c->overlay, address, area, size))
		return stop_memory(c);
	return i + 1;
}

HANDLER(xsave)
{
	return save_area(c, i, false);
}

HANDLER(xsavec)
{
	return save_area(c, i, true);
}

HANDLER(xrstor)
{
	uint64_t address = address_of(c, i), components = cpu_requested(c), head[2];
	uint8_t area[LEGACY_BYTES + HEADER_BYTES], part[1024];

	if (address % 64 != 0)
		return stop_at(c, SPORK_STOP_TRAP);
	if (components & ~(uint64_t)COMPONENTS_KNOWN)
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	if (!overlay_load(c->overlay, address, area, sizeof(area)))
		return stop_memory(c);
	memcpy(head, area + LEGACY_BYTES, sizeof(head));
	if (!restore_legacy(&c->m->regs, components, head[0], area))
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	for (unsigned n = COMPONENT_AVX; n <= COMPONENT_KEYS; n++) {
		size_t at = head[0] >> n & 1 ? component_offset(n, head[1]) : 0;

		if (!(components >> n & 1))
			continue;
		if (at > 0 && !overlay_load(c->overlay, address + at, part, component_bytes(n)))
			return stop_memory(c);
		restore_component(&c->m->regs, n, at > 0 ? part : NULL);
	}
	return i + 1;
}

HANDLER(fxsave)
{
	uint64_t address = address_of(c, i);
	uint8_t area[LEGACY_BYTES];

	if (address % 16 != 0)
		return stop_at(c, SPORK_STOP_TRAP);
	if (c->m->regs.x87_used)
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	if (!overlay_load(c->overlay, address, area, sizeof(area)))
		return stop_memory(c);
	save_legacy(&c->m->regs, 3, __builtin_ia32_stmxcsr(), area);
	if (!overlay_store(c->overlay, address, area, sizeof(area)))
		return stop_memory(c);
	return i + 1;
}

HANDLER(fxrstor)
{
	uint64_t address = address_of(c, i);
	uint8_t area[LEGACY_BYTES];

	if (address % 16 != 0)
		return stop_at(c, SPORK_STOP_TRAP);
	if (!overlay_load(c->overlay, address, area, sizeof(area)))
		return stop_memory(c);
	if (!restore_legacy(&c->m->regs, 3, 3, area))
		return stop_at(c, SPORK_STOP_UNSUPPORTED);
	return i + 1;
}
