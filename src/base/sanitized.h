/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_SANITIZED_H
#define SL_BASE_SANITIZED_H

/* Which sanitizers the program is built with, by gcc or clang: 1 or 0. */

#ifndef __has_feature /* clang has it */
#define __has_feature(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SL_ASAN 1
#else
#define SL_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define SL_TSAN 1
#else
#define SL_TSAN 0
#endif

/* Slower by far, with a heap of their own in the place of the C library's. */
#define SL_SANITIZED (SL_ASAN || SL_TSAN)

#endif
