# SPDX-License-Identifier: Apache-2.0
"""JSON by its spelling: what a router that leaves bytes alone must not change."""
import json


class Number(str):
    """A JSON number by its spelling, so that 1.0, 1 and 1e0 differ."""

    __slots__ = ()


def exact(text):
    """JSON whose numbers keep their spelling."""
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)
