from dataclasses import replace
from pathlib import Path

from planted import BLANK, simple_samples
from prepose.data.checks.files import check_files
from prepose.data.checks.pictures import look_at
from prepose.data.checks.records import read_records
from prepose.data.dataset import dataset_of


def findings_of(samples):
    dataset = dataset_of(samples, skeleton=samples[0].skeleton)
    return check_files(read_records(dataset, pictures=look_at(dataset, range(len(samples)))))


def test_whole_pictures_have_no_finding():
    assert findings_of(list(simple_samples(4))) == []


def test_each_way_to_be_no_picture_is_told_apart():
    samples = list(simple_samples(6))
    samples[1] = replace(samples[1], image=Path("folder/gone.jpg"))
    samples[2] = replace(samples[2], image=samples[2].image[:-200])
    samples[3] = replace(samples[3], image=b"GIF89a nothing")
    samples[4] = replace(samples[4], image=BLANK)
    missing, broken, blank = findings_of(samples)
    assert (missing.samples, broken.samples, blank.samples) == ((1,), (2, 3), (4,))
    assert "gone.jpg" in missing.text
    assert "truncated" in broken.text
    assert {finding.severity for finding in (missing, broken, blank)} == {"fault"}
