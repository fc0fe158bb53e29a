# SPDX-License-Identifier: Apache-2.0
"""One Kafka, OpenSearch and S3Proxy for the whole run; fresh topics, group, indexes and bucket a test."""
import os
import signal

import pytest

from tests.stack import process
from tests.stack.router import program
from tests.stack.stack import Stack

from .world import World


@pytest.fixture(scope="session", autouse=True)
def _ends_with_its_servers():
    process.exit_on_sigterm()
    yield
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.fixture(scope="session")
def stack():
    assert program().exists(), f"{program()} is not built: cmake --preset release && ninja -C build"
    with Stack(["kafka", "opensearch", "s3proxy"], print) as running:
        yield running


@pytest.fixture(scope="module")
def elasticsearch(stack):
    """Only as long as its own tests need it: it takes 800 MB."""
    yield stack.add("elasticsearch")
    stack.remove("elasticsearch")


@pytest.fixture
def world(stack, tmp_path, request):
    w = World(stack, tmp_path)
    try:
        yield w
        w.check_logs()
    finally:
        w.close(keep_logs=getattr(request.node, "failed", False))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.failed = True
        world = getattr(item, "funcargs", {}).get("world")
        if world and call.when == "call":
            for router in world.routers:
                report.sections.append((f"end of {router.log.name}", router.log_tail(25)))


def pytest_report_header():
    return f"sluice: {program()}, records: {os.environ.get('SLUICE_RECORDS', '200000')}"
