"""Charts: well-formed SVG without style or script, with words for those who cannot see it."""

import xml.etree.ElementTree as ET

import pytest
from tests.surfaces.dashboard.conftest import HOSTILE

from sluicegate.surfaces.dashboard.charts import Series, bars, lines

_SVG = "{http://www.w3.org/2000/svg}"


def _read(svg: str) -> ET.Element:
    """The picture, in SVG's namespace, as an HTML page puts it there."""
    return ET.fromstring(str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@pytest.mark.parametrize("draw", [bars, lines])
def test_a_chart_is_named_described_and_holds_no_style_and_no_script(draw):
    svg = _read(draw("calls", f"Calls {HOSTILE}", ["a", HOSTILE], [Series(HOSTILE, [1, 2.5]), Series("b", [0, 9])]))
    assert (svg.get("role"), svg.get("aria-labelledby")) == ("img", "calls-title calls-words")
    assert {svg.findtext(f"{_SVG}title"), svg.find(f"{_SVG}title").get("id")} == {f"Calls {HOSTILE}", "calls-title"}
    assert f"{HOSTILE}: 3.5 in all, most at {HOSTILE} with 2.5" in svg.findtext(f"{_SVG}desc")
    kinds = {element.tag.removeprefix(_SVG) for element in svg.iter()}
    assert kinds <= {"svg", "title", "desc", "line", "text", "rect", "polyline", "circle"}
    assert not any(name in {"style", "href"} or name.startswith("on") for e in svg.iter() for name in e.attrib)


def test_bars_are_as_high_as_their_figures():
    svg = _read(bars("x", "x", ["a", "b", "c"], [Series("s", [10, 20, 0])]))
    heights = [float(rect.get("height")) for rect in svg.iter(f"{_SVG}rect")]
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.01)
    assert len(heights) == 2  # nothing is drawn for nothing


def test_a_line_has_a_point_for_every_figure_within_the_picture():
    labels = [str(day) for day in range(30)]
    svg = _read(lines("x", "x", labels, [Series("s", [day * 1000.0 for day in range(30)])]))
    line = next(svg.iter(f"{_SVG}polyline"))
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    assert len(points) == 30
    _, _, width, height = map(float, svg.get("viewBox").split())
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)


@pytest.mark.parametrize("draw", [bars, lines])
def test_no_figures_at_all_and_only_zeros_are_charts_too(draw):
    assert "There is nothing to show yet." in draw("x", "x", [], [])
    _read(draw("x", "x", ["a"], [Series("s", [0])]))
    _read(draw("x", "x", ["a"], [Series("s", [1e12])]))


@pytest.mark.parametrize(
    ("labels", "values"),
    [(["a"], [-1]), (["a"], [float("nan")]), (["a"], [float("inf")]), (["a"], [1, 2]), (["a"] * 401, [1] * 401)],
)
def test_figures_that_make_no_chart_are_refused(labels, values):
    with pytest.raises(ValueError, match=r"figure|label"):
        bars("x", "x", labels, [Series("s", values)])
