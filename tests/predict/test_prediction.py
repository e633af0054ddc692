import json

import numpy as np

from prepose.body.skeletons import MPII_16
from prepose.predict.predictor import Predictor


def test_a_prediction_is_plain_json(weights, photograph):
    prediction = Predictor.load(weights).predict([photograph], names=["beach.jpg"])[0]
    content = json.loads(json.dumps(prediction.to_json(), allow_nan=False))
    assert {"skeleton", "joints_img", "joints_cam", "confidence", "units", "frame"} <= set(content)
    assert content["skeleton"] == "mpii-16"
    assert content["joints"] == list(MPII_16.joints)
    np.testing.assert_allclose(content["joints_img"], prediction.joints_img, atol=1e-3)
    np.testing.assert_allclose(content["joints_cam"], prediction.joints_cam, atol=1e-3)
    np.testing.assert_allclose(content["camera"]["K"], prediction.camera.K, atol=1e-5)
    assert content["units"]["joints_cam"] == "mm"
    assert "z forward" in content["frame"]["joints_cam"]
    assert content["root_depth"]["rule"].startswith("mean-person")
    assert content["image"] == {"name": "beach.jpg", "width": 180, "height": 120}
    assert content["weights"] == prediction.weights
