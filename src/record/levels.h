/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_LEVELS_H
#define SL_RECORD_LEVELS_H

#include "base/slice.h"
#include "sluice/record.h"

/* The words of level that programs write, without regard to case; NONE for any other. */
enum sl_level sl_level_of_word(struct sl_slice word);
/* The same, and the words of Python's, Java's and their kind's loggers that are everyday words as
 * well: only where a level stands. */
enum sl_level sl_level_of_logger_word(struct sl_slice word);
/* These, and the words of databases and others that stand nowhere but in a field named level. */
enum sl_level sl_level_of_field(struct sl_slice word);

/* syslog's severities, 0 to 7. */
enum sl_level sl_level_of_severity(unsigned severity);
struct sl_slice sl_severity_word(unsigned severity);

#endif
