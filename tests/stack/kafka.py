# SPDX-License-Identifier: Apache-2.0
"""What tests ask of a Kafka broker: topics, offsets, records read back byte for byte."""
import pathlib
import subprocess

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewPartitions, NewTopic
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError

from .process import wait_until

# The library would try versions one after the other to learn this; brokers from 4.0 on no longer know some.
VERSION = (2, 5, 0)


class Broker:
    def __init__(self, address):
        self.address = address

    def _admin(self):
        return KafkaAdminClient(bootstrap_servers=self.address, api_version=VERSION)

    def consumer(self, **more):
        return KafkaConsumer(bootstrap_servers=self.address, api_version=VERSION,
                             enable_auto_commit=False, **more)

    def producer(self, **more):
        return KafkaProducer(bootstrap_servers=self.address, api_version=VERSION, acks="all",
                             max_request_size=8 << 20, **more)

    def make_topic(self, name, partitions=1, **config):
        """Config names are written with _ for the dots."""
        admin = self._admin()
        try:
            admin.create_topics([NewTopic(name, partitions, 1, topic_configs={
                key.replace("_", "."): str(value) for key, value in config.items()})])
        except TopicAlreadyExistsError:
            pass
        finally:
            admin.close()
        wait_until(lambda: len(self._partitions(name)) == partitions, 30, f"topic {name}")

    def add_partitions(self, name, total):
        admin = self._admin()
        admin.create_partitions({name: NewPartitions(total)})
        admin.close()
        wait_until(lambda: len(self._partitions(name)) == total, 30, f"{total} partitions of {name}")

    def remove_topic(self, name):
        admin = self._admin()
        try:
            admin.delete_topics([name])
        except UnknownTopicOrPartitionError:
            pass
        finally:
            admin.close()

    def _partitions(self, topic):
        consumer = self.consumer()
        try:
            return consumer.partitions_for_topic(topic) or set()
        finally:
            consumer.close()

    def ends(self, topic):
        """{partition: end offset}"""
        consumer = self.consumer()
        try:
            where = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
            return {tp.partition: offset for tp, offset in consumer.end_offsets(where).items()}
        finally:
            consumer.close()

    def committed(self, group, topic):
        """{partition: committed offset}, None where there is none."""
        consumer = self.consumer(group_id=group)
        try:
            where = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
            return {tp.partition: consumer.committed(tp) for tp in where}
        finally:
            consumer.close()

    def lag(self, group, topic):
        """Records between what the group committed and the end, over all partitions."""
        committed = self.committed(group, topic)
        return sum(end - (committed.get(p) or 0) for p, end in self.ends(topic).items())

    def read(self, topic, deadline=60):
        """Every record that is in the topic now, in no order between partitions."""
        records = []
        self.read_each(topic, records.extend, deadline)
        return records

    def read_each(self, topic, take, deadline=60):
        """The same, in pieces: take(records) is called with each."""
        ends = {p: end for p, end in self.ends(topic).items()}
        consumer = self.consumer(fetch_max_bytes=16 << 20, max_partition_fetch_bytes=8 << 20)
        try:
            where = [TopicPartition(topic, p) for p in ends]
            consumer.assign(where)
            consumer.seek_to_beginning()

            def done():
                for batch in consumer.poll(timeout_ms=200).values():
                    take(batch)
                return all(consumer.position(tp) >= ends[tp.partition] for tp in where)

            wait_until(done, deadline, f"reading {topic}", every=0)
        finally:
            consumer.close()

    def produce(self, topic, records, partition=None):
        """records: (key, value, headers) of bytes, None where there is none."""
        producer = self.producer()
        try:
            sent = [producer.send(topic, key=key, value=value, headers=headers or [], partition=partition)
                    for key, value, headers in records]
            producer.flush(60)
            return [future.get(30) for future in sent]
        finally:
            producer.close()

    def produce_files(self, topic, files, *, compression="none", key_delimiter="\t"):
        """One record a line, `key<TAB>value`; files: {partition: path}. Fast: kcat, one a partition."""
        running = [
            (path, subprocess.Popen(
                ["kcat", "-P", "-b", self.address, "-t", topic, "-p", str(partition), "-K",
                 key_delimiter, "-z", compression, "-X", "linger.ms=20", "-X", "acks=all",
                 "-X", "queue.buffering.max.kbytes=262144", "-l", str(pathlib.Path(path))],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
            for partition, path in files.items()]
        for path, child in running:
            out = child.communicate()[0]
            if child.returncode or "failed" in out.lower():
                raise RuntimeError(f"kcat could not produce {path}: {out}")
