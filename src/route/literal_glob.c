/* SPDX-License-Identifier: Apache-2.0 */
#include "route/literal.h"

void sl_literals_of_glob(struct sl_slice pattern, char *room, struct sl_glob_literals *ret)
{
    struct sl_slice run = {room, 0};
    bool begun = false; /* a wildcard has been met */
    size_t i = 0;

    *ret = (struct sl_glob_literals){.head = {room, 0}, .tail = {room, 0}, .inner = {room, 0}};
    while (i <= pattern.n) {
        char c = i < pattern.n ? pattern.p[i] : '*';

        if (i < pattern.n && c != '*' && c != '?' && c != '[') {
            i += c == '\\';
            room[run.n++] = pattern.p[i++];
            continue;
        }
        if (i == pattern.n) {
            ret->whole = !begun;
            ret->tail = begun ? run : ret->tail;
        } else if (c == '[') {
            /* To its end: a bracket that comes first or behind a backslash is a member. */
            i += pattern.p[i + 1] == '!' || pattern.p[i + 1] == '^' ? 2 : 1;
            for (size_t first = i; pattern.p[i] != ']' || i == first; i++)
                i += pattern.p[i] == '\\';
        }
        if (!begun)
            ret->head = run;
        if (run.n > ret->inner.n)
            ret->inner = run;
        begun = true;
        room = (char *)run.p + run.n;
        run = sl_slice(room, 0);
        i++;
    }
}
