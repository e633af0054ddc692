import pickle

import numpy as np
import pyarrow as pa
import pytest

from fakes import fake_samples
from prepose.body.skeletons import LSP_14, MPII_16, SKELETONS
from prepose.data.columns import (
    CHIP_COLUMN,
    PROJECTED_COLUMN,
    TEXTS,
    Block,
    Blocks,
    number_columns,
    pack,
    read_block,
    schema_of,
    write_block,
)
from prepose.errors import DataError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_block_has_the_schema_of_its_skeleton(skeleton, generator):
    batch = pack(fake_samples(4, skeleton, generator), len(skeleton))
    assert batch.schema.equals(schema_of(len(skeleton)))
    assert {*batch.schema.names, CHIP_COLUMN, PROJECTED_COLUMN} == {
        "image",
        "image_path",
        *TEXTS,
        *number_columns(len(skeleton)),
    }


def test_views_of_a_file_cost_no_copy(tmp_path, generator):
    write_block(tmp_path / "block", pack(fake_samples(5, MPII_16, generator), 16))
    block = read_block(tmp_path / "block", 16)
    before = pa.total_allocated_bytes()
    views = block.numbers
    assert pa.total_allocated_bytes() == before
    assert all(not view.flags.owndata and not view.flags.writeable for view in views.values())


def test_a_block_of_a_file_is_pickled_as_its_path(tmp_path, generator):
    write_block(tmp_path / "block", pack(fake_samples(50, MPII_16, generator), 16))
    block = read_block(tmp_path / "block", 16)
    data = pickle.dumps(block)
    assert len(data) < 1000
    np.testing.assert_array_equal(pickle.loads(data).numbers["joints_cam"], block.numbers["joints_cam"])


def test_a_block_opens_with_the_datasets_library(tmp_path, generator):
    from datasets import Dataset

    write_block(tmp_path / "block", pack(fake_samples(5, MPII_16, generator), 16))
    foreign = Dataset.from_file(str(tmp_path / "block"))
    assert foreign.num_rows == 5
    assert foreign[3]["frame"] == 3


@pytest.mark.parametrize("content", [b"", b"not arrow at all", b"\xff\xff\xff\xff\x10\x00\x00\x00"], ids=len)
def test_a_file_that_is_no_block_is_refused(tmp_path, content):
    (tmp_path / "block").write_bytes(content)
    with pytest.raises(DataError, match="not a readable Arrow file"):
        read_block(tmp_path / "block", 16)


def test_a_block_of_another_number_of_joints_is_refused(tmp_path, generator):
    write_block(tmp_path / "block", pack(fake_samples(5, MPII_16, generator), 16))
    with pytest.raises(DataError, match="not a block of samples with 14 joints"):
        read_block(tmp_path / "block", len(LSP_14))


def test_rows_are_gathered_across_blocks_in_any_order(generator):
    samples = fake_samples(23, MPII_16, generator)
    parts = [samples[:7], [], samples[7:8], samples[8:]]
    blocks = Blocks(Block(pack(part, 16), 16) for part in parts)
    rows = generator.integers(0, 23, 60)
    assert len(blocks) == 23
    np.testing.assert_array_equal(blocks.gather("frame", rows), rows)
    wanted = np.stack([samples[row].joints_cam for row in rows]).astype(np.float32)
    np.testing.assert_array_equal(blocks.gather("joints_cam", rows), wanted)
    assert blocks.gather_texts("source", rows) == [f"fake {row}" for row in rows]
    for row in range(23):
        block, local = blocks.find(row)
        assert block.numbers["frame"][local] == row
