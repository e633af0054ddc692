import pytest

from prepose.data.catalog import DATASETS
from prepose.specs.fields import from_json
from prepose.specs.ledger import Ledger, TrainedOn, terms_to_check, trained_on


def entry(name="lsp", licence="research use, with citation", labels="2d", samples=1000):
    return TrainedOn(dataset=name, split="train", samples=samples, labels=labels, licence=licence)


FREE = entry("wild", "CC0-1.0", "3d")


def test_a_line_names_each_dataset_with_its_labels_samples_and_limits():
    ledger = Ledger(datasets=(entry(), FREE), pretrained=("imagenet",), unrecorded=("old.pth",))
    assert trained_on(ledger) == (
        "lsp/train (2D, 1,000 samples, research only), wild/train (3D, 1,000 samples); pretrained: imagenet; "
        "not recorded for old.pth"
    )
    assert trained_on(Ledger()) == "no dataset"
    assert trained_on(None) == "not recorded"


def test_merging_keeps_each_entry_once_and_in_order():
    first = Ledger(datasets=(entry(), FREE), pretrained=("imagenet",))
    second = Ledger(datasets=(FREE, entry(samples=7)), unrecorded=("a",))
    merged = first.merged(second)
    assert merged.datasets == (entry(), FREE, entry(samples=7))
    assert (merged.pretrained, merged.unrecorded) == (("imagenet",), ("a",))
    assert first.merged(first) == first


def test_research_only_data_are_named_with_their_terms():
    line = terms_to_check(Ledger(datasets=(FREE, entry())))
    assert line is not None and "lsp/train (research use, with citation)" in line and "wild" not in line
    assert terms_to_check(Ledger(datasets=(FREE,))) is None
    assert terms_to_check(None) is None


def test_the_terms_of_the_catalogue_are_told_apart():
    free = {name for name, one in DATASETS.items() if not entry(licence=one.licence).research_only}
    # Of these, the terms are a user's own, each set's, or name no use.
    assert free == {"coco", "coco-style", "custom", "cvat", "label-studio", "yolo-pose"}


def test_a_ledger_survives_json_and_a_damaged_one_is_named():
    ledger = Ledger(datasets=(entry(), FREE), pretrained=("imagenet",))
    assert from_json(Ledger, ledger.model_dump(mode="json")) == ledger
    with pytest.raises(ValueError, match=r"datasets\.0\.labels"):
        from_json(Ledger, {"datasets": [{**entry().model_dump(), "labels": "4d"}]})
    with pytest.raises(ValueError, match="other"):
        from_json(Ledger, {"other": 1})
