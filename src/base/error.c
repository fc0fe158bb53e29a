/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

const char *sl_code_name(int code)
{
    switch (code) {
#define SL_ERROR_NAME(name, value, text)                                                           \
    case name:                                                                                     \
        return #name;
        SL_ERROR_MAP(SL_ERROR_NAME)
#undef SL_ERROR_NAME
    default:
        return "?";
    }
}

const char *sl_code_text(int code)
{
    switch (code) {
#define SL_ERROR_TEXT(name, value, text)                                                           \
    case name:                                                                                     \
        return text;
        SL_ERROR_MAP(SL_ERROR_TEXT)
#undef SL_ERROR_TEXT
    default:
        return "unknown error";
    }
}

int sl_fail(struct sl_error *err, int code, const char *format, ...)
{
    va_list args;

    if (!err)
        return code;
    err->code = code;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return code;
}
