/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether this is a build with AddressSanitizer: its run-time puts code of its own in the place of libc's, makes
 * system calls of its own, and keeps freed memory for a while. What cannot be measured or promised then asks here.
 */
#ifndef HOTBED_SANITIZER_H
#define HOTBED_SANITIZER_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HB_IS_SANITIZED 1
#endif
#endif
#if !defined(HB_IS_SANITIZED) && defined(__SANITIZE_ADDRESS__)
#define HB_IS_SANITIZED 1
#endif
#ifndef HB_IS_SANITIZED
#define HB_IS_SANITIZED 0
#endif

#endif
