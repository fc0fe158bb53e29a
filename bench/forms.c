/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "bench.h"
#include "record/forms.h"

/* forms: what taking a line apart costs, members included, in memory: for each text form, lines a
 * second and core and ns a line, by its name and by `auto`; medians of RUNS. */

enum { RUNS = 7, LINES = 200000, KINDS = 8 };

static const char *const lines[KINDS][2] = {
    {"common", "192.0.2.%d - frank [31/Jan/2026:12:%02d:56 +0000] \"GET /tiles/7/65/%d.png?v=2 "
               "HTTP/1.1\" 200 %d"},
    {"combined",
     "198.51.100.%d - - [31/Jan/2026:12:%02d:56 +0000] \"GET /tiles/7/65/%d.png HTTP/1.1\" 200 %d "
     "\"https://maps.example.com/\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, "
     "like Gecko) Chrome/131.0.0.0 Safari/537.36\""},
    {"nginx-error",
     "2026/01/31 12:34:56 [error] %d#%d: *%d open() \"/srv/%d.png\" failed (2: No such file or "
     "directory), client: 192.0.2.7, server: a.example.com, request: \"GET /a HTTP/1.1\", host: "
     "\"a.example.com\""},
    {"syslog",
     "<30>1 2026-01-31T12:34:56.%03dZ web-%02d app %d - [origin ip=\"192.0.2.%d\"] Started "
     "session of user jo"},
    {"logfmt", "time=2026-01-31T12:34:56.%03dZ level=info msg=\"request served\" host=web-%02d "
               "path=/tiles/%d status=%d"},
    {"klog", "I0131 12:34:56.%06d %7d pod_workers.go:%d] \"Synced pod\" pod=\"default/web-%d\""},
    {"python", "2026-01-31 12:34:56,%03d - shop.cart%02d - INFO - added %d items for %d"},
    {"java", "2026-01-31 12:34:56,%03d INFO  [pool-1-thread-%02d] com.example.shop.Cart - added %d "
             "items for %d"},
};

static double median(const struct sl_text_form *form, const struct sl_form_context *c,
                     const struct sl_slice *all, struct sl_members *m)
{
    double runs[RUNS];

    for (int r = 0; r < RUNS; r++) {
        double begin = now();

        for (size_t i = 0; i < LINES; i++) {
            struct sl_parsed parsed = {.members = m};

            sl_members_begin(m);
            if (form ? !form->parse(c, all[i], &parsed) : !sl_forms_try(c, all[i], &parsed)) {
                fprintf(stderr, "%.*s\n", (int)all[i].n, all[i].p);
                exit(1);
            }
        }
        runs[r] = (now() - begin) / LINES * 1e9;
    }
    return median_of(runs, RUNS);
}

int main(void)
{
    struct sl_zone *zone = NULL;
    struct sl_form_context c = {.kafka_ns = 1769862897000000000};
    struct sl_slice *all = sl_calloc(LINES, sizeof(*all));
    struct sl_members m;

    sl_zone_new(NULL, &zone, NULL);
    c.zone = zone;
    sl_members_init(&m);
    printf("%-12s %8s %12s %10s %10s\n", "form", "bytes", "lines/s", "ns", "auto ns");
    for (size_t k = 0; k < KINDS; k++) {
        const struct sl_text_form *form = sl_form_by_name(sl_slice_str(lines[k][0]));
        size_t bytes = 0;
        double named, by_auto;

        for (size_t i = 0; i < LINES; i++) {
            char text[512];
            int at[4] = {(int)(i % 250), (int)(i % 60), (int)(i % 1000), (int)(i * 7919 % 100000)};
            int n;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            n = snprintf(text, sizeof(text), lines[k][1], at[0], at[1], at[2], at[3]);
#pragma GCC diagnostic pop
            all[i] = sl_slice(sl_strndup(text, (size_t)n), (size_t)n);
            bytes += (size_t)n;
        }
        named = median(form, &c, all, &m);
        by_auto = median(NULL, &c, all, &m);
        printf("%-12s %8.0f %12.0f %10.0f %10.0f\n", form->name, (double)bytes / LINES, 1e9 / named,
               named, by_auto);
        for (size_t i = 0; i < LINES; i++)
            free((void *)(uintptr_t)all[i].p);
    }
    sl_members_release(&m);
    sl_zone_free(zone);
    free(all);
    return 0;
}
