/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_BANNED_H
#define SL_BASE_BANNED_H

/* Included before every source file by the build: calls that write without a bound, or keep hidden
 * state, do not compile. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok localtime gmtime     \
    ctime asctime atoi atol atof

#endif
