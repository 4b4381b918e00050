/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Functions on the way of a fork that has a recipe. They are kept together in the library: a process that has just
 * started a program finds little cached, and each page of code costs it a walk through the page tables.
 */
#ifndef SPORK_FAST_H
#define SPORK_FAST_H

#define SPORK_FAST __attribute__((hot))

/*
 * Functions on the way of a program to its start by a child that was really forked. They lie right behind the others: a
 * forked child has none of the library's pages mapped, and the kernel maps them by the stretch of 64 KiB.
 */
#define SPORK_START __attribute__((section(".text.sorted.start")))

#endif
