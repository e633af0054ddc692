import pickle
from dataclasses import replace
from pathlib import Path

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
    check_values,
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


def with_column(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    at = batch.schema.get_field_index(name)
    columns = [column if number == at else there for number, there in enumerate(batch.columns)]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


@pytest.mark.parametrize("name", ["image", "image_path", *TEXTS])
def test_offsets_that_lead_out_of_a_block_are_found_on_opening(tmp_path, generator, name):
    samples = [replace(sample, **{name: f"{name} {sample.frame}"}) if name in TEXTS[:4] else sample
               for sample in fake_samples(5, MPII_16, generator)]  # fmt: skip
    if name == "image_path":
        samples = [replace(sample, image=Path(f"{sample.frame}.jpg")) for sample in samples]
    batch = pack(samples, 16)
    write_block(tmp_path / "block", batch)
    whole = (tmp_path / "block").read_bytes()
    offsets = batch.column(name).buffers()[1]
    kind = np.int64 if name == "image" else np.int32
    at = whole.index(offsets.to_pybytes()[: 6 * kind().itemsize])
    for row in (0, 2, 5):
        for offset in (-1, 10**6, 2**31 - 1, -(2**31)):
            data = bytearray(whole)
            data[at + row * kind().itemsize : at + (row + 1) * kind().itemsize] = kind(offset).tobytes()
            (tmp_path / "block").unlink()
            (tmp_path / "block").write_bytes(data)
            with pytest.raises(DataError, match="block: not a readable Arrow file"):
                read_block(tmp_path / "block", 16)


def texts_of(*texts: bytes) -> pa.Array:
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), 5, [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))])


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("subject", texts_of(b"a", b"b\xff", b"c", b"d", b"e"), "UTF8"),
        ("subject", pa.array(["a", None, "c", "d", "e"]), "values of subject are missing"),
        ("frame", pa.array([1, 2, None, 4, 5]), "values of frame are missing"),
        ("camera_size_wh", pa.array([[1, 2], None, [1, 2]] + [[1, 2]] * 2, pa.list_(pa.int32(), 2)), "are missing"),
        ("states", pa.array([[1] * 15 + [None]] * 5, pa.list_(pa.uint8(), 16)), "values of states are missing"),
        ("image", pa.array([b"x", None, b"x", b"x", b"x"], pa.large_binary()), "exactly one image"),
        ("image_path", pa.array(["a.jpg", None, None, None, None]), "exactly one image"),
    ],
)
def test_values_that_are_missing_or_no_text_are_found_on_opening(tmp_path, generator, name, column, message):
    batch = pack(fake_samples(5, MPII_16, generator), 16)
    # Arrow itself does not mind nulls where the schema has none.
    write_block(tmp_path / "block", with_column(batch, name, column))
    with pytest.raises(DataError, match=message):
        read_block(tmp_path / "block", 16)


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_compressed_block_is_refused_before_it_is_unpacked(tmp_path, generator, codec):
    batch = pack(fake_samples(5, MPII_16, generator), 16)
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with (
        pa.OSFile(str(tmp_path / "block"), "wb") as sink,
        pa.ipc.new_stream(sink, batch.schema, options=options) as out,
    ):
        out.write_batch(batch)
    with pytest.raises(DataError, match="its samples are compressed"):
        read_block(tmp_path / "block", 16)


def test_a_file_of_two_blocks_is_refused(tmp_path, generator):
    batch = pack(fake_samples(5, MPII_16, generator), 16)
    with pa.OSFile(str(tmp_path / "block"), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as out:
        out.write_batch(batch)
        out.write_batch(batch)
    with pytest.raises(DataError, match="more than one block"):
        read_block(tmp_path / "block", 16)


def test_damaged_blocks_never_do_more_than_fail(tmp_path, generator):
    samples = fake_samples(5, MPII_16, generator)
    write_block(tmp_path / "block", pack(samples, 16))
    whole = (tmp_path / "block").read_bytes()
    opened = 0
    for _ in range(400):
        data = bytearray(whole)
        for at in generator.integers(0, len(data), 3):
            data[at] = generator.integers(256)
        # Not over the one before: that is still mapped into memory.
        (tmp_path / "block").unlink()
        (tmp_path / "block").write_bytes(data)
        try:
            block = read_block(tmp_path / "block", 16)
        except DataError:
            continue
        opened += 1
        assert all(len(view) == 5 for view in block.numbers.values())
        assert all(len(column.to_pylist()) == 5 for column in block.texts.values())
        assert all(type(block.image(row)) in (bytes, str) for row in range(5))
    assert 0 < opened < 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("box_xywh", [0, 0, np.inf, 1]),
        ("box_xywh", [0, 0, 0, 1]),
        ("box_xywh", [np.nan, 0, 1, 1]),
        ("head_box_xywh", [0, 0, np.inf, 1]),
        ("joints_img", np.full((16, 2), np.inf)),
        ("joints_cam", np.full((16, 3), -np.inf)),
        ("states", np.full(16, 99)),
        ("camera_size_wh", [5, 0]),
        ("camera_size_wh", [-5, -5]),
        ("camera_K", np.zeros((3, 3))),
        ("camera_K", np.full((3, 3), np.nan)),
        ("camera_rotation", 2 * np.eye(3)),
        ("camera_rotation", np.diag([1, 1, -1])),
        ("camera_translation", [0, np.nan, 0]),
        ("camera_distortion", [np.inf, 0, 0, 0, 0]),
    ],
)
def test_numbers_that_no_sample_may_have_are_found(generator, name, value):
    batch = pack(fake_samples(5, MPII_16, generator), 16)
    block = Block(batch, 16)
    check_values(block)
    values = block.numbers[name].copy()
    row = int(np.flatnonzero(block.numbers["camera_size_wh"][:, 0])[-1])
    values[row] = value
    flat = pa.array(values.reshape(-1))
    changed = with_column(batch, name, pa.FixedSizeListArray.from_arrays(flat, values[0].size))
    with pytest.raises(ValueError, match=f"sample {row} has an invalid {name}"):
        check_values(Block(changed, 16))
