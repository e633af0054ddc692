import numpy as np

from people_of_protocol import sample_of
from prepose.body.skeletons import MPII_16
from prepose.data.dataset import dataset_of
from prepose.predict.sizing import detail_numbers


def test_numbers_of_details_are_a_column_with_nan_where_there_is_none():
    joints = np.random.default_rng(0).normal(0, 300, (16, 3)) + np.array([0.0, 0, 5000])
    kept = [{"area": 12.5, "image": 7}, {}, {"area": None}, {"area": "large"}]
    dataset = dataset_of([sample_of(MPII_16, joints, details=details) for details in kept], skeleton=MPII_16)
    np.testing.assert_array_equal(detail_numbers(dataset, "area"), [12.5, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(detail_numbers(dataset, "image"), [7, np.nan, np.nan, np.nan])
