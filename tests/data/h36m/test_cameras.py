import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from fakes_h36m import SUBJECTS, draw_lab, write_camera_json, write_metadata_xml
from prepose.camera.camera import Camera
from prepose.data.h36m.cameras import CAMERA_IDS, find_camera_files, fit_lens, read_camera_file, rotation_of_angles
from prepose.errors import DataError

LAB = draw_lab(np.random.default_rng(0), frames=1, subjects=(1,))


def posed(raw) -> tuple[np.ndarray, np.ndarray]:
    translation = -raw.rotation @ raw.shift if raw.centre else raw.shift
    return raw.rotation, translation


def test_both_files_give_the_same_cameras(tmp_path):
    write_metadata_xml(tmp_path / "metadata.xml", LAB.w0)
    write_camera_json(tmp_path / "camera-parameters.json", LAB)
    of_xml, of_json = (read_camera_file(tmp_path / name) for name in ("metadata.xml", "camera-parameters.json"))
    assert len(of_xml) == 44
    assert set(of_json) == {(subject, camera) for subject in SUBJECTS for camera in range(4)}
    for key, raw in of_json.items():
        true = LAB.cameras[key]
        for one in (raw, of_xml[key]):
            rotation, translation = posed(one)
            np.testing.assert_allclose(rotation, true.rotation, atol=1e-12)
            np.testing.assert_allclose(translation, true.translation, atol=1e-8)
            np.testing.assert_allclose(one.K, true.K)
            np.testing.assert_allclose(one.distortion, true.distortion)


def camera_pickle(path, **changed) -> None:
    """MMPose's cameras.pkl: world from camera, metres, column vectors."""
    content = {}
    for (subject, camera), true in LAB.cameras.items():
        k1, k2, p1, p2, k3 = true.distortion
        numbers = {
            "R": true.rotation.T, "T": -true.rotation.T @ true.translation[:, None] / 1000, "c": true.K[:2, 2:],
            "f": np.diag(true.K)[:2, None], "k": np.array([[k1], [k2], [k3]]), "p": np.array([[p1], [p2]]),
            "w": 1000, "h": 1002, "id": CAMERA_IDS[camera],
        }  # fmt: skip
        content[f"S{subject}", CAMERA_IDS[camera]] = numbers | changed
    path.write_bytes(pickle.dumps(content))


def test_mmposes_cameras_are_in_metres_and_lead_from_the_camera_to_the_world(tmp_path):
    camera_pickle(tmp_path / "cameras.pkl")
    assert list(find_camera_files(tmp_path)) == [tmp_path / "cameras.pkl"]
    cameras = read_camera_file(tmp_path / "cameras.pkl")
    assert set(cameras) == set(LAB.cameras)
    for key, true in LAB.cameras.items():
        rotation, translation = posed(cameras[key])
        np.testing.assert_allclose(rotation, true.rotation, atol=1e-12)
        np.testing.assert_allclose(translation, true.translation, atol=1e-6)
        np.testing.assert_allclose(cameras[key].K, true.K)
        np.testing.assert_allclose(cameras[key].distortion, true.distortion)
    camera_pickle(tmp_path / "cameras.pkl", f=3)
    with pytest.raises(DataError, match=r"cameras\.pkl: is not MMPose's table of Human3\.6M's cameras"):
        read_camera_file(tmp_path / "cameras.pkl")


def test_w0_runs_over_subjects_within_cameras_and_lenses_come_last(tmp_path):
    write_metadata_xml(tmp_path / "metadata.xml", np.arange(300.0))
    cameras = read_camera_file(tmp_path / "metadata.xml")
    np.testing.assert_array_equal(cameras[1, 0].shift, [3, 4, 5])
    np.testing.assert_array_equal(cameras[2, 0].shift, [9, 10, 11])
    np.testing.assert_array_equal(cameras[1, 1].shift, [69, 70, 71])
    np.testing.assert_array_equal(cameras[11, 3].shift, [261, 262, 263])
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = range(273, 282)
    np.testing.assert_array_equal(cameras[5, 1].K, [[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    np.testing.assert_array_equal(cameras[5, 1].distortion, [k1, k2, p1, p2, k3])


def test_angles_turn_about_x_then_y_then_z():
    quarter = np.pi / 2
    np.testing.assert_allclose(rotation_of_angles(np.array([quarter, 0, 0])) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation_of_angles(np.array([0, quarter, 0])) @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation_of_angles(np.array([0, 0, quarter])) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    angles = np.array([0.3, -0.2, 1.1])
    one_by_one = [rotation_of_angles(angles * row) for row in np.eye(3)]
    np.testing.assert_allclose(rotation_of_angles(angles), one_by_one[0] @ one_by_one[1] @ one_by_one[2], atol=1e-12)


def test_files_are_found_at_the_root_or_below(tmp_path):
    assert find_camera_files(tmp_path) == ()
    (tmp_path / "labels").mkdir()
    write_camera_json(tmp_path / "labels" / "camera-parameters.json", LAB)
    assert find_camera_files(tmp_path) == (tmp_path / "labels" / "camera-parameters.json",)
    write_metadata_xml(tmp_path / "metadata.xml", LAB.w0)
    both = (tmp_path / "metadata.xml", tmp_path / "labels" / "camera-parameters.json")
    assert find_camera_files(tmp_path) == both


def spoiled(text: str) -> str:
    return f"<metadata><w0>[{text}]</w0></metadata>"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("metadata.xml", "<metadata></metadata>", "has no element w0"),
        ("metadata.xml", spoiled("1 2 3"), "w0 has 3 numbers, expected 300 finite ones"),
        ("metadata.xml", spoiled("1 " * 299 + "nan"), "w0 has 300 numbers, expected 300 finite"),
        ("metadata.xml", spoiled("1 two 3"), "w0 holds what is no number"),
        ("camera-parameters.json", "{}", r"is not the camera file of Human3\.6M"),
        ("camera-parameters.json", "[1]", r"is not the camera file of Human3\.6M"),
        ("camera-parameters.json", '{"intrinsics": ', "truncated or not JSON"),
    ],
)
def test_damaged_files_are_one_clear_line(tmp_path, name, text, line):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=line):
        read_camera_file(tmp_path / name)


def test_a_json_with_a_short_matrix_is_refused(tmp_path):
    path = tmp_path / "camera-parameters.json"
    write_camera_json(path, LAB)
    data = json.loads(path.read_text())
    data["extrinsics"]["S1"]["54138969"]["R"] = [[1, 0], [0, 1]]
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match=r"is not the camera file of Human3\.6M \(ValueError"):
        read_camera_file(path)


