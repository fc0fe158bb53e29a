# SPDX-License-Identifier: Apache-2.0
"""A small S3 client: Signature Version 4 from the standard library, independent of Sluice's own."""
import base64
import datetime
import gzip
import hashlib
import hmac
import http.client
import subprocess
import urllib.parse
import xml.etree.ElementTree as xml

XMLNS = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"S3 answered {status}: {body[:300]!r}")
        self.status = status


class Client:
    def __init__(self, url, access_key, secret_key, region="us-east-1"):
        self.host = urllib.parse.urlsplit(url).netloc
        self.access_key, self.secret_key, self.region = access_key, secret_key, region

    def _authorization(self, method, path, query, headers, payload_hash):
        now = headers["x-amz-date"]
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        names = ";".join(sorted(headers))
        canonical = "\n".join([
            method, path, query, *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names,
            payload_hash])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope,
                             hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        return (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={names}, "
                f"Signature={signature}")

    def request(self, method, path, query=(), body=b"", extra=None):
        """(status, headers, body); raises Refused for anything but 2xx."""
        path = urllib.parse.quote(path, safe="/-._~")
        query = "&".join(sorted(f"{urllib.parse.quote(k, safe='-._~')}={urllib.parse.quote(v, safe='-._~')}"
                                for k, v in query))
        payload_hash = hashlib.sha256(body).hexdigest()
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": self.host, "x-amz-date": now, "x-amz-content-sha256": payload_hash,
                   **(extra or {})}
        headers["authorization"] = self._authorization(method, path, query, headers, payload_hash)
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path + (f"?{query}" if query else ""), body or None, headers)
            reply = connection.getresponse()
            data = reply.read()
            if reply.status // 100 != 2:
                raise Refused(reply.status, data)
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, data
        finally:
            connection.close()

    def alive(self):
        try:
            self.request("GET", "/")
            return True
        except (Refused, OSError, http.client.HTTPException):
            return False

    def make_bucket(self, bucket):
        self.request("PUT", f"/{bucket}")

    def put(self, bucket, key, body, headers=None):
        return self.request("PUT", f"/{bucket}/{key}", body=body, extra=headers)[1]

    def get(self, bucket, key):
        """(headers, bytes)"""
        return self.request("GET", f"/{bucket}/{key}")[1:]

    def keys(self, bucket, prefix=""):
        """Every key, in order."""
        found, token = [], None
        while True:
            query = [("list-type", "2"), ("prefix", prefix), ("max-keys", "1000")]
            if token:
                query.append(("continuation-token", token))
            page = xml.fromstring(self.request("GET", f"/{bucket}", query)[2])
            found += [item.findtext(f"{XMLNS}Key") for item in page.iter(f"{XMLNS}Contents")]
            token = page.findtext(f"{XMLNS}NextContinuationToken")
            if page.findtext(f"{XMLNS}IsTruncated") != "true" or not token:
                return found


def unpack(key, data):
    """The lines' text of one archive object, by the ending of its key."""
    if key.endswith(".gz"):
        return gzip.decompress(data)
    if key.endswith(".zst"):                # the standard library has no zstd
        return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def checksum_problems(headers, data):
    """What does not agree between an object's bytes and what the store says of them."""
    wrong = []
    etag = headers.get("etag", "").strip('"')
    if etag and len(etag) == 32 and etag != hashlib.md5(data).hexdigest():
        wrong.append(f"ETag is {etag}, MD5 is {hashlib.md5(data).hexdigest()}")
    sha = headers.get("x-amz-checksum-sha256")
    if sha and base64.b64decode(sha) != hashlib.sha256(data).digest():
        wrong.append("x-amz-checksum-sha256 differs")
    if int(headers.get("content-length", len(data))) != len(data):
        wrong.append(f"{len(data)} bytes arrived of {headers['content-length']}")
    return wrong
