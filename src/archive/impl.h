/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ARCHIVE_IMPL_H
#define SL_ARCHIVE_IMPL_H

#include "archive/archive.h"
#include "archive/fetch.h"
#include "archive/listing.h"
#include "base/inflate.h"

/* A member that is to be read. */
struct sl_chosen {
    uint32_t object;
    uint32_t records, offsets; /* 0: unknown, for this is a whole object */
    uint64_t offset;
    uint32_t length, raw;
    int64_t first, last, least_ns, greatest_ns;
};

/* Neighbours that one request fetches. */
struct sl_run {
    uint32_t object;
    uint64_t offset, length;
    uint32_t left;      /* chosen members of it that were not read yet */
    struct sl_buf body; /* once it is here */
    bool here;
};

struct sl_archive {
    const struct sl_sink_config *config;
    struct sl_s3_client client;
    struct sl_archive_query query;
    sl_archive_done done;
    void *user;
    struct sl_archive_counts counts;
    char trouble[SL_ARCHIVE_WHY_MAX];
    struct sl_inflater *inflater;

    struct sl_archive_object *objects;
    size_t n_objects, cap_objects;

    /* list.c */
    struct sl_archive_request listing;
    bool is_listing;
    char **folders; /* still to be looked into */
    size_t n_folders, cap_folders;
    char *folder; /* the one that is */
    bool flat;    /* with all below it */
    char *list_query;
    struct sl_listing page;
    struct sl_error failure; /* found inside a page */

    /* read.c */
    struct sl_fetch *fetch;
    double index_bytes, indexed_bytes; /* of the objects seen so far: learnt */
    struct sl_chosen *chosen;
    size_t n_chosen, cap_chosen, at_chosen;
    uint32_t *run_of; /* by chosen */
    struct sl_run *runs;
    size_t n_runs, next_run;
    size_t next_object;
    sl_archive_line_fn take_line;
    sl_archive_whole_fn take_whole;
    struct sl_buf lines;
};

/* Tells `done`, which may free a. */
void sl_archive_end(struct sl_archive *a, int code, const struct sl_error *err);
void sl_archive_list_release(struct sl_archive *a);
void sl_archive_read_release(struct sl_archive *a);

#endif