def test_an_entity_in_the_xml_is_never_resolved(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("1 " * 300)
    path = tmp_path / "metadata.xml"
    path.write_text(f'<!DOCTYPE m [<!ENTITY x SYSTEM "file://{secret}">]><m><w0>&x;</w0></m>')
    with pytest.raises(DataError, match="w0 holds what is no number"):
        read_camera_file(path)


@pytest.mark.parametrize("change", ["transposed", "last row", "no focal length"])
def test_a_matrix_that_is_no_cameras_is_refused(tmp_path, change):
    path = tmp_path / "camera-parameters.json"
    write_camera_json(path, LAB)
    data = json.loads(path.read_text())
    K = np.array(data["intrinsics"]["55011271"]["calibration_matrix"])
    changed = {"transposed": K.T, "last row": K * [[1], [1], [2]], "no focal length": K * [[0], [1], [1]]}[change]
    data["intrinsics"]["55011271"]["calibration_matrix"] = changed.tolist()
    path.write_text(json.dumps(data))
    wanted = "positive focal lengths" if change == "no focal length" else "last row of K must be 0 0 1"
    with pytest.raises(DataError, match=rf"camera-parameters\.json: 55011271 of S1 is not a camera .*{wanted}"):
        read_camera_file(path)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    generator = np.random.default_rng(4)
    return generator.uniform([-1500, -1500, 3000], [1500, 1500, 6500], (30, 17, 3))


def real_like() -> Camera:
    return Camera(
        K=np.array([[1146.0, 0, 514], [0, 1143, 501], [0, 0, 1]]),
        size_wh=(1000, 1002),
        distortion=np.array([-0.2, 0.24, -0.0015, -0.001, -0.003]),
    )


def test_a_lens_is_found_again(points):
    true = real_like()
    raw = fit_lens(points, true.project(points))
    np.testing.assert_allclose(raw.K, true.K, atol=0.05)
    found = Camera(K=raw.K, size_wh=(1, 1), distortion=raw.distortion)
    assert np.abs(found.project(points) - true.project(points)).max() < 0.01


def test_a_lens_is_found_among_noise_and_outliers(points):
    generator = np.random.default_rng(5)
    true = real_like()
    places = true.project(points) + generator.normal(0, 1, (30, 17, 2))
    places[::15] += 200
    places[1, 3] = np.nan
    raw = fit_lens(points, places)
    found = Camera(K=raw.K, size_wh=(1, 1), distortion=raw.distortion)
    assert np.median(np.abs(found.project(points) - true.project(points))) < 0.5


def test_few_points_give_focal_lengths_and_centre_alone(points):
    true = Camera(K=real_like().K, size_wh=(1, 1))
    raw = fit_lens(points[:2], true.project(points[:2]))
    np.testing.assert_allclose(raw.K, true.K, atol=1e-6)
    assert not raw.distortion.any()
    with pytest.raises(ValueError, match="a lens needs at least 10 points, 0 are known"):
        fit_lens(points * np.array([1, 1, -1.0]), true.project(points))


def test_a_wide_lens_is_found_again_up_to_its_edge():
    # 110 degrees and more: without a domain, the polynomials that are tried fold the outer joints back into the image.
    true = replace(real_like(), distortion=np.array([-0.2535, 0.0924, -0.0006, 0.0007, -0.0191]))
    generator = np.random.default_rng(6)
    distance, angle = 1.45 * np.sqrt(generator.uniform(0, 1, 900)), generator.uniform(-np.pi, np.pi, 900)
    rays = np.stack([distance * np.cos(angle), distance * np.sin(angle), np.ones(900)], axis=1)
    points = (rays * generator.uniform(1000, 4000, (900, 1))).reshape(-1, 15, 3)
    raw = fit_lens(points, true.project(points))
    np.testing.assert_allclose(raw.lens().project(points), true.project(points), atol=0.05)
    assert raw.lens().ray_limit == pytest.approx(true.ray_limit, abs=0.01)


def test_labels_that_a_polynomial_folded_back_have_no_lens():
    # As other tools project: rays beyond the limit are drawn near the centre again.
    true = replace(real_like(), distortion=np.array([-0.3, 0.0, 0, 0, 0]))
    generator = np.random.default_rng(7)
    points = np.concatenate([generator.uniform(-1.8, 1.8, (600, 2)), np.ones((600, 1))], axis=1) * 2000
    r2 = (points[:, :2] ** 2).sum(axis=1, keepdims=True) / 2000**2
    places = points[:, :2] / 2000 * (1 - 0.3 * r2) @ true.K[:2, :2].T + true.K[:2, 2]
    with pytest.raises(ValueError, match=r"turns back at x/z = \d"):
        fit_lens(points.reshape(-1, 15, 3), places.reshape(-1, 15, 2))
