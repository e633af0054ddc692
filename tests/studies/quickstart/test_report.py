import base64
import gzip
import html
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from fakes_comparison import SECONDS
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.errors import DataError
from prepose.metrics.evaluation_files import load_evaluation
from prepose.recipes.budget import training_flops
from prepose.studies.analysis.analyse import analyse
from prepose.studies.quickstart.report import answers, main_table, report_of, write_report
from prepose.studies.results.study_results import read_study


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
def report(page_file):
    return json.loads((page_file.parent / "report.json").read_text())


@pytest.fixture(scope="module")
def analysis(comparison):
    return analyse(read_study(comparison.folder))


def seeds_of(comparison, arm, name):
    runs = [comparison.run(arm, seed) / "evaluations" / f"{name}.json" for seed in (0, 1)]
    return [load_evaluation(path).overall() for path in runs]


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


def test_every_number_of_the_table_is_the_reports(page_file, report):
    page = page_file.read_text(encoding="utf-8")
    table = page.partition('<section id="table">')[2].partition("</section>")[0]
    rows = re.findall(r"<tr.*?</tr>", table.partition("<tbody>")[2], re.DOTALL)
    assert [html.unescape(re.sub(r"<.*?>", "", re.search(r"<th.*?</th>", row, re.DOTALL)[0])) for row in rows] == [
        "mean training pose", "true 2D, flat depth", "only-3d", "mixed", "pretrain-finetune",
    ]  # fmt: skip
    for row, arm in zip(rows[2:], report["arms"], strict=True):
        cells = [re.sub(r"<.*?>", "|", cell).strip("|") for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        expected = []
        for each in report["sets"]:
            for measure, factor in (("mpjpe_mm", 1), ("pa_mpjpe_mm", 1), ("pck2d", 100)):
                mean, low, high = (
                    arm["evaluations"][each["name"]][measure][key] * factor for key in ("mean", "low", "high")
                )
                expected.append(f"{mean:.1f}|{low:.1f} to {high:.1f}")
        assert cells == [*expected, f"{arm['images_seen']:,}", cells[-2], f"{arm['seconds']:.0f} s"]
    for row, sets in zip(rows[:2], report["baselines"].values(), strict=True):
        cells = [re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        assert cells[0] == f"{sets['lab']['mpjpe_mm']:.1f}" and cells[-3:] == ["–"] * 3
        assert cells[2] == ("–" if sets["lab"].get("pck2d") is None else f"{100 * sets['lab']['pck2d']:.1f}")


def test_the_best_arm_of_each_column_is_marked(analysis, report):
    """The fakes have least noise in pretrain-finetune, so that all its errors are lowest."""
    rows = {row.head: [cell.best for cell in row.cells] for row in main_table(analysis, report["baselines"]).rows}
    assert all(rows["pretrain-finetune"][column] for column in (0, 1, 3, 4, 6, 7))
    assert not any(any(rows[head]) for head in ("only-3d", "mean training pose", "true 2D, flat depth"))


def test_numbers_are_means_and_spreads_over_the_seeds(report, comparison):
    for arm in report["arms"]:
        assert arm["seeds"] == [0, 1] and set(arm["evaluations"]) == {"lab", "wild", "occluded"}
        for name, figures in arm["evaluations"].items():
            seeds = seeds_of(comparison, arm["name"], name)
            assert {"mpjpe_mm", "pa_mpjpe_mm", "pck2d"} <= set(figures)
            for measure, found in figures.items():
                values = np.array([seed[measure] for seed in seeds])
                expected = (values.mean(), values.std(ddof=1), values.min(), values.max())
                assert tuple(found[key] for key in ("mean", "std", "low", "high")) == pytest.approx(expected)


def test_costs_are_those_of_the_recipes_and_the_trainings(report, comparison):
    for arm, recipe in zip(report["arms"], comparison.recipes.values(), strict=True):
        assert arm["train_flops"] == training_flops(recipe)
        assert arm["images_seen"] == recipe.samples
        assert arm["seconds"] == pytest.approx(10.5), "the mean of what the trainings took"
        assert 5e5 < arm["parameters"] < 1e6
    assert report["seconds_total"] == sum(SECONDS.values())
    assert report["steps"] == ["synthesis: 12 s", "training and evaluation: 30 s"]


def test_the_reports_curves_are_the_validations_of_the_log(report):
    assert [each["name"] for each in report["curves"]] == ["lab", "wild"]
    for arm in report["arms"]:
        assert len(arm["curves"]) == 2
        for seed in arm["curves"]:
            assert [point["mpjpe_mm"] for point in seed["lab"]] == [260, 220, 180, 140]
            assert [point["mpjpe_mm"] for point in seed["wild"]] == [360, 320, 280, 240]
            assert [point["images"] for point in seed["lab"]] == [arm["images_seen"] * k // 4 for k in (1, 2, 3, 4)]
            assert [point["flops"] for point in seed["lab"]] == [0.25e12, 0.5e12, 0.75e12, 1e12]


def test_the_command_gives_the_same_comparison_again(analysis, comparison):
    report = report_of(read_study(comparison.folder), analysis)
    assert report["command"] == f"prepose quickstart --quick --out {comparison.folder}"
    assert report["size"] == "quick"


def test_paths_are_relative_so_that_the_folder_can_be_moved(report, comparison):
    for run in (run for arm in report["arms"] for run in arm["runs"]):
        assert (comparison.folder / run / "recipe.json").is_file()
        assert not run.startswith("/")
    for each in (*report["sets"], *report["worlds"]):
        assert (comparison.folder / each["store"] / each["split"] / "split.json").is_file()


def test_the_environment_says_where_it_began(report):
    assert {"prepose", "torch", "python", "cpu", "cpu_count", "git_commit", "date"} <= report["environment"].keys()
    assert "resumed" not in report["environment"]


def test_each_answer_states_the_difference_of_the_means(analysis, comparison, report):
    found = list(answers(analysis))
    assert [sentence.split(":")[0] for sentence in found] == [
        "pretrain-finetune against only-3d",
        "pretrain-finetune against mixed",
    ]
    for sentence, other in zip(found, ("only-3d", "mixed"), strict=True):
        for each in report["sets"]:
            mine, theirs = (
                [seed["mpjpe_mm"] for seed in seeds_of(comparison, arm, each["name"])]
                for arm in ("pretrain-finetune", other)
            )
            part = re.search(rf"{each['title']}: (\d+) mm (\w+) \((\d+) against (\d+), seeds ([\w ]+)\)", sentence)
            change = np.mean(mine) - np.mean(theirs)
            expected = [round(float(value)) for value in (abs(change), np.mean(mine), np.mean(theirs))]
            assert [int(part[1]), int(part[3]), int(part[4])] == expected
            assert part[2] == ("lower" if change < 0 else "higher")
            apart = max(mine) < min(theirs) or max(theirs) < min(mine)
            assert part[5] == ("do not overlap" if apart else "overlap")
    # The noise of the fakes: far more for only-3d, a hair's breadth between mixed and pretrain-finetune.
    assert found[0].count("seeds do not overlap") == 3 and ", seeds overlap" in found[1]


def test_one_seed_is_not_said_to_overlap(analysis):
    def alone(row):
        return replace(row, seeds=row.seeds[:1], seed_means=row.seed_means[:1])

    sets = [
        replace(each, arms={name: replace(arm, measures={"mpjpe_mm": alone(arm.measures["mpjpe_mm"])})
                            for name, arm in each.arms.items()})
        for each in analysis.sets
    ]  # fmt: skip
    assert not any("overlap" in sentence for sentence in answers(replace(analysis, sets=tuple(sets))))


def test_few_seeds_bring_a_caution(page):
    assert "Fewer than 3 seeds (2) carry no statistical conclusion" in page.text


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
        assert {arm["name"] for arm in case["arms"]} == {arm["name"] for arm in report["arms"]}
        assert all(len(arm["pose"]) == 16 and arm["mm"] > 0 for arm in case["arms"])


def test_cases_are_ranked_by_the_arm_that_is_compared(data):
    for name in ("lab", "wild", "occluded"):
        poses = [data["cases"][f"{name}-{number}"]["arms"][0] for number in range(6)]
        errors = [pose["mm"] for pose in poses]
        assert {pose["name"] for pose in poses} == {"pretrain-finetune"}
        assert errors[0] <= errors[1] <= errors[2] <= errors[3] <= errors[5] <= errors[4]


def test_every_bone_has_its_ends_and_colour(data):
    assert len(data["bones"]) == len(data["bone_colours"]) == 15
    assert {joint for bone in data["bones"] for joint in bone} == set(range(16))
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in data["bone_colours"])


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
    path = own_comparison / "study.json"
    spoiled = json.loads(path.read_text())
    spoiled["study"]["question"] = "<script>alert(1)</script>"
    spoiled["study"]["sets"]["lab"]["title"] = "</script><script>alert(2)</script>"
    path.write_text(json.dumps(spoiled))
    page = Page(write_report(own_comparison).read_text(encoding="utf-8"))
    assert set(page.scripts) == {"data", "plotly", "code"} and "alert" not in page.scripts["code"]
    assert spoiled["study"]["question"] in page.text


def test_the_same_folder_gives_the_same_page(own_comparison):
    first = write_report(own_comparison).read_bytes()
    assert write_report(own_comparison).read_bytes() == first
    assert not list(own_comparison.glob("*.part"))


def test_an_unfinished_comparison_is_refused_and_the_old_page_stays(own_comparison):
    old = write_report(own_comparison).read_bytes()
    (own_comparison / "runs/mixed-seed1/evaluations/wild.json").unlink()
    with pytest.raises(DataError, match="only 5 of the quickstart's 6 trainings are finished; run `prepose quickstart"):
        write_report(own_comparison)
    (own_comparison / "runs/only-3d-seed0/costs.json").unlink()
    with pytest.raises(DataError, match="only 4 of the quickstart's 6"):
        write_report(own_comparison)
    assert (own_comparison / "report.html").read_bytes() == old


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("runs/mixed-seed1/evaluations/wild.npz", lambda data: data[:-7], "does not belong to the .json beside it"),
        ("runs/only-3d-seed0/log.csv", lambda data: data.replace(b"samples,", b"x,"), "has no column 'samples'"),
        ("quickstart.json", lambda data: b'{"seconds": 3}', r"is damaged \(seconds\)"),
        ("environment.json", lambda data: b"", "is damaged"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_written(own_comparison, name, spoil, message):
    path = own_comparison / name
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=f"^{path}: {message}"):
        write_report(own_comparison)
    assert not (own_comparison / "report.html").exists() and not (own_comparison / "report.json").exists()


def test_without_its_stores_the_page_has_no_images_and_says_so(own_comparison, comparison):
    """The recipes still name the stores of the folder that this one was copied from: those are not opened."""
    shutil.rmtree(own_comparison / "stores")
    assert all((comparison.folder / "stores" / name).is_dir() for name in ("lab", "wild", "occluded"))
    page = Page(write_report(own_comparison).read_text(encoding="utf-8"))
    assert "store lab is not in the study's folder, so its images cannot be shown" in page.text
    assert "--stores" not in page.text
    assert not [value for tag, name, value in page.attributes if tag == "img"]


def test_a_store_that_is_a_link_is_not_opened(own_comparison, comparison):
    shutil.rmtree(own_comparison / "stores" / "lab")
    (own_comparison / "stores" / "lab").symlink_to(comparison.folder / "stores" / "lab")
    with pytest.raises(DataError, match="lab is a link"):
        write_report(own_comparison)


def test_an_image_outside_its_store_is_not_shown(own_comparison, tmp_path):
    store = own_comparison / "stores" / "wild"
    there = open_store(store, "train")
    samples = []
    for i, sample in enumerate(there):
        (tmp_path / f"private{i}.jpg").write_bytes(there.image_bytes(i))
        samples.append(replace(sample, image=tmp_path / f"private{i}.jpg"))
    shutil.rmtree(store)
    write_store(store, StoreDescription("wild", there.skeleton), "train", samples, total=len(samples))
    with pytest.raises(DataError, match=r"private\d+\.jpg"):
        write_report(own_comparison)
    assert not (own_comparison / "report.html").exists()


def test_a_damaged_store_is_named(own_comparison):
    shard = next((own_comparison / "stores/occluded/test").glob("*.arrow"))
    shard.unlink()
    with pytest.raises(DataError, match=f"^{shard}: the shard is missing"):
        write_report(own_comparison)
