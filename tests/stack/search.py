# SPDX-License-Identifier: Apache-2.0
"""Reading back from OpenSearch and Elasticsearch, independent of Sluice."""
import json
import urllib.error
import urllib.request

from .exact import exact
from .process import wait_until


class Search:
    def __init__(self, url):
        self.url = url

    def call(self, method, path, body=None, plain=False):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            text = reply.read().decode()
        return text if plain else json.loads(text or "null")

    def template(self, name, pattern, properties=None, **settings):
        """An index template, as an operator would install: types that must not be guessed."""
        self.call("PUT", f"/_index_template/{name}", {
            "index_patterns": [pattern],
            "template": {"settings": {"number_of_shards": 1, "number_of_replicas": 0, **settings},
                         "mappings": {"properties": properties or {}}}})

    def indices(self, pattern="*"):
        rows = self.call("GET", f"/_cat/indices/{pattern}?format=json&h=index")
        return sorted(row["index"] for row in rows if not row["index"].startswith("."))

    def refresh(self, pattern):
        self.call("POST", f"/{pattern}/_refresh?ignore_unavailable=true")

    def count(self, pattern):
        self.refresh(pattern)
        return self.call("GET", f"/{pattern}/_count?ignore_unavailable=true")["count"]

    def counts(self, pattern):
        """{index: documents}"""
        self.refresh(pattern)
        return {index: self.call("GET", f"/{index}/_count")["count"] for index in self.indices(pattern)}

    def remove(self, pattern):
        for index in self.indices(pattern):
            self.call("DELETE", f"/{index}")

    def first_page(self, pattern, page):
        """None while an index that was made this moment has a shard that does not answer: part of the documents
        would be taken for all."""
        self.refresh(pattern)
        try:
            return self.call("POST", f"/{pattern}/_search?scroll=2m&ignore_unavailable=true"
                                     "&allow_partial_search_results=false",
                             {"size": page, "sort": ["_doc"]}, plain=True)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return None

    def documents(self, pattern, page=5000):
        """Yields (index, id, source) of every document; numbers keep their spelling."""
        text = wait_until(lambda: self.first_page(pattern, page), 60, f"every shard of {pattern} answers")
        while True:
            reply = exact(text)
            hits = reply["hits"]["hits"]
            if not hits:
                break
            for hit in hits:
                yield hit["_index"], hit["_id"], hit["_source"]
            text = self.call("POST", "/_search/scroll", {
                "scroll": "2m", "scroll_id": reply["_scroll_id"]}, plain=True)
        if "_scroll_id" in reply:           # not where no index exists
            try:
                self.call("DELETE", "/_search/scroll", {"scroll_id": reply["_scroll_id"]})
            except urllib.error.HTTPError:
                pass                        # it has ended already
