import base64
import gzip
import html
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from prepose.errors import DataError
from prepose.studies.quickstart.report import write_report


class Page(HTMLParser):
    """Everything of a page that a browser would act on."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.attributes, self.scripts, self.styles, self.words, self._open = [], {}, [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in ("script", "style"):
            self._open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._open.pop()

    def handle_data(self, data):
        if not self._open:
            self.words.append(data)
        elif self._open[-1][0] == "style":
            self.styles.append(data)
        else:
            name = self._open[-1][1] or "code"
            self.scripts[name] = self.scripts.get(name, "") + data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page_file(comparison):
    return write_report(comparison.folder)


@pytest.fixture(scope="module")
def page(page_file):
    return Page(page_file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def report(comparison):
    return json.loads((comparison.folder / "report.json").read_text())


@pytest.fixture(scope="module")
def data(page):
    return json.loads(page.scripts["data"])


def test_the_page_needs_nothing_from_elsewhere(page):
    """Every resource is in the page itself; only a link that a person may follow could lead out of it."""
    resources = [
        (tag, name, value)
        for tag, name, value in page.attributes
        if name in ("src", "href", "srcset", "poster", "data", "action") and tag != "a"
    ]
    assert resources, "pictures at least"
    assert [value[:40] for _, _, value in resources if not value.startswith("data:")] == []
    assert not any(re.search(r"url\((?!['\"]?data:)|@import", style) for style in page.styles)
    assert "link" not in {
        tag for tag, name, value in page.attributes if not value.startswith("data:") and name == "href"
    }


def test_the_pages_own_script_fetches_nothing(page):
    code = page.scripts["code"]
    assert not re.search(r"\bfetch\(|XMLHttpRequest|import\(|https?://|WebSocket|\.src\s*=", code)


def test_the_pages_parts_are_closed(page):
    assert page._open == []
    assert set(page.scripts) == {"data", "plotly", "code"}


def test_plotly_travels_whole(page):
    unpacked = gzip.decompress(base64.b64decode(page.scripts["plotly"])).decode()
    assert "plotly.js v" in unpacked[:200] and len(unpacked) > 1e6


def test_the_page_stays_small(page_file):
    assert page_file.stat().st_size < 3.5e6


def test_every_figure_of_the_report_is_in_the_table(page_file, report):
    rows = re.findall(r"<tr class=\"arm\">.*?</tr>", page_file.read_text(encoding="utf-8"), re.DOTALL)
    assert len(rows) == len(report["arms"])
    for row, arm in zip(rows, report["arms"], strict=True):
        cells = [html.unescape(cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        expected = []
        for each in report["sets"]:
            for measure, factor in (("mpjpe_mm", 1), ("pa_mpjpe_mm", 1), ("pck2d", 100)):
                figure = arm["evaluations"][each["name"]][measure]
                low, high = (figure[end] * factor for end in ("low", "high"))
                expected.append(f"{figure['mean'] * factor:.0f} ({low:.0f} to {high:.0f})")
        assert cells[:9] == expected
        assert cells[9] == f"{arm['images_seen']:,}"
        assert arm["name"] in row


def test_the_page_says_how_to_get_its_numbers_again(page, report):
    assert report["command"] in page.text
    assert all(step in page.text for step in report["steps"])
    assert all(run in page.text for arm in report["arms"] for run in arm["runs"])
    assert f"{report['arms'][0]['parameters']:,} parameters" in page.text


def test_each_test_set_shows_its_best_median_and_worst_cases(page, data, report):
    cases = [value for _, name, value in page.attributes if name == "data-case"]
    assert len(cases) == len(set(cases)) == 6 * len(report["sets"])
    assert set(cases) == set(data["cases"])
    for case in data["cases"].values():
        assert len(case["truth"]) == 16
        assert [arm["name"] for arm in case["arms"]] == [arm["name"] for arm in report["arms"]]
        assert all(len(arm["pose"]) == 16 and arm["mm"] > 0 for arm in case["arms"])


def test_cases_are_ranked_by_the_last_arm(data):
    for name in ("lab", "wild", "occluded"):
        errors = [data["cases"][f"{name}-{number}"]["arms"][-1]["mm"] for number in range(6)]
        assert errors[0] <= errors[1] <= errors[2] <= errors[3] <= errors[5] <= errors[4]


def test_every_bone_has_its_ends_and_colour(data):
    assert len(data["bones"]) == len(data["bone_colours"]) == 15
    assert {joint for bone in data["bones"] for joint in bone} == set(range(16))
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in data["bone_colours"])


def test_a_curve_is_the_mean_of_the_seeds_between_the_lowest_and_the_highest(data, report):
    assert [curve["title"] for curve in data["curves"]] == [each["title"] for each in report["curves"]]
    for curve, each in zip(data["curves"], report["curves"], strict=True):
        for drawn, arm in zip(curve["arms"], report["arms"], strict=True):
            errors = np.array([[point["mpjpe_mm"] for point in seed[each["name"]]] for seed in arm["curves"]])
            assert drawn["mean"] == errors.mean(axis=0).tolist()
            assert (drawn["low"], drawn["high"]) == (errors.min(axis=0).tolist(), errors.max(axis=0).tolist())
            assert len(drawn["images"]) == len(drawn["flops"]) == errors.shape[1]


def test_every_picture_can_be_seen(page):
    pictures = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    cases = json.loads(page.scripts["data"])["cases"].values()
    pictures += [f"data:image/jpeg;base64,{panel['jpeg']}" for case in cases for panel in case["panels"]]
    # Three sets of six cases with the truth and three arms, and three worlds.
    assert len(pictures) == 3 * 6 * 4 + 3
    for picture in pictures:
        kind, encoded = picture.split(",", 1)
        assert kind == "data:image/jpeg;base64"
        decoded = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None and np.ptp(decoded) > 50
    texts = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(texts) == len(pictures) and all(texts)


def test_what_a_user_writes_stays_text(own_comparison):
    """A folder's or an action's name comes from outside: it must not become part of the page's code."""
    path = own_comparison / "report.json"
    spoiled = json.loads(path.read_text())
    spoiled["command"] = "prepose quickstart --out '<script>alert(1)</script>'"
    spoiled["curves"][0]["title"] = "</script><script>alert(2)</script>"
    path.write_text(json.dumps(spoiled))
    page = Page(write_report(own_comparison).read_text(encoding="utf-8"))
    assert set(page.scripts) == {"data", "plotly", "code"} and "alert" not in page.scripts["code"]
    assert spoiled["command"] in page.text
    assert json.loads(page.scripts["data"])["curves"][0]["title"] == spoiled["curves"][0]["title"]


def test_the_same_folder_gives_the_same_page(own_comparison):
    first = write_report(own_comparison).read_bytes()
    assert write_report(own_comparison).read_bytes() == first
    assert not list(own_comparison.glob("*.part"))


def test_an_unfinished_or_damaged_comparison_is_refused_and_the_old_page_stays(own_comparison):
    old = write_report(own_comparison).read_bytes()
    evaluation = own_comparison / "runs/only-3d-seed0/evaluations/lab.npz"
    evaluation.write_bytes(b"")
    with pytest.raises(DataError, match=f"^{evaluation}: does not belong to"):
        write_report(own_comparison)
    evaluation.unlink()
    with pytest.raises(DataError, match=f"^{evaluation}: the arrays of the evaluation cannot be read"):
        write_report(own_comparison)
    assert (own_comparison / "report.html").read_bytes() == old


def test_a_missing_store_is_named(own_comparison):
    shard = next((own_comparison / "stores/occluded/test").glob("*.arrow"))
    shard.unlink()
    with pytest.raises(DataError, match=f"^{shard}: the shard is missing"):
        write_report(own_comparison)
    assert not (own_comparison / "report.html").exists()
