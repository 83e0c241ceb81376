"""Figures say when there is nothing to say."""

from hypothesis import given
from hypothesis import strategies as st

from agents.satisfaction.change import ChangeVerdict, nps_change, share_change, z_for
from agents.satisfaction.derive import (
    csat,
    duration,
    figures,
    mean_figure,
    nps,
    proportion,
    t_value,
)
from agents.satisfaction.sketch import sketch_of
from schemas.satisfaction import SatisfactionRow
from schemas.view import SatisfactionFigures


def test_nothing_counted_gives_no_figure() -> None:
    """Missing is missing: an empty row has no ratio, no mean, no quantile, and never a zero."""
    found = figures(SatisfactionRow())
    assert found.csat.satisfied.ratio is found.csat.mean is found.nps.nps is None
    assert found.ces.mean.mean is found.ces.easy.low_ratio is found.servqual_gap.mean is None
    assert found.first_response.p50_seconds is found.resolution.mean_seconds is None
    assert found.kept.ratio is found.repeat_contacts.ratio is None
    assert found.kept_by_target == {}


def test_all_figures_of_a_row() -> None:
    """Every figure follows from the counts of its own row."""
    row = SatisfactionRow(
        contacts=20,
        repeat_contacts=5,
        complaints_opened=7,
        complaints_resolved=4,
        complaints_reopened=1,
        csat={5: 6, 1: 2},
        nps={10: 5},
        ces={7: 5},
        servqual_count=2,
        servqual_gap_sum=-3.0,
        first_response=sketch_of([60, 60, 60, 60, 600]),
        met={"first_response": 9, "update": 1},
        breached={"first_response": 1},
    )
    found: SatisfactionFigures = figures(row)
    assert (found.csat.satisfied.ratio, found.csat.mean) == (0.75, 4)
    assert (found.nps.nps, found.ces.easy.ratio, found.servqual_gap.mean) == (100, 1, -1.5)
    assert (found.repeat_contacts.ratio, found.complaints_open) == (0.25, 4)
    assert (found.kept.count, found.kept.of) == (10, 11)
    assert found.kept_by_target["first_response"].ratio == 0.9
    assert found.first_response.mean_seconds == 168
    assert found.first_response.p50_seconds is not None
    assert abs(found.first_response.p50_seconds / 60 - 1) < 0.091
    assert found.first_response.judged


def test_four_answers_are_not_judged_and_five_are() -> None:
    """Under five answers a figure says that it is not to be judged."""
    assert not csat({5: 4}).satisfied.judged
    assert csat({5: 5}).satisfied.judged
    assert not nps({10: 4}).judged
    assert not duration(sketch_of([1, 2, 3, 4])).judged
    assert mean_figure(4, 8, 20).low is None
    assert mean_figure(5, 10, 24).low is not None


def test_t_values_agree_with_the_tables() -> None:
    """The series for Student's t is within 0.3 % of the tables from 4 degrees of freedom on."""
    for degrees, exact in ((4, 2.776445), (9, 2.262157), (29, 2.045230), (99, 1.984217)):
        assert abs(t_value(degrees) / exact - 1) < 0.003


def test_a_level_for_many_rows_is_wider() -> None:
    """Ten rows shown together need a wider interval than one."""
    assert z_for(1) < z_for(2) < z_for(10)
    assert abs(z_for(10) - 2.8070337683438) < 1e-9


def test_too_few_answers_are_not_compared() -> None:
    """With 29 answers in one period nothing is said about the change."""
    few, many = proportion(1, 29), proportion(295, 300)
    assert share_change(few, many).verdict is ChangeVerdict.UNKNOWN
    assert share_change(proportion(0, 0), many) == (ChangeVerdict.UNKNOWN, None, None, None)
    assert nps_change(nps({0: 29}), nps({10: 300})).verdict is ChangeVerdict.UNKNOWN
    assert nps_change(nps({0: 30}), nps({10: 300})).verdict is ChangeVerdict.FALL
    assert share_change(proportion(30, 30), proportion(1, 30)).verdict is ChangeVerdict.RISE


@given(st.integers(-5, 500), st.integers(-5, 500))
def test_a_share_lies_in_its_interval(count: int, of: int) -> None:
    """Whatever a lagging partition leaves, a share lies within 0..1 and within its interval."""
    found = proportion(count, of)
    if found.ratio is None:
        assert of <= 0
        return
    assert found.low_ratio is not None
    assert found.high_ratio is not None
    assert 0 <= found.low_ratio <= found.ratio + 1e-12 <= found.high_ratio + 2e-12 <= 1 + 2e-12
