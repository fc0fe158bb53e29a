/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_LIST_H
#define SL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* An intrusive ring. A list head and a member are the same struct; a member that is in no list
 * points to itself once initialised. */
struct sl_list {
    struct sl_list *next, *prev;
};

#define sl_container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define sl_list_each(at, head) for ((at) = (head)->next; (at) != (head); (at) = (at)->next)
/* `at` may be removed inside. */
#define sl_list_each_safe(at, after, head)                                                         \
    for ((at) = (head)->next, (after) = (at)->next; (at) != (head);                                \
         (at) = (after), (after) = (at)->next)

static inline void sl_list_init(struct sl_list *l)
{
    l->next = l->prev = l;
}

static inline bool sl_list_empty(const struct sl_list *l)
{
    return l->next == l;
}

static inline void sl_list_push(struct sl_list *head, struct sl_list *l) /* at the tail */
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void sl_list_push_front(struct sl_list *head, struct sl_list *l)
{
    sl_list_push(head->next, l);
}

static inline void sl_list_remove(struct sl_list *l) /* harmless for a member of no list */
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    sl_list_init(l);
}

#endif
