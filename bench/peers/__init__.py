# SPDX-License-Identifier: Apache-2.0
"""Other routers in the same table: one adapter file each, which adds to PEERS.

A peer has a name, its guarantees in a sentence, the topic it reads, and run(source, group, folder), which returns
{"rate": records a second, "cpu": CPU seconds a record, "rss": peak bytes}.
"""
from bench.peers import rsyslog

PEERS = [*rsyslog.PEERS]
