import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from fakes_evaluation import drawn_evaluation
from prepose import cli
from prepose.data.store import StoreDescription, write_store
from prepose.errors import DataError
from prepose.metrics.protocols import get_protocol
from prepose.metrics.reliability import reliability_in_image, reliability_mm
from prepose.models.checkpoint import load_weights, save_weights
from prepose.models.export import export_net
from prepose.models.pose_net import build_pose_net
from prepose.models.weights_file import read_weights
from prepose.predict.calibrate import calibrate, fitted
from prepose.predict.evaluate import weights_digest
from prepose.predict.pose_files import PoseWriter, read_poses, write_csv, write_npz
from prepose.predict.predictor import Predictor
from prepose.predict.scoring import score_run
from prepose.predict.smoothing import Smoother
from prepose.specs.ledger import Ledger, TrainedOn


def with_errors_by_confidence(seed, num_samples=1500):
    """Errors whose mean is 200 mm at confidence 0 and 20 mm at confidence 1, the same for all joints but the root."""
    one = drawn_evaluation(num_samples=num_samples, seed=seed)
    generator = np.random.default_rng(seed)
    mean = 200 - 180 * one.confidence
    away = generator.normal(size=one.truth_mm.shape)
    away *= (generator.exponential(mean) / np.linalg.norm(away, axis=-1))[..., None]
    away[:, one.skeleton.index("pelvis")] = 0
    prediction = (np.nan_to_num(one.truth_mm) + away).astype(np.float32)
    return replace(one, protocol=get_protocol("mean-person"), prediction_mm=prediction, dataset="lab")


def test_fitted_expected_errors_hold_on_other_samples_of_the_kind():
    calibration = fitted(with_errors_by_confidence(0))
    other = with_errors_by_confidence(1)
    expected = calibration.expected_mm(other.confidence, other.skeleton)
    plain = 200 - 180 * other.confidence[:, other.skeleton.index("l_knee")]
    assert np.abs(expected[:, other.skeleton.index("l_knee")] - plain).mean() < 15
    found = reliability_mm(replace(other, expected_mm=expected))
    assert found["overall"].expected_calibration_error < 4
    for each in found["overall"].bins:
        assert each.expected == pytest.approx(each.measured, abs=12)
    assert str(calibration) == "lab/test (1,500 samples)" and calibration.mm["knee"].num_joints > 2000


def test_joints_with_few_labels_get_no_expected_error():
    few = with_errors_by_confidence(0, num_samples=40)
    calibration = fitted(few)
    # 40 samples have some 70 labels of knees and fewer than 50 of heads.
    assert "knee" in calibration.mm and "head_top" not in calibration.mm and "pelvis" not in calibration.mm
    with pytest.raises(DataError, match="lab/test: has fewer than 50 labelled joints of each kind in its 10 samples"):
        fitted(with_errors_by_confidence(0, num_samples=10))


def test_without_3d_labels_there_are_errors_in_the_image_alone():
    flat = drawn_evaluation(num_samples=100)
    calibration = fitted(replace(flat, truth_mm=np.full_like(flat.truth_mm, np.nan)))
    assert calibration.crop and not calibration.mm


