import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from fakes_study import THREE_WORLDS, Fake, fake_study, write
from prepose.errors import DataError
from prepose.studies.quickstart.report import write_report_of
from prepose.studies.report.csv_files import TABLES
from prepose.studies.report.write import as_lines, write_study_report

VOID = {"meta", "link", "img", "br", "hr", "input"}
LATIN = re.compile(r"[^\x00-\x7f–−×·±→∞]")


class Page(HTMLParser):
    """A page's elements, refused where one is closed that is not open."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.attributes, self.words, self.scripts = [], [], [], [], {}
        self.feed(text)
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("id", "code")))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, f"</{tag}> while {self.open[-1:]} is open"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "script":
            self.scripts[self.open[-1][1]] = data
        elif self.open and self.open[-1][0] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def folder(crossed, tmp_path_factory):
    """A copy of the crossed study with its report."""
    copy = shutil.copytree(crossed, tmp_path_factory.mktemp("reported") / "study")
    write_study_report(copy)
    return copy


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_report_is_a_page_a_text_tables_and_all_figures(folder, crossed_told):
    assert json.loads((folder / "results.json").read_text()) == crossed_told
    # It searched for no settings.
    assert {path.stem for path in (folder / "tables").glob("*.csv")} == set(TABLES) - {"tuning"}
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("# fake\n")
    assert not list(folder.rglob("*.part"))


def test_the_page_is_well_formed_and_names_nothing_twice(page):
    assert len(page.ids) == len(set(page.ids))
    assert set(page.scripts) == {"data", "plotly", "code"}
    assert {"answer", "table", "comparisons", "curves", "compute", "matrix", "parts", "groups", "confidence", "cases",
            "costs", "unfinished", "again"} <= set(page.ids)  # fmt: skip


def test_the_page_needs_nothing_from_elsewhere(page):
    sources = [
        value for tag, name, value in page.attributes if name in ("src", "href", "srcset", "action") and tag != "a"
    ]
    assert all(value.startswith("data:") for value in sources)
    assert not re.search(r"\bfetch\(|XMLHttpRequest|import\(|https?://|WebSocket|\.src\s*=", page.scripts["code"])


def test_the_page_says_what_the_figures_say(page, crossed_told):
    for each in crossed_told["comparisons"]:
        assert each["statement"] in page.text and each["answer"] in page.text
    for each in crossed_told["compute"]:
        assert each["sentence"] in page.text
    for each in crossed_told["sets"]:
        for arm in each["arms"].values():
            assert f"{arm['measures']['mpjpe_mm']['mean']:.1f}" in page.text
    assert all(trial["id"] in page.text for trial in crossed_told["trials"])
    assert "out of memory: <killed>" in page.text and "store lab is not in the study's folder" in page.text


def test_every_place_that_the_script_draws_in_is_there(tmp_path):
    page = Page(write_study_report(fake_study(tmp_path / "study", THREE_WORLDS)).read_text(encoding="utf-8"))
    code = page.scripts["code"]
    drawn = set(re.findall(r'Plotly\.react\("([a-z]+)"', code)) | set(re.findall(r'getElementById\("([a-z]+)"\)', code))
    assert drawn - {"data", "plotly", "pose", "viewer"} <= set(page.ids)
    sets = [value for _, name, value in page.attributes if name == "data-of-set"]
    assert set(sets) == {"lab", "wild", "occluded"}


def test_what_the_figures_lack_has_no_place(page):
    assert "level" not in page.ids, "two worlds fit in the table"


def test_no_sign_is_used_that_fonts_lack(page):
    assert LATIN.findall(page.text) == []


def test_the_page_stays_small_with_pictures(tmp_path):
    study = fake_study(tmp_path / "study", Fake(drawn=True, samples=9, people=3))
    path = write_study_report(study)
    assert path.stat().st_size < 3e6
    page = Page(path.read_text(encoding="utf-8"))
    assert sum((tag, name) == ("img", "data-of") for tag, name, _ in page.attributes) == 2 * 6 * 3
    held = json.loads(page.scripts["data"])
    assert all(panel["jpeg"] for case in held["cases"].values() for panel in case["panels"])
    assert len([1 for _, name, _ in page.attributes if name == "data-case"]) == 12


def test_a_page_keeps_its_images_where_the_stores_are_elsewhere(tmp_path):
    study, elsewhere = fake_study(tmp_path / "study", Fake(drawn=True, samples=9, people=3)), tmp_path / "elsewhere"
    shutil.move(study / "stores", elsewhere)
    file = study / "report.html"

    def images():
        return json.loads(Page(file.read_text(encoding="utf-8")).scripts["data"])["cases"]

    write_study_report(study, stores={"lab": elsewhere / "lab", "wild": elsewhere / "wild"})
    drawn = images()
    assert len(drawn) == 12
    for _ in range(2):
        write_study_report(study)
        assert images() == drawn
        assert "kept from the earlier report; lab test: store lab is not" in Page(file.read_text(encoding="utf-8")).text
    for spoiled in ('"arms":["', '"bones":[['):
        kept = file.read_text(encoding="utf-8")
        file.write_text(kept.replace(spoiled, spoiled.replace("[", "[{},"), 1), encoding="utf-8")
        write_study_report(study)
        assert images() == {}
        file.write_text(kept, encoding="utf-8")
    file.unlink()
    write_report_of(study, stores_in=elsewhere)
    assert images() == drawn
    with pytest.raises(DataError, match=r"contains none of the study's stores; expected lab-[0-9a-f]{8}, wild-"):
        write_report_of(study, stores_in=tmp_path)


def test_a_published_study_is_rendered_again_without_its_trials(tmp_path):
    study = fake_study(tmp_path / "study", Fake(drawn=True, samples=9, people=3))
    write_study_report(study)
    kept = {path.name: path.read_bytes() for path in study.iterdir() if path.is_file()}
    tables = {path.name for path in (study / "tables").iterdir()}
    shutil.rmtree(study / "trials")
    shutil.rmtree(study / "tables")
    write_study_report(study)
    assert {path.name: path.read_bytes() for path in study.iterdir() if path.is_file()} == kept
    assert {path.name for path in (study / "tables").iterdir()} == tables
    (study / "report.html").unlink()
    assert "published without them" in Page(write_study_report(study).read_text(encoding="utf-8")).text


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("results.json", '{"format": 1}', r"results\.json: format 1, expected 2"),
        ("results.json", '{"format": 2}', r"results\.json: is damaged \(prepose: Field required"),
        ("results.json", {"arms.0.train_flops": "many"}, r"results\.json: is damaged \(arms\.0\.train_flops: .*number"),
        ("results.json", "{", r"results\.json: is damaged"),
        ("report.html", "<html>", r"report\.html: is damaged \(no data in the page\); restore it"),
        ("report.html", '<script id="data" type="application/json">{}</script>', r"damaged \(bones: Field required\);"),
    ],
)
def test_a_damaged_published_study_is_refused_and_left_alone(own_study, name, content, told):
    write_study_report(own_study)
    shutil.rmtree(own_study / "trials")
    if isinstance(content, dict):
        values = json.loads((own_study / name).read_text())
        values["arms"][0]["train_flops"] = content["arms.0.train_flops"]
        content = json.dumps(values)
    (own_study / name).write_text(content)
    before = (own_study / "report.html").read_bytes()
    with pytest.raises(DataError, match=told):
        write_report_of(own_study)
    assert (own_study / "report.html").read_bytes() == before


def test_what_a_user_writes_stays_text(own_study):
    study = json.loads((own_study / "study.json").read_text())
    study["study"]["question"] = "<script>alert(1)</script> \ud800"
    study["study"]["sets"]["lab"]["title"] = "</script><script>alert(2)</script><!--<script>"
    write(own_study / "study.json", study)
    page = Page(write_study_report(own_study).read_text(encoding="utf-8"))
    assert set(page.scripts) == {"data", "plotly", "code"} and "alert" not in page.scripts["code"]
    assert "<script>alert(1)</script>" in page.text


def test_the_same_folder_gives_the_same_report(own_study):
    names = ["report.html", "report.md", "results.json", *(f"tables/{name}.csv" for name in ("figures", "comparisons"))]
    write_study_report(own_study)
    first = [(own_study / name).read_bytes() for name in names]
    write_study_report(own_study)
    assert [(own_study / name).read_bytes() for name in names] == first


def test_two_seeds_draw_no_conclusion(tmp_path):
    study = fake_study(tmp_path / "study", Fake(seeds=(0, 1)))
    page = Page(write_study_report(study).read_text(encoding="utf-8"))
    assert "no conclusion" in page.text and "Fewer than 3 seeds (2) carry no statistical conclusion" in page.text
    assert "Better in" not in page.text


def test_one_seed_is_reported_without_intervals(tmp_path):
    study = fake_study(tmp_path / "study", Fake(seeds=(5,)))
    write_study_report(study)
    found = json.loads((study / "results.json").read_text())
    figures = [row for each in found["sets"] for arm in each["arms"].values() for row in arm["measures"].values()]
    assert {row["interval"] for row in figures} == {None}
    assert "no conclusion" in (study / "report.md").read_text(encoding="utf-8")


def test_a_study_without_comparisons_is_reported(tmp_path):
    study = fake_study(tmp_path / "study", Fake(comparisons=()))
    assert "The study plans no comparison" in Page(write_study_report(study).read_text(encoding="utf-8")).text


def test_a_quickstart_is_reported_by_the_same_verb(own_comparison, tmp_path):
    assert write_report_of(own_comparison) == own_comparison / "report.html"
    with pytest.raises(DataError, match=f"is a quickstart.*leave out --stores {tmp_path}"):
        write_report_of(own_comparison, stores_in=tmp_path)
    with pytest.raises(DataError, match="holds no study"):
        write_report_of(tmp_path)


def test_json_stands_in_lines():
    text = as_lines({"a": [{"b": 1}, {"b": 2}], "c": {"d": []}, "e": []})
    assert text == '{\n"a": [\n{"b": 1},\n{"b": 2}\n],\n"c": {"d": []},\n"e": []\n}\n'
    assert json.loads(text) == {"a": [{"b": 1}, {"b": 2}], "c": {"d": []}, "e": []}
