"""The page of what each step took."""

from cluster.observe.usage import StepUsage
from workloads.corpus.page_timings import timings_page

READING = StepUsage("reading", 30.0, 45.0, 1_290_000_000, 120_000_000, 310_000_000, whole=True)
WRITING = StepUsage("writing", 10.0, 5.0, 900_000_000, 160_000_000, 0, whole=True)


def test_the_page_has_every_step_and_what_all_of_them_took() -> None:
    page = timings_page("a<b", (READING, WRITING), 4_000_000)
    assert "a&lt;b" in page
    for figure in ("40.0 s", "50.0 s", "100,000 characters a second", "1.29 GB", "all processes together, while reading"):
        assert figure in page
    assert page.count("<tr>") == 3
    assert 'style="width:75.00%"' in page
    assert "shared memory counted once" in page
    assert "http" not in page


def test_the_page_says_where_workers_were_not_seen() -> None:
    alone = StepUsage("reading", 7_300.0, 0.5, 90_000_000, 90_000_000, 0, whole=False)
    page = timings_page("joined", (alone,), 10)
    assert "Of the driver alone" in page
    assert "2.0 h" in page