@pytest.fixture(scope="module")
def store(people_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "lab"
    samples = people_of(60)
    write_store(folder, StoreDescription("lab", samples[0].skeleton, "CC0", "none"), "validation", samples)
    return folder


@pytest.fixture(scope="module")
def calibrated(weights, store, tmp_path_factory):
    out = tmp_path_factory.mktemp("calibrated") / "net.safetensors"
    result = CliRunner().invoke(cli.app, ["calibrate", str(weights), "--data", str(store), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert f"{out}: calibrated on lab/validation (60 samples)" in " ".join(result.output.split())
    return out


def test_the_weights_keep_it_and_exports_carry_it(calibrated, weights, tmp_path):
    net = load_weights(calibrated)
    assert net.calibration.samples == 60 and net.calibration.prepose and net.calibration.mm["ankle"].num_joints == 120
    assert weights_digest(net) == weights_digest(load_weights(weights))
    half = export_net(net, tmp_path / "half.safetensors", "half").path
    assert load_weights(half).calibration == net.calibration


def test_predictions_have_them_and_files_too(calibrated, photograph, tmp_path):
    one = Predictor.load(calibrated).predict(photograph)[0]
    calibration = load_weights(calibrated).calibration
    np.testing.assert_allclose(one.expected_error_mm, calibration.expected_mm(one.confidence, one.skeleton))
    np.testing.assert_allclose(
        one.expected_error_px, calibration.expected_of_crop(one.confidence, one.skeleton) * one.crop.side
    )
    converted = one.in_skeleton("coco-17")
    knee, nose = (converted.skeleton.index(joint) for joint in ("l_knee", "nose"))
    assert converted.expected_error_mm[knee] == one.expected_error_mm[one.skeleton.index("l_knee")]
    # Of hips by another definition, and of joints that are missing, nothing was measured.
    assert np.isnan(converted.expected_error_mm[[nose, converted.skeleton.index("l_hip")]]).all()
    assert Smoother()(one).expected_error_mm is one.expected_error_mm
    with PoseWriter(tmp_path / "poses.jsonl") as writer:
        writer.write([converted])
    row = json.loads(writer.path.read_text())
    assert row["calibrated_on"] == "lab/validation (60 samples)" and row["expected_error_mm"][nose] is None
    (walk,) = read_poses(tmp_path)
    np.testing.assert_allclose(walk.expected_error_mm[0], converted.expected_error_mm, atol=0.01)
    table = write_csv(writer.path, tmp_path / "poses.csv").read_text().splitlines()
    assert float(table[1 + knee].split(",")[-2]) == pytest.approx(converted.expected_error_mm[knee], abs=0.01)
    assert table[1 + nose].endswith(",missing,,")
    with np.load(write_npz(writer.path, tmp_path / "poses.npz")) as arrays:
        np.testing.assert_allclose(arrays["expected_error_px"][0], converted.expected_error_px, atol=0.01)


def test_without_the_mirror_image_or_a_calibration_there_is_no_expected_error(
    calibrated, weights, photograph, tmp_path
):
    plain = replace(Predictor.load(calibrated), flip_test=False).predict(photograph)[0]
    assert plain.expected_error_mm is plain.expected_error_px is plain.calibrated_on is None
    one = Predictor.load(weights).predict(photograph)[0].in_skeleton("coco-17")
    assert one.expected_error_mm is one.expected_error_px is None and one.to_json()["expected_error_mm"] is None
    with PoseWriter(tmp_path / "poses.jsonl") as writer:
        writer.write([one])
    assert read_poses(tmp_path)[0].expected_error_mm is None
    assert write_csv(writer.path, tmp_path / "poses.csv").read_text().splitlines()[1].endswith(",,")
    with np.load(write_npz(writer.path, tmp_path / "poses.npz")) as arrays:
        assert arrays["expected_error_mm"].shape == (1, 17) and np.isnan(arrays["expected_error_mm"]).all()


def test_an_evaluation_measures_them(calibrated, store):
    found = score_run(calibrated, store, protocol="mean-person")
    assert found.facts["calibrated_on"] == "lab/validation (60 samples)"
    # On the very samples that it was fitted on.
    assert reliability_mm(found)["overall"].expected == pytest.approx(
        reliability_mm(found)["overall"].measured, rel=1e-2
    )
    other = score_run(calibrated, store, protocol="true-root-depth")
    assert reliability_mm(other) == {} and "l_knee" in reliability_in_image(other)


def test_what_starts_from_calibrated_weights_has_none(calibrated):
    from prepose.models.checkpoint import load_into

    net = build_pose_net(load_weights(calibrated).spec)
    load_into(net, calibrated)
    assert net.calibration is None


def test_a_calibration_is_replaced_in_place_and_the_weights_stay_as_they_are(calibrated, store, tmp_path):
    copy = export_net(load_weights(calibrated), tmp_path / "half.safetensors", "half").path
    before = read_weights(copy)
    done = calibrate(copy, store)
    after = read_weights(copy)
    assert done.path == copy and done.replaced == before.calibration and done.calibration == after.calibration
    assert done.left_out == () and (after.spec, after.ledger) == (before.spec, before.ledger)
    for name, tensor in before.tensors.items():
        assert after.tensors[name].dtype == tensor.dtype and after.tensors[name].equal(tensor)


def test_bad_input(calibrated, store, tmp_path):
    with pytest.raises(DataError, match=r"--out .*net\.onnx: expected a file whose name ends in \.safetensors"):
        calibrate(calibrated, store, out=tmp_path / "net.onnx")
    with pytest.raises(DataError, match="exists"):
        calibrate(calibrated, store, out=calibrated)
    with pytest.raises(DataError, match="'test'"):
        calibrate(calibrated, store, split="test")
    learnt = load_weights(calibrated)
    learnt.ledger = Ledger(
        datasets=(TrainedOn(dataset="lab", split="validation", samples=60, labels="3d", licence="CC0"),)
    )
    with pytest.raises(DataError, match="learnt from lab/validation"):
        calibrate(save_weights(learnt, tmp_path / "learnt.safetensors"), store)


def test_a_damaged_calibration_is_said(calibrated, tmp_path):
    content = calibrated.read_bytes()
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(content.replace(b'\\"samples\\": 60', b'\\"samples\\": -6'))
    assert broken.read_bytes() != content
    with pytest.raises(DataError, match=r"the header's calibration is damaged \(samples"):
        load_weights(broken)
