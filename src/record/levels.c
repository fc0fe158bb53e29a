/* SPDX-License-Identifier: Apache-2.0 */
#include "record/levels.h"

#include "base/fold.h"

struct word {
    struct sl_slice word;
    enum sl_level level;
};

#define WORD(text, level)                                                                          \
    {                                                                                              \
        {text, sizeof(text) - 1}, level                                                            \
    }

static enum sl_level look_up(const struct word *words, size_t n, struct sl_slice word)
{
    for (size_t i = 0; i < n; i++)
        if (words[i].word.n == word.n && sl_fold_equal(words[i].word, word))
            return words[i].level;
    return SL_LEVEL_NONE;
}

/* Frequent ones first. */
enum sl_level sl_level_of_word(struct sl_slice word)
{
    static const struct word words[] = {
        WORD("info", SL_LEVEL_INFO),          WORD("error", SL_LEVEL_ERROR),
        WORD("warn", SL_LEVEL_WARN),          WORD("debug", SL_LEVEL_DEBUG),
        WORD("warning", SL_LEVEL_WARN),       WORD("trace", SL_LEVEL_TRACE),
        WORD("fatal", SL_LEVEL_FATAL),        WORD("notice", SL_LEVEL_INFO),
        WORD("critical", SL_LEVEL_FATAL),     WORD("err", SL_LEVEL_ERROR),
        WORD("crit", SL_LEVEL_FATAL),         WORD("panic", SL_LEVEL_FATAL),
        WORD("alert", SL_LEVEL_FATAL),        WORD("emerg", SL_LEVEL_FATAL),
        WORD("emergency", SL_LEVEL_FATAL),    WORD("information", SL_LEVEL_INFO),
        WORD("informational", SL_LEVEL_INFO),
    };

    return look_up(words, sizeof(words) / sizeof(words[0]), word);
}

enum sl_level sl_level_of_logger_word(struct sl_slice word)
{
    static const struct word words[] = {
        WORD("severe", SL_LEVEL_ERROR), WORD("config", SL_LEVEL_INFO),
        WORD("fine", SL_LEVEL_DEBUG),   WORD("finer", SL_LEVEL_DEBUG),
        WORD("finest", SL_LEVEL_TRACE), WORD("success", SL_LEVEL_INFO),
        WORD("inf", SL_LEVEL_INFO),     WORD("wrn", SL_LEVEL_WARN),
        WORD("dbg", SL_LEVEL_DEBUG),    WORD("ftl", SL_LEVEL_FATAL),
        WORD("trc", SL_LEVEL_TRACE),    WORD("vrb", SL_LEVEL_TRACE),
    };
    enum sl_level level = sl_level_of_word(word);

    return level ? level : look_up(words, sizeof(words) / sizeof(words[0]), word);
}

enum sl_level sl_level_of_field(struct sl_slice word)
{
    static const struct word words[] = {
        WORD("log", SL_LEVEL_INFO),     WORD("note", SL_LEVEL_INFO),
        WORD("system", SL_LEVEL_INFO),  WORD("verbose", SL_LEVEL_TRACE),
        WORD("dpanic", SL_LEVEL_FATAL),
    };
    enum sl_level level = sl_level_of_logger_word(word);

    return level ? level : look_up(words, sizeof(words) / sizeof(words[0]), word);
}

enum sl_level sl_level_of_severity(unsigned severity)
{
    static const enum sl_level levels[] = {SL_LEVEL_FATAL, SL_LEVEL_FATAL, SL_LEVEL_FATAL,
                                           SL_LEVEL_ERROR, SL_LEVEL_WARN,  SL_LEVEL_INFO,
                                           SL_LEVEL_INFO,  SL_LEVEL_DEBUG};

    return severity < 8 ? levels[severity] : SL_LEVEL_NONE;
}

struct sl_slice sl_severity_word(unsigned severity)
{
    static const char *const words[] = {"emerg",   "alert",  "crit", "err",
                                        "warning", "notice", "info", "debug"};

    return sl_slice_str(severity < 8 ? words[severity] : "");
}
