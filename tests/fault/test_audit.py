# SPDX-License-Identifier: Apache-2.0
"""What the auditor lets pass where partitions were lost: what no commit covered, and nothing else."""
import datetime
import json

import pytest


def says_lost(router, when):
    time = datetime.datetime.fromtimestamp(when, datetime.timezone.utc).isoformat()
    with router.log.open("a") as log:
        log.write(json.dumps({"time": time, "level": "info", "msg": "partitions lost", "partitions": "1"}) + "\n")


def test_the_webhook_has_twice_what_was_lost_and_nothing_else(world):
    world.make_topic(partitions=1)
    world.produce(world.for_all(100))
    router = world.router()
    world.wait_done(router)
    world.finish(router)
    world.audit()
    accepted = world.receiver.accepted
    when, message, records = accepted[0]
    world.receiver.records += records

    accepted.append((when + 3600, "msg_again", records))
    with pytest.raises(AssertionError, match=f"{len(records)} records arrived twice, 0 of them"):
        world.audit()                       # nobody lost anything
    says_lost(router, when + 1800)
    with pytest.raises(AssertionError, match=f"{len(records)} records arrived twice, 0 of them"):
        world.audit()                       # it was committed long ago
    accepted[0], accepted[-1] = (when - 60, message, records), (when - 30, "msg_again", records)
    with pytest.raises(AssertionError, match=f"{len(records)} records arrived twice, 0 of them"):
        world.audit()                       # not committed then, but nothing was lost between
    says_lost(router, when - 40)
    world.audit()
