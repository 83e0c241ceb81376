"""The worked cases of every measure, computed elsewhere, are reproduced within 1e-6."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.effects import Measure
from agents.satisfaction.change import ChangeVerdict, nps_change, share_change
from agents.satisfaction.counts import merge_counts
from agents.satisfaction.derive import ces, csat, kept, mean_figure, nps, proportion, wilson
from agents.satisfaction.scores import band, read_score
from schemas.common import Instrument, Rating

CASES_FILE = Path(__file__).parents[4] / "shared" / "data" / "measures_cases.json"
AT = datetime(2026, 3, 2, tzinfo=UTC)


def cases(*measures: str) -> list[Any]:
    """The cases of some measures; one skipped case with the reason where the file is absent."""
    if not CASES_FILE.exists():
        reason = f"the worked cases are kept beside the project and are not here: {CASES_FILE}"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    found = json.loads(CASES_FILE.read_text())["cases"]
    chosen = [pytest.param(c, id=c["id"]) for c in found if c["measure"] in measures]
    assert chosen, f"no case of {measures} in {CASES_FILE}"
    return chosen


def near(expected: Any) -> Any:
    """Equal within an absolute or relative 1e-6."""
    return pytest.approx(expected, abs=1e-6, rel=1e-6)


def histogram(counts: dict[str, int]) -> dict[int, int]:
    """A histogram as JSON writes it, with numbers for steps."""
    return {int(step): count for step, count in counts.items()}


@pytest.mark.parametrize("case", cases("csat", "csat_merge"))
def test_csat(case: Any) -> None:
    """CSAT is the share of 4 and 5 with its Wilson interval, also from negative partials."""
    parts = case["input"].get("partitions") or [case["input"]["histogram"]]
    for order in (parts, parts[::-1]):
        counts: dict[int, int] = {}
        for part in order:
            counts = merge_counts(counts, histogram(part))
        figure = csat(counts)
        expect = case["expect"]
        assert figure.response_count == expect["n"]
        assert figure.satisfied.ratio == near(expect["ratio"])
        assert [figure.satisfied.low_ratio, figure.satisfied.high_ratio] == near(expect["interval"])
        assert figure.mean == near(expect["mean"])
        assert figure.satisfied.judged is expect["shown"]


@pytest.mark.parametrize("case", cases("nps"))
def test_nps(case: Any) -> None:
    """NPS is the raw point with the adjusted interval."""
    figure = nps(histogram(case["input"]["histogram"]))
    expect = case["expect"]
    assert figure.response_count == expect["n"]
    assert figure.nps == near(expect["nps"])
    assert figure.plain_margin == near(expect["plain_margin"])
    assert [figure.low, figure.high] == near(expect["interval"])
    assert figure.judged is expect["shown"]


@pytest.mark.parametrize("case", cases("ces"))
def test_ces(case: Any) -> None:
    """CES is the mean of 1..7 with a t interval, and the share of 5 to 7."""
    figure = ces(histogram(case["input"]["histogram"]))
    expect = case["expect"]
    assert figure.response_count == expect["n"]
    assert figure.mean.mean == near(expect["mean"])
    assert [figure.mean.low, figure.mean.high] == near(expect["interval"])
    assert figure.easy.ratio == near(expect["easy_ratio"])
    assert [figure.easy.low_ratio, figure.easy.high_ratio] == near(expect["easy_interval"])


@pytest.mark.parametrize("case", cases("mean"))
def test_mean(case: Any) -> None:
    """A mean and its interval follow from count, sum and sum of squares."""
    given, expect = case["input"], case["expect"]
    figure = mean_figure(given["n"], given["sum"], given["sum_squares"])
    assert figure.mean == near(expect["mean"])
    assert [figure.low, figure.high] == near(expect["interval"])


@pytest.mark.parametrize("case", cases("rate"))
def test_rate(case: Any) -> None:
    """Any share has the Wilson interval."""
    figure = proportion(case["input"]["x"], case["input"]["n"])
    assert figure.ratio == near(case["expect"]["ratio"])
    assert [figure.low_ratio, figure.high_ratio] == near(case["expect"]["interval"])


@pytest.mark.parametrize("case", cases("attainment"))
def test_attainment(case: Any) -> None:
    """A promise that is late and still open counts as broken; no promise gives no figure."""
    given, expect = case["input"], case["expect"]
    figure = kept({"t": given["met"]}, {"t": given["missed"] + given["open_late"]})["t"]
    assert figure.of == expect["n"]
    if expect["n"] == 0:
        assert (figure.ratio, figure.low_ratio) == (None, None)
        return
    assert figure.ratio == near(expect["ratio"])
    assert [figure.low_ratio, figure.high_ratio] == near(expect["interval"])


@pytest.mark.parametrize("case", cases("change"))
def test_share_change(case: Any) -> None:
    """A difference of shares is real where Newcombe's interval excludes zero."""
    given, expect = case["input"], case["expect"]
    change = share_change(
        proportion(given["x1"], given["n1"]),
        proportion(given["x0"], given["n0"]),
        given.get("rows", 1),
    )
    assert change.difference == near(expect["change"])
    assert [change.low, change.high] == near(expect["interval"])
    assert (change.verdict in (ChangeVerdict.FALL, ChangeVerdict.RISE)) is expect["real"]


@pytest.mark.parametrize("case", cases("nps_change"))
def test_nps_change(case: Any) -> None:
    """A difference of NPS is real where the interval of the adjusted means excludes zero."""
    given, expect = case["input"], case["expect"]
    change = nps_change(nps(histogram(given["now"])), nps(histogram(given["before"])))
    assert change.difference == near(expect["adjusted_change"])
    assert [change.low, change.high] == near(expect["interval"])
    assert (change.verdict is ChangeVerdict.FALL) is expect["real"]


@pytest.mark.parametrize("case", cases("band"))
def test_band(case: Any) -> None:
    """Bands are the only thing counted across instruments."""
    given, expect = case["input"], case["expect"]
    scales = {"acsi": (1.0, 10.0)}
    name = given["instrument"]
    low, high = scales.get(name, (None, None))
    instrument = Instrument.CUSTOM if name == "acsi" else Instrument(name)
    rating = Rating(instrument, given["score"], scale_min=low, scale_max=high)
    score = read_score(rating, "i", AT).score
    assert score is not None
    assert band(score).value == expect["band"]
    assert score.unit_score == near(expect["unit"])


def test_published_wilson_vectors() -> None:
    """Wilson intervals agree with the published vectors to the digits given."""
    for count, of, low, high in ((74, 107, 59.87, 77.12), (8, 10, 49.02, 94.33), (0, 5, 0, 43.45)):
        assert [round(100 * bound, 2) for bound in wilson(count, of)] == [low, high]


def test_measures_are_named_like_row_fields() -> None:
    """Every measure is a field of the row, or the two that make SERVQUAL's mean."""
    from schemas.satisfaction import SatisfactionRow

    fields = set(SatisfactionRow.__struct_fields__) | {"servqual"}
    assert {measure.value for measure in Measure} <= fields
