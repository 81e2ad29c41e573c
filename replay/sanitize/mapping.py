"""One policy's map under one key: the leaves, and the walkers of what stands inside texts.

The sanitiser of exchanges and that of tables build on it, so a value has one pseudonym in a capture and in a table.
"""

from __future__ import annotations

from collections import Counter

from replay.sanitize.dates import Clock
from replay.sanitize.keys import Key
from replay.sanitize.leaves import Leaves
from replay.sanitize.policy import Policy
from replay.sanitize.pseudonyms import Pseudonyms
from replay.sanitize.walk import Walk
from replay.sanitize.walkers import graphql
from replay.sanitize.walkers.json_text import JsonText
from replay.sanitize.walkers.urls import Urls


class Map:
    """The leaves of ``key`` joined with the walkers of URLs, JSON and GraphQL under ``policy``.

    Args:
        policy: what may pass.
        key: the root key of the pseudonyms.
        epoch_ns: the capture's start, nanoseconds since 1970; all times are written from it.
        counts: where the walkers count what they met.
    """

    def __init__(self, policy: Policy, key: Key, epoch_ns: int, counts: Counter[str]) -> None:
        self.pseudonyms = Pseudonyms(key)
        self.clock = Clock(epoch_ns, self.pseudonyms.number)
        self.leaves = leaves = Leaves(self.pseudonyms, self.clock)
        self.walk = Walk(policy, leaves, counts)
        self.urls = Urls(self.walk)
        self.documents = JsonText(self.walk)
        leaves.url = self.urls.reference
        leaves.document = self.documents.nested
        leaves.query = lambda text: graphql.mapped(self.walk, text) if graphql.is_graphql(text) else None
