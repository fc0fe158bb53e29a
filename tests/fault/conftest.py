# SPDX-License-Identifier: Apache-2.0
"""The servers of tests/integration, and a fault proxy before them."""
import pytest

from tests.integration.conftest import _ends_with_its_servers, pytest_report_header, pytest_runtest_makereport  # noqa: F401
from tests.stack.router import program
from tests.stack.stack import Stack

from .world import FaultWorld, WayKafka


@pytest.fixture(scope="session")
def stack():
    assert program().exists(), f"{program()} is not built: cmake --preset release && ninja -C build"
    with Stack(["kafka", "opensearch", "s3proxy"], print, classes={"kafka": WayKafka}) as running:
        yield running


@pytest.fixture
def world(stack, tmp_path, request):
    w = FaultWorld(stack, tmp_path)
    try:
        yield w
        w.check_logs()
    finally:
        w.close(keep_logs=getattr(request.node, "failed", False))
