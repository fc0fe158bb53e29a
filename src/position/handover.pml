/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of hand-over (position.h, "Who serves what"; serve.c), for spin: one partition of N
 * records, the live reader, the side reader, one sink with a queue of two, which may be detached at
 * any time, a committed position, and a crash at any time. Another sink, which is always at the
 * live reader's next offset, makes the live reader go on.
 *
 * What is asserted: nothing is passed over (a position never lies beyond a record that the sink
 * does not have, and in the end it has all), nothing is given twice but what a detach let go of or
 * a crash forgot, and whatever happens, it does not end before all is done.
 * -DEARLY, -DLATE, -DUNREAD, -DKEEP: wrong orders, each of which spin must find.
 *
 * tests/unit/position/handover.sh runs it. */

#ifndef N
#define N 4
#endif
#define QUEUE 2
#define FAR 14  /* from: the live reader does not serve the sink */
#define NONE 15 /* catch_up: attached */

byte next, from;
byte catch_up = NONE;
bool queued[N], had[N];
byte n_queued;
byte given[N], excuses[N];
byte committed, committed_next; /* the sink's position and the other one's */
bool committed_behind;
byte detaches = 2, crashes = 1;
byte i, at;
bool changed; /* since the last commit */

#define all_done (next == N && n_queued == 0 && catch_up == NONE && committed == N && !changed)
#define room (n_queued < QUEUE)

inline find_position()
{
    if
    :: catch_up != NONE -> at = catch_up
    :: catch_up == NONE && from > next -> at = from
    :: else -> at = next
    fi;
#ifdef UNREAD /* what is still to be read counts as had once the hand-over is fixed */
    if
    :: catch_up != NONE && from != FAR -> at = (from > next -> from : next)
    :: else
    fi;
#endif
    i = 0;
    do
    :: i < N && i < at && queued[i] -> at = i; break
    :: i < N && i < at && !queued[i] -> i++
    :: else -> break
    od;
    i = 0
}

inline give(o)
{
    queued[o] = true;
    n_queued++;
    given[o]++;
    assert(given[o] <= 1 + excuses[o])
}

inline attach_when_caught_up()
{
    if
    :: catch_up >= from ->
        catch_up = NONE;
#ifdef LATE
        from++
#endif
    :: else
    fi
}

/* What the sink was given from its position on will be given again. */
inline forget(position)
{
    i = position;
    do
    :: i < N ->
        excuses[i] = given[i];
        if
        :: queued[i] -> queued[i] = false; n_queued--
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0;
    changed = true
}

active proctype live()
{
end:
    do
    :: d_step { next < N && next < from -> next++; changed = true }
    :: d_step { next < N && next >= from && room -> give(next); next++; changed = true }
    od
}

active proctype side()
{
end:
    do
    :: d_step {
           catch_up != NONE && catch_up < N && catch_up < from && room ->
           give(catch_up);
           catch_up++;
           attach_when_caught_up();
           changed = true
       }
    od
}

active proctype sink()
{
    byte o;

end:
    do
    :: atomic {
           n_queued > 0 ->
           select(o : 0 .. N - 1);
           if
           :: queued[o] -> queued[o] = false; n_queued--; had[o] = true; changed = true
           :: else
           fi;
           o = 0
       }
    od
}

active proctype flow()
{
end:
    do
    :: d_step {
           detaches > 0 ->
           detaches--;
           find_position();
           catch_up = at;
           from = FAR;
#ifndef KEEP /* what the sink had queued stays in its queue */
           forget(at);
#endif
           at = 0
       }
    :: d_step {
           catch_up != NONE && from == FAR ->
           from = (next > catch_up -> next : catch_up);
#ifdef EARLY
           from = (from > catch_up -> from - 1 : from);
#endif
           attach_when_caught_up();
           changed = true
       }
    od
}

active proctype commit()
{
end:
    do
    :: d_step {
           changed ->
           changed = false;
           find_position();
           committed = at;
           committed_next = next;
           committed_behind = (catch_up != NONE);
           do
           :: i < at -> assert(had[i]); i++
           :: else -> break
           od;
           i = 0;
           at = 0
       }
    od
}

active proctype death()
{
end:
    do
    :: d_step {
           crashes > 0 ->
           crashes--;
           forget(committed);
           next = committed_next;
           if
           :: committed_behind -> catch_up = committed; from = FAR
           :: else ->
               catch_up = NONE;
               from = committed;
               next = (committed < next -> committed : next)
           fi
       }
    od
}

/* Nothing can be done any more: then everything is. */
active proctype judge()
{
    timeout -> assert(all_done)
}
