from __future__ import annotations

import pytest

from declarative_paas.providers.runtime import wording
from declarative_paas.providers.runtime.load import LoadAverage, metrics_lines
from declarative_paas.providers.runtime.memory import Memory


def test_the_load_average_tends_to_the_number_of_running_threads() -> None:
    load = LoadAverage()
    for _ in range(3600):
        load = load.observe(3, 1.5)
    assert load.one == pytest.approx(3, abs=0.001)
    assert load.one >= load.five >= load.fifteen > 2.9


def test_two_short_samples_weigh_as_much_as_a_long_one() -> None:
    twice = LoadAverage().observe(2, 1).observe(2, 1)
    once = LoadAverage().observe(2, 2)
    assert twice.fifteen == pytest.approx(once.fifteen)


def test_metrics_read_as_log_runtime_metrics() -> None:
    load, memory = metrics_lines(
        dyno="web.1",
        identifier="abc",
        load=LoadAverage(one=2.456, five=1.06, fifteen=0.99),
        memory=Memory(rss_mb=21.22, pages_in=348836, pages_out=343403),
        quota_mb=512,
    )
    assert load == (
        "source=web.1 dyno=heroku.abc sample#load_avg_1m=2.46 sample#load_avg_5m=1.06 sample#load_avg_15m=0.99"
    )
    assert memory == (
        "source=web.1 dyno=heroku.abc sample#memory_total=21.22MB sample#memory_rss=21.22MB "
        "sample#memory_cache=0.00MB sample#memory_swap=0.00MB sample#memory_pgpgin=348836pages "
        "sample#memory_pgpgout=343403pages sample#memory_quota=512.00MB"
    )


def test_the_command_is_shown_with_its_port_and_with_no_other_variable() -> None:
    shown = wording.starting("serve -p $PORT ${PORT} $PORTAL $SECRET", 5000)
    assert shown == "Starting process with command `serve -p 5000 5000 $PORTAL $SECRET`"
